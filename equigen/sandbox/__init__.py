"""A Discogs-compatible server on loopback, with a made-up catalogue."""
