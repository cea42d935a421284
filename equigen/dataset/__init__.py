"""The dataset: its door, its files, its surroundings."""
