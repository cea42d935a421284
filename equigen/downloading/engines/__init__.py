"""Engines that run download jobs: threads and processes."""
