"""The methods about records that disagree."""

from __future__ import annotations

from memkit.methods.bound import Bound, Face


class ContradictionMethods(Bound):
    """What a handle does about records that disagree."""


class ContradictionFace(Face):
    """:class:`ContradictionMethods`, synchronous: one line a method."""
