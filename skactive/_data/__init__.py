"""Rows of data: which have a label, which are identical, and walks in chunks."""
