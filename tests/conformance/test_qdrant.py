"""The server's backend, over the library's in-memory stand-in for a server."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, ClassVar

import pytest
from qdrant_client import AsyncQdrantClient

from memkit.protocols import Backend, Capabilities, Maintenance, Reembedding, SignatureLookup
from memkit.testing import BackendConformance
from memkit_qdrant import QdrantBackend

# What the stand-in says of itself: it looks at everything, and needs no indexes for it.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant"),
    pytest.mark.filterwarnings("ignore:Local mode performs exact"),
]


class SharedClient(AsyncQdrantClient):
    """An in-memory client that outlives the backends which use it in turn, as a server would."""

    async def close(self, grpc_grace: float | None = None, **kwargs: Any) -> None:
        """Nothing: its data are gone when it is closed."""


class TestQdrantInMemory(BackendConformance):
    """Reading and writing as a server's; several processes and kills need a real one."""

    # It compares every payload with every condition, in Python.
    foreign_rows = 1_000
    random_filters = 60

    #: By place, as long as the tests of the class: the crowd is written once for several.
    clients: ClassVar[dict[Path, SharedClient]] = {}

    @classmethod
    def teardown_class(cls) -> None:
        for client in cls.clients.values():
            asyncio.run(AsyncQdrantClient.close(client))
        cls.clients.clear()

    def make_backend(self, place: Path) -> Backend:
        def client() -> AsyncQdrantClient:
            if place not in self.clients:
                self.clients[place] = SharedClient(":memory:")
            return self.clients[place]

        return QdrantBackend(client=client)

    def test_it_declares_what_a_server_without_transactions_can_have(self, tmp_path: Path) -> None:
        backend = QdrantBackend()
        assert backend.capabilities == Capabilities(
            lexical=True,
            atomic_batch=False,
            compare_and_set=True,
            multi_process=True,
            durable=False,
            ordered=True,
            change_feed=False,
        )
        for protocol in (Maintenance, Reembedding, SignatureLookup):
            assert isinstance(backend, protocol)
        asyncio.run(backend.close())
