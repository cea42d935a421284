"""Labels as data, and the rules by which albums match them."""
