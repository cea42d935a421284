"""Covers on their way: what there is to do, who does it, what came of it."""
