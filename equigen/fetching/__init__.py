"""Fetch album metadata: page, prefetch, select."""
