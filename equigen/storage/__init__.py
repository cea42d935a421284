"""Files: written atomically, never through a link, by one run at a time."""
