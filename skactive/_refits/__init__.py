"""Models refitted with one more labelled row, for every candidate and every label."""
