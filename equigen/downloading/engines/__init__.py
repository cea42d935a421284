"""The engines that carry out download jobs: threads and processes."""
