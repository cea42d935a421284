"""Albums in their sets: dealt, laid out, and proven to be in one alone."""
