"""Labels and how albums match them."""
