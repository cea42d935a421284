"""Read other people's datasets as ours, and measure what leaks in them."""
