"""What skactive knows of rows: which have a label, which are equal, and chunks."""
