"""The ledger: what is remembered across runs, in one SQLite file."""
