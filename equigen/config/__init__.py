"""Settings and credentials, in layers."""
