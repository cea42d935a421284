"""Remember all work across runs, in one SQLite file."""
