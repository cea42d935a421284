"""Rebuild a ledger from files, and check files against a ledger."""
