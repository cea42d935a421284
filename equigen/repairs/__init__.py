"""A ledger and its files, each told by the other."""
