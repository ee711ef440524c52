"""The embedded Qdrant engine does all that one process can ask for."""

from __future__ import annotations

import asyncio
from pathlib import Path

from memkit.protocols import Capabilities, Maintenance, Reembedding, SignatureLookup
from memkit.testing import BackendConformance
from memkit_qdrant import QdrantEdgeBackend


class TestQdrantEdge(BackendConformance):
    backend_factory = "memkit_qdrant:QdrantEdgeBackend"
    foreign_rows = 20_000
    kills = 5

    def test_it_declares_what_one_process_can_have(self, tmp_path: Path) -> None:
        backend = QdrantEdgeBackend(tmp_path / "store")
        assert backend.capabilities == Capabilities(
            lexical=True,
            atomic_batch=True,
            compare_and_set=True,
            multi_process=False,
            durable=True,
            ordered=True,
            change_feed=False,
        )
        for protocol in (Maintenance, Reembedding, SignatureLookup):
            assert isinstance(backend, protocol)
        asyncio.run(backend.close())
