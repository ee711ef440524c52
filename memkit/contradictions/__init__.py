"""Contradictions: records that cannot both be right, found, told with why, and settled."""
