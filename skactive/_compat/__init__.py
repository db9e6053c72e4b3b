"""Private names of scikit-learn, its callbacks, and counts of work."""
