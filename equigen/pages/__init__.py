"""What the result pages of sources come to, from the first to the TSV."""
