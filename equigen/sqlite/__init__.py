"""The file behind the ledger: ledger.py is the door."""
