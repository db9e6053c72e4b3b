"""What skactive knows of estimators: what they answer and how they are trained."""
