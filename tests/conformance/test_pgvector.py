"""PostgreSQL does everything that a backend can do, whatever ranks its words."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from memkit.protocols import (
    Capabilities,
    ChangeFeed,
    Maintenance,
    Reembedding,
    SignatureLookup,
    StoreSpec,
    TokenVectors,
)
from memkit.testing import BackendConformance
from memkit.testing.concurrency import ConcurrencyTests
from memkit.testing.crowding import CrowdingTests
from memkit.testing.filtering import FilteringTests
from memkit.testing.isolation import IsolationTests
from memkit.testing.lexical import LexicalTests
from memkit.testing.reembedding import ReembeddingTests
from memkit.testing.searching import SearchingTests
from memkit.testing.storage import StorageTests
from memkit.testing.tokens import TokenTests
from memkit.testing.upkeep import UpkeepTests
from memkit.testing.writing import WritingTests
from memkit_pgvector import PgvectorBackend
from tests.engines import postgres


def indexed_at(place: Path) -> PgvectorBackend:
    """A backend that searches by indexes however little there is, pg_textsearch's among them."""
    settings = postgres.textsearch_backend_at(place).settings
    return PgvectorBackend(replace(settings, exact_rows=0, text_search="bm25"))


class TestTsvector(BackendConformance):
    backend_factory = "tests.engines.postgres:backend_at"
    # Vectors are kept as halfvec: numbers of eleven bits.
    vector_tolerance = 1e-3
    foreign_rows = 20_000
    kills = 5

    def test_it_declares_everything(self, tmp_path: Path) -> None:
        backend = self.make_backend(tmp_path / "store")
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


class TestTextsearch(
    StorageTests,
    WritingTests,
    FilteringTests,
    SearchingTests,
    LexicalTests,
    IsolationTests,
    CrowdingTests,
    ConcurrencyTests,
    ReembeddingTests,
    TokenTests,
    UpkeepTests,
):
    """All themes that an index of another kind can change; the others read the same tables."""

    backend_factory = "tests.conformance.test_pgvector:indexed_at"
    vector_tolerance = 1e-3
    # The index's own statistics are those of all namespaces.
    isolated_statistics = False
    foreign_rows = 5_000
    kills = 3
    random_filters = 50

    def test_words_are_ranked_by_the_extension(self, tmp_path: Path) -> None:
        async def run() -> str:
            backend = indexed_at(tmp_path / "store")
            await backend.open(StoreSpec(self.fingerprint, "conformance-1"))
            try:
                return await backend.ranks_words_by()
            finally:
                await backend.close()

        assert asyncio.run(run()) == "bm25"
