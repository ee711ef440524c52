"""The methods about what is known of a user or a project."""

from __future__ import annotations

from memkit.methods.bound import Bound, Face


class ProfileMethods(Bound):
    """What a handle does about what is known of a user or a project."""


class ProfileFace(Face):
    """:class:`ProfileMethods`, synchronous: one line a method."""
