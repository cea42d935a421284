"""The report page: sums, samples, charts."""
