"""Rebuild a ledger from its copy and the files; compare files with a ledger."""
