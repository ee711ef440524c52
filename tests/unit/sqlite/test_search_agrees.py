"""Searching in memory finds what going through every record finds."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from memkit.backing import lexical
from memkit.errors import EmbedderMismatch, InvalidFilter
from memkit.filters import And, Eq, Exists, Filter, In, Lt, Not, Or, matches
from memkit.protocols import (
    Backend,
    ChangeFeed,
    Delete,
    DenseLeg,
    Fingerprint,
    IndexData,
    LexicalLeg,
    Maintenance,
    Operation,
    Patch,
    Put,
    Reembedding,
    Scored,
    StoreSpec,
    Touch,
)
from memkit.testing.records import EPOCH, NAMESPACE, build_record, unit_vectors
from memkit.types import Link, MemoryRecord
from memkit_sqlite import SqliteBackend, dense, index, partition

if TYPE_CHECKING:
    from tests.unit.sqlite.conftest import Opened

WORDS = [f"word{n}" for n in range(40)]
DIMENSION = 8


@dataclass(frozen=True)
class Sample:
    """A record with what else a filter sees of it."""

    record: MemoryRecord
    embedded: bool
    signature: tuple[str, ...]

    def value_of(self, field: str) -> Any:
        if field == "embedded":
            return self.embedded
        return self.signature if field == "signature" else self.record.value_of(field)


class Model:
    """What a store should hold, and a slow search of it."""

    def __init__(self, draw: random.Random) -> None:
        self.draw = draw
        self.held: dict[str, tuple[Sample, IndexData]] = {}
        self.made = 0

    def operations(self) -> list[Operation]:
        return [self._operation() for _ in range(self.draw.randint(1, 12))]

    def _operation(self) -> Operation:
        roll = self.draw.random()
        if roll < 0.45 or len(self.held) < 5:
            self.made += 1
            return self._put()
        id_ = self.draw.choice(sorted(self.held))
        sample, data = self.held[id_]
        record = sample.record
        if roll < 0.55:
            del self.held[id_]
            return Delete(NAMESPACE, id_)
        if roll < 0.6:
            uses = replace(record, uses=record.uses + 1)
            self.held[id_] = Sample(uses, sample.embedded, sample.signature), data
            return Touch(NAMESPACE, id_, uses=1)
        new = replace(self._record(), id=id_, version=record.version + 1, uses=record.uses)
        if roll < 0.7:
            # The tags stay, so that the row changes where it stands.
            new = replace(new, tags=record.tags)
        index_ = self._index() if roll < 0.85 else None
        data = index_ or data
        self._hold(new, data)
        return Patch(new, record.version, index_)

    def _put(self) -> Put:
        record, data = self._record(), self._index()
        self._hold(record, data)
        return Put(record, data)

    def _hold(self, record: Any, data: IndexData) -> None:
        self.held[record.id] = Sample(record, data.vector is not None, data.signature), data

    def _record(self) -> Any:
        pick = self.draw.choice
        at = EPOCH + timedelta(seconds=self.draw.randint(0, 9))
        return build_record(
            self.made,
            project=pick((None, "apollo", "Apollo")),
            agent=pick((None, "a")),
            kind=pick(("note", "fact")),
            state=pick(("active", "archived")),
            visibility=pick(("shared", "private")),
            pinned=pick((True, False)),
            tags=tuple(self.draw.sample(("x", "y", "it's"), self.draw.randint(0, 3))),
            metadata=pick(({}, {"k": 1}, {"k": "a"}, {"k": True}, {"k": [1, "x"]})),
            expires_at=pick((None, at)),
            occurred_at=pick((None, at)),
            created_at=at,
            conversation_id=pick((None, "talk")),
            links=pick(((), (Link("related", "00000000-0000-7000-8000-000000000000"),))),
        )

    def _index(self) -> IndexData:
        vector = None
        if self.draw.random() < 0.85:
            # Whole numbers before scaling: equal vectors and equal scores are frequent.
            drawn = np.array([self.draw.randint(-1, 1) for _ in range(DIMENSION - 1)] + [1.0])
            vector = (drawn / np.linalg.norm(drawn)).astype(np.float32)
        terms = tuple(self.draw.choices(WORDS, k=self.draw.randint(0, 12)))
        return IndexData(vector, terms, tuple(self.draw.sample(("s1", "s2"), 1)))

    def left(self, filter: Filter) -> list[tuple[str, IndexData]]:
        return [
            (id_, data)
            for id_, (sample, data) in self.held.items()
            if matches(filter, sample.value_of)
        ]

    def dense(self, vector: Any, filter: Filter) -> dict[str, float]:
        return {
            id_: float(data.vector.astype(np.float64) @ vector.astype(np.float64))
            for id_, data in self.left(filter)
            if data.vector is not None
        }

    def lexical(self, terms: Sequence[str], filter: Filter) -> dict[str, float]:
        left = self.left(filter)
        mean = sum(len(data.terms) for _, data in left) / max(len(left), 1)
        scores: dict[str, float] = {}
        for term in dict.fromkeys(terms):
            df = sum(term in data.terms for _, data in left)
            idf = math.log(1 + (len(left) - df + 0.5) / (df + 0.5))
            for id_, data in left:
                tf = Counter(data.terms)[term]
                if tf:
                    norm = tf + 1.2 * (1 - 0.75 + 0.75 * len(data.terms) / mean)
                    scores[id_] = scores.get(id_, 0.0) + idf * tf * 2.2 / norm
        return scores


def assert_best(found: Sequence[Scored], wanted: dict[str, float], limit: int) -> None:
    assert len(found) == min(limit, len(wanted))
    assert len({entry.id for entry in found}) == len(found)
    for entry in found:
        assert entry.score == pytest.approx(wanted[entry.id], abs=1e-5)
    assert list(found) == sorted(found, key=lambda entry: (-entry.score, entry.id))
    if found:
        better = [id_ for id_, score in wanted.items() if score > found[-1].score + 1e-5]
        assert set(better) <= {entry.id for entry in found}


@pytest.mark.parametrize("seed", range(8))
def test_whatever_is_written_every_process_finds_the_best_of_what_is_there(
    seed: int,
    path: Path,
    opened: Opened,
    run: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Small, so that all that happens to a large index happens here too.
    monkeypatch.setattr(partition, "_DEAD_LEAST", 16)
    monkeypatch.setattr(lexical, "_FRESH_MAX", 60)
    monkeypatch.setattr(lexical, "_FEW_POSTINGS", 30)
    monkeypatch.setattr(index, "_BATCH", 20)
    monkeypatch.setattr(index, "_BRIEF_CHANGES", 10)
    monkeypatch.setattr(dense, "_BLOCK_BITS", 5)
    monkeypatch.setattr(dense, "_BLOCK", 32)
    # Late: pytest rewrites this module's assertions once the conformance suite is imported.
    from memkit.testing.samples import random_filter

    draw = random.Random(seed)
    model = Model(draw)

    async def scenario() -> None:
        async with opened(path) as writer, opened(path) as other:
            for _ in range(60):
                await writer.write(model.operations())
                if draw.random() < 0.3:
                    continue
                filter: Filter = random_filter(draw)
                if draw.random() < 0.5:
                    filter = And((Eq("state", "active"), Lt("created_at", EPOCH)))
                vector = unit_vectors(draw.randint(0, 10**6), 1, DIMENSION)[0]
                terms = tuple(draw.choices(WORDS, k=draw.randint(1, 6)))
                limit = draw.choice((1, 3, 10, 1000))
                legs = (DenseLeg(vector), LexicalLeg(terms))
                backend = draw.choice((writer, other))
                result = await backend.search(NAMESPACE, legs, filter, limit)
                assert_best(result.legs[0], model.dense(vector, filter), limit)
                assert_best(result.legs[1], model.lexical(terms, filter), limit)
                held = await backend.get(NAMESPACE, list(model.held))
                assert {id_: item.record for id_, item in held.items()} == {
                    id_: sample.record for id_, (sample, _) in model.held.items()
                }
            assert await writer.check() == []

    run(scenario)


def _clustered(seed: int, count: int, dimension: int) -> Any:
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((40, dimension))
    rows = centres[rng.integers(0, 40, count)] + 0.8 * rng.standard_normal((count, dimension))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_ranking_by_bits_first_keeps_the_exact_scores_and_nearly_all_of_the_best(
    path: Path, opened: Opened, run: Callable[..., Any]
) -> None:
    vectors = _clustered(1, 12_000, 256)
    queries = _clustered(1, 12_040, 256)[-40:]
    spec = StoreSpec(Fingerprint("bits", 256), "words 1")

    async def scenario() -> None:
        async with opened(path, spec) as backend:
            for start in range(0, len(vectors), 2000):
                await backend.write(
                    [
                        Put(
                            build_record(n, project="half" if n % 2 else None),
                            IndexData(vectors[n], ()),
                        )
                        for n in range(start, start + 2000)
                    ]
                )
            for filter, rows in (
                (And(()), np.arange(12_000)),
                (Eq("project", "half"), np.arange(1, 12_000, 2)),
            ):
                agreed = 0
                for query in queries:
                    found = await backend.search(NAMESPACE, (DenseLeg(query),), filter, 10)
                    exact = np.sort(vectors[rows] @ query)[-10:]
                    agreed += sum(entry.score >= exact[0] - 1e-6 for entry in found.legs[0])
                    assert found.legs[0][0].score == pytest.approx(exact[-1], abs=1e-6)
                assert agreed / (10 * len(queries)) >= 0.99

    run(scenario)


def test_what_a_reader_cannot_see_does_not_move_a_score(
    path: Path, opened: Opened, run: Callable[..., Any]
) -> None:
    seen = [
        Put(build_record(n, content="a tea b"), IndexData(None, ("tea", "x" * n)))
        for n in range(1, 6)
    ]
    unseen = [
        Put(
            build_record(n, namespace=namespace, project=project),
            IndexData(None, ("tea",) * n),
        )
        for n, namespace, project in (
            (10, NAMESPACE, "secret"),
            (11, NAMESPACE, "secret"),
            (1, "other", None),
        )
    ]

    async def scenario() -> None:
        async with opened(path) as backend:
            wanted, legs = Eq("kind", "note"), (LexicalLeg(("tea",)),)
            visible = And((wanted, Not(Exists("project"))))
            await backend.write(seen)
            before = await backend.search(NAMESPACE, legs, visible, 10)
            await backend.write(unseen)
            assert await backend.search(NAMESPACE, legs, visible, 10) == before

    run(scenario)


def test_a_vector_of_another_length_is_refused_whole(
    path: Path, opened: Opened, run: Callable[..., Any]
) -> None:
    good, bad = unit_vectors(1, 1, DIMENSION)[0], unit_vectors(1, 1, 3)[0]

    async def scenario() -> None:
        async with opened(path) as backend:
            await backend.write([Put(build_record(1), IndexData(good, ()))])
            with pytest.raises(EmbedderMismatch, match="8"):
                await backend.write(
                    [
                        Put(build_record(2), IndexData(good, ())),
                        Put(build_record(3), IndexData(bad, ())),
                    ]
                )
            with pytest.raises(EmbedderMismatch, match="8"):
                await backend.search(NAMESPACE, (DenseLeg(bad),), And(()), 3)
            assert await backend.namespaces() == {NAMESPACE: 1}

    run(scenario)


def test_a_long_filter_is_answered_and_an_endless_one_refused(
    path: Path, opened: Opened, run: Callable[..., Any]
) -> None:
    wide = Or(tuple(Eq("source", f"s{n}") for n in range(3000)))
    deep: Filter = Eq("source", "s1")
    for _ in range(500):
        deep = Not(deep)

    async def scenario() -> None:
        async with opened(path) as backend:
            await backend.write(
                [Put(build_record(n, source=f"s{n}"), IndexData(None, ())) for n in range(5)]
            )
            assert await backend.count(NAMESPACE, wide) == {"": 5}
            many = In("id", tuple(f"id {n}" for n in range(50_000)))
            assert await backend.count(NAMESPACE, many) == {"": 0}
            with pytest.raises(InvalidFilter, match="nested"):
                await backend.count(NAMESPACE, deep)

    run(scenario)


def test_the_backend_is_one(path: Path) -> None:
    backend = SqliteBackend(path)
    for protocol in (Backend, ChangeFeed, Maintenance, Reembedding):
        assert isinstance(backend, protocol)
