"""The version: read by the build, by `--version`, and in what hosts are told."""

__version__ = "0.1.0"
