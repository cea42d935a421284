"""Deal albums into sets without leaks, and prove it."""
