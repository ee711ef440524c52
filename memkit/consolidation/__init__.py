"""Consolidation: summaries of what belongs together, beside the records they speak for."""
