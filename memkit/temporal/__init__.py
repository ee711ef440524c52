"""Time in queries: what "last week" or "before I moved" mean, and how well a record's time fits."""

from __future__ import annotations

from memkit.temporal.closeness import UNDATED, closeness, closenesses
from memkit.temporal.finding import LOOKED_AT, find
from memkit.temporal.spans import Anchor, Span, TimeQuery

__all__ = [
    "LOOKED_AT",
    "UNDATED",
    "Anchor",
    "Span",
    "TimeQuery",
    "closeness",
    "closenesses",
    "find",
]
