"""The methods about summaries of what belongs together, on a server."""

from __future__ import annotations

from memkit.client.asker import Asker


class ConsolidationCalls(Asker):
    """:class:`~memkit.methods.consolidation.ConsolidationMethods` on a server."""
