"""The methods about facts and preferences that texts tell of."""

from __future__ import annotations

from memkit.methods.bound import Bound, Face


class ExtractionMethods(Bound):
    """What a handle does about facts and preferences that texts tell of."""


class ExtractionFace(Face):
    """:class:`ExtractionMethods`, synchronous: one line a method."""
