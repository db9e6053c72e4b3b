"""What skactive takes from scikit-learn by private names, callbacks, and counts."""
