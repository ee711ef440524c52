"""The methods about what is known of a user or a project, on a server."""

from __future__ import annotations

from memkit.client.asker import Asker


class ProfileCalls(Asker):
    """:class:`~memkit.methods.profile.ProfileMethods` on a server."""
