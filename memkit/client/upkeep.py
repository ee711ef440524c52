"""The methods about what decays, is archived, and is brought back, on a server."""

from __future__ import annotations

from memkit.client.asker import Asker


class UpkeepCalls(Asker):
    """:class:`~memkit.methods.upkeep.UpkeepMethods` on a server."""
