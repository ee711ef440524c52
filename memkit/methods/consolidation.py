"""The methods about summaries of what belongs together."""

from __future__ import annotations

from memkit.methods.bound import Bound, Face


class ConsolidationMethods(Bound):
    """What a handle does about summaries of what belongs together."""


class ConsolidationFace(Face):
    """:class:`ConsolidationMethods`, synchronous: one line a method."""
