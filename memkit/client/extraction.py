"""The methods about facts and preferences that texts tell of, on a server."""

from __future__ import annotations

from memkit.client.asker import Asker


class ExtractionCalls(Asker):
    """:class:`~memkit.methods.extraction.ExtractionMethods` on a server."""
