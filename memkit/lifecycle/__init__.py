"""What happens to a record after it was stored: revision, forgetting, erasure."""
