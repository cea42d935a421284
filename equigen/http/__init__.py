"""The HTTP client: transport, rate limits, retries, redaction."""
