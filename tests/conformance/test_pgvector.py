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


class TestTextsearch(BackendConformance):
    backend_factory = "tests.conformance.test_pgvector:indexed_at"
    vector_tolerance = 1e-3
    # The index's own statistics are those of all namespaces.
    isolated_statistics = False
    foreign_rows = 5_000
    kills = 3
    random_filters = 100

    def test_words_are_ranked_by_the_extension(self, tmp_path: Path) -> None:
        async def run() -> str:
            backend = indexed_at(tmp_path / "store")
            await backend.open(StoreSpec(self.fingerprint, "conformance-1"))
            try:
                return await backend.ranks_words_by()
            finally:
                await backend.close()

        assert asyncio.run(run()) == "bm25"
