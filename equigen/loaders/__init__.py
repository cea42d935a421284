"""Load a dataset into training frameworks: one file = one framework."""
