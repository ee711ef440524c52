"""The methods about whom and what records tell of, on a server."""

from __future__ import annotations

from memkit.client.asker import Asker


class EntityCalls(Asker):
    """:class:`~memkit.methods.entities.EntityMethods` on a server."""
