"""Write a dataset as others read it: one file = one format."""
