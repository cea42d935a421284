"""The dataset: its files, its guards, its surroundings."""
