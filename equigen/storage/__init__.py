"""Write files atomically and without following links, lock datasets, translate OS errors."""
