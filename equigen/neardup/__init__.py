"""Near-duplicate covers: candidates, comparison, clusters."""
