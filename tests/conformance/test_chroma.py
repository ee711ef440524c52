"""Chroma's server does everything, for several processes at once."""

from __future__ import annotations

from pathlib import Path

from memkit.protocols import Capabilities, ChangeFeed, Maintenance, Reembedding, SignatureLookup
from memkit.testing import BackendConformance
from tests.engines.chroma import served_backend_at, server_backend_at


class TestChromaServer(BackendConformance):
    backend_factory = "tests.engines.chroma:server_backend_at"
    # Each write costs the server several transactions on disk.
    foreign_rows = 5_000
    random_filters = 60
    kills = 5

    def test_it_declares_everything(self, tmp_path: Path) -> None:
        for backend in (server_backend_at(tmp_path), served_backend_at(tmp_path)):
            assert backend.capabilities == Capabilities(
                lexical=True,
                atomic_batch=True,
                compare_and_set=True,
                multi_process=True,
                durable=True,
                ordered=True,
                change_feed=True,
            )
            for protocol in (ChangeFeed, Maintenance, Reembedding, SignatureLookup):
                assert isinstance(backend, protocol)
