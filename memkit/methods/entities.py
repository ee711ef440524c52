"""The methods about whom and what records tell of."""

from __future__ import annotations

from memkit.methods.bound import Bound, Face


class EntityMethods(Bound):
    """What a handle does about whom and what records tell of."""


class EntityFace(Face):
    """:class:`EntityMethods`, synchronous: one line a method."""
