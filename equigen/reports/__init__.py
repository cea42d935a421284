"""What a dataset is, gathered and drawn."""
