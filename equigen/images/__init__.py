"""One picture: decode, check, resize, describe."""
