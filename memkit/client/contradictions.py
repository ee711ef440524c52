"""The methods about records that disagree, on a server."""

from __future__ import annotations

from memkit.client.asker import Asker


class ContradictionCalls(Asker):
    """:class:`~memkit.methods.contradictions.ContradictionMethods` on a server."""
