"""Diversity and density of the rows of an embedding, block by block."""
