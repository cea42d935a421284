"""Compute what covers are made of: one file is one feature."""
