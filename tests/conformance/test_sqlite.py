"""SQLite does everything that a backend can do."""

from __future__ import annotations

import asyncio
from pathlib import Path

from memkit.protocols import (
    Capabilities,
    ChangeFeed,
    Maintenance,
    Reembedding,
    SignatureLookup,
    TokenVectors,
)
from memkit.testing import BackendConformance
from memkit_sqlite import SqliteBackend


class TestSqlite(BackendConformance):
    backend_factory = "memkit_sqlite:SqliteBackend"
    fact_histories = 8

    def test_it_declares_everything(self, tmp_path: Path) -> None:
        backend = SqliteBackend(tmp_path / "store")
        assert backend.capabilities == Capabilities(
            lexical=True,
            atomic_batch=True,
            compare_and_set=True,
            multi_process=True,
            durable=True,
            ordered=True,
            change_feed=True,
        )
        for protocol in (Maintenance, Reembedding, ChangeFeed, SignatureLookup, TokenVectors):
            assert isinstance(backend, protocol)
        asyncio.run(backend.close())
