"""Searches agree with plain arithmetic, whichever way they are carried out."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import numpy as np
import pytest

from memkit.backing.hashing import term_hash
from memkit.backing.lexical import Postings
from memkit.backing.packing import pack_terms
from memkit.filters import EVERYTHING, Eq, Filter
from memkit.protocols import DenseLeg, LexicalLeg, Put
from memkit.testing.records import NAMESPACE, build_put, build_record, record_id, unit_vectors
from memkit_pgvector import PgvectorBackend
from tests.unit.pgvector.stores import DIMENSION, opened, run_sql

COUNT = 3_000


def documents() -> list[list[str]]:
    """Texts of very common and very rare words, of many lengths."""
    draw = random.Random(3)
    vocabulary = [f"w{n}" for n in range(400)]
    weights = [1 / (n + 1) for n in range(400)]
    return [draw.choices(vocabulary, weights, k=draw.randint(1, 40)) for _ in range(COUNT)]


def puts(vectors: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> list[Put]:
    return [
        build_put(build_record(n, project="some" if n % 7 == 3 else None), vectors[n], words)
        for n, words in enumerate(documents())
    ]


def reference(terms: tuple[str, ...], among: list[int], limit: int) -> list[tuple[str, float]]:
    """What BM25 in memory says of these documents."""
    words = documents()
    postings = Postings()
    postings.append(0, [len(words[n]) for n in among], [pack_terms(words[n]) for n in among])
    best = postings.search([term_hash(each) for each in dict.fromkeys(terms)], None, limit)
    found = [
        (record_id(among[row]), score) for row, score in zip(best.rows, best.scores, strict=True)
    ]
    return sorted(found, key=lambda each: (-each[1], each[0]))[:limit]


QUERIES = (
    ("w0",),
    ("w0", "w3", "w250"),
    ("w399", "w1", "w2"),
    ("w7", "w7", "w80"),
    ("absent", "w5"),
)


async def assert_words_agree(backend: PgvectorBackend, *, rel: float) -> None:
    for filter, among in (
        (EVERYTHING, list(range(COUNT))),
        (Eq("project", "some"), list(range(3, COUNT, 7))),
    ):
        for terms in QUERIES:
            found = await backend.search(NAMESPACE, [LexicalLeg(terms)], filter, 20)
            wanted = reference(terms, among, 20)
            scores = [each.score for each in found.legs[0]]
            assert scores == pytest.approx([score for _, score in wanted], rel=rel)
            if rel < 1e-6:
                assert [each.id for each in found.legs[0]] == [id_ for id_, _ in wanted]


def test_words_are_ranked_as_in_memory(tmp_path: Path) -> None:
    async def run() -> None:
        async with opened(tmp_path) as backend:
            await backend.write(puts(unit_vectors(1, COUNT, DIMENSION)))
            await assert_words_agree(backend, rel=1e-9)

    asyncio.run(run())


def test_words_of_a_large_namespace_are_ranked_nearly_so(tmp_path: Path) -> None:
    async def run() -> None:
        async with opened(tmp_path, exact_rows=100) as backend:
            await backend.write(puts(unit_vectors(1, COUNT, DIMENSION)))
            await backend.warm()
            # How many hold a common word is known of the namespace, not of what a filter leaves.
            await assert_words_agree(backend, rel=0.1)

    asyncio.run(run())
    ((common,),) = run_sql(tmp_path, "SELECT cardinality(lexemes) FROM memkit.common")
    assert common > 50


def nearest(
    vectors: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
    query: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
    among: list[int],
    limit: int,
) -> set[str]:
    scores = vectors[among] @ query
    return {record_id(among[n]) for n in np.argsort(-scores)[:limit]}


def test_indexed_search_finds_the_nearest_and_never_too_few(tmp_path: Path) -> None:
    vectors = unit_vectors(2, COUNT, DIMENSION)
    filters: tuple[tuple[Filter, list[int]], ...] = (
        (EVERYTHING, list(range(COUNT))),
        (Eq("project", "some"), list(range(3, COUNT, 7))),
    )

    async def run() -> None:
        async with opened(tmp_path, exact_rows=100) as backend:
            written = puts(vectors)
            for start in range(0, COUNT, 1000):
                await backend.write(written[start : start + 1000])
                # Each time more than is searched exactly: what is built is merged.
                await backend.warm()
            shares = []
            for query in unit_vectors(5, 20, DIMENSION):
                for filter, among in filters:
                    found = await backend.search(NAMESPACE, [DenseLeg(query)], filter, 10)
                    ids = {each.id for each in found.legs[0]}
                    assert len(ids) == 10
                    shares.append(len(ids & nearest(vectors, query, among, 10)) / 10)
            assert sum(shares) / len(shares) >= 0.98
            # More than there are: all of them, though an index gives up long before.
            found = await backend.search(
                NAMESPACE, [DenseLeg(vectors[0])], Eq("project", "some"), COUNT
            )
            assert len(found.legs[0]) == len(filters[1][1])
            # What is written afterwards is found at once.
            await backend.write([build_put(build_record(COUNT), vectors[0] * -1)])
            found = await backend.search(NAMESPACE, [DenseLeg(vectors[0] * -1)], EVERYTHING, 1)
            assert [each.id for each in found.legs[0]] == [record_id(COUNT)]
            assert await backend.check() == []

    asyncio.run(run())
    names = run_sql(tmp_path, "SELECT indexname FROM pg_indexes WHERE indexname LIKE 'hnsw%'")
    assert 1 <= len(names) <= 2
