"""Executors of download jobs: threads of this process, and worker processes."""
