"""What goes wrong in a benchmark, in one line."""


class BenchError(Exception):
    """A benchmark can't be run, or a tool didn't do the work that it was timed for."""
