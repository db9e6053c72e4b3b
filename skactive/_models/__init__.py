"""Knowledge about estimators: their responses, and how they are trained."""
