"""The methods of a memory by subject, each beside its synchronous face."""
