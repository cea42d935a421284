"""Download covers: plan, schedule, fetch, record, store."""
