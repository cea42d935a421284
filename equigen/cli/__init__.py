"""The command line: parse, run, show."""
