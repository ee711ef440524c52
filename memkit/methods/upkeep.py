"""The methods about what decays, is archived, and is brought back."""

from __future__ import annotations

from memkit.methods.bound import Bound, Face


class UpkeepMethods(Bound):
    """What a handle does about what decays, is archived, and is brought back."""


class UpkeepFace(Face):
    """:class:`UpkeepMethods`, synchronous: one line a method."""
