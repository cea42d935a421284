"""The styles in which covers are drawn: one file a label, found by its name."""
