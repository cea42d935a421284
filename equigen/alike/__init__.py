"""Which covers look alike, as the ledger knows it."""
