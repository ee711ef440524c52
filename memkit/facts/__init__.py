"""Facts: what is said of a subject, when it was true, and when that was known."""
