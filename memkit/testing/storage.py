"""The theme of keeping: what was put comes back whole, and each operation does its own work."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from memkit.errors import MemkitError, StoreError
from memkit.filters import EVERYTHING
from memkit.protocols import (
    Applied,
    Backend,
    Delete,
    DenseLeg,
)
from memkit.testing.records import (
    EPOCH,
    NAMESPACE,
    build_put,
    build_record,
    record_id,
    unit_vector,
)
from memkit.testing.suite import (
    Suite,
    assert_same_record,
    get_one,
    ids_of,
    on_store,
    scan_all,
)
from memkit.types import Link

ODD_TEXTS = {
    "emoji": "family \U0001f468\u200d\U0001f469\u200d\U0001f467 and \U0001f3f4\U000e0067\U000e007f",
    "right to left": "\u0645\u0631\u062d\u0628\u0627 \u202e\u05e9\u05dc\u05d5\u05dd\u202c",
    "composed and decomposed": "caf\u00e9 cafe\u0301 \u1112\u1161\u11ab \ud55c",
    "white space at the ends": " \t leading and trailing \r\n\n ",
    "line separators": "a\u2028b\u2029c\x85d\x0be\x0cf",
    "controls without NUL": "\x01\x02\x1b[0m\x7f\x9f",
    "byte order mark and zero width": "\ufeffa\u200bb\u2060c\u00ad",
    "noncharacters": "\ufdd0\ufffe\uffff\U0010ffff\U0001fffe",
    "quotes and escapes": "'; DROP TABLE records; -- \" \\ \\u0000 %s {x} ${y} \\'",
    "long": "long " * 20_000,
}

HUGE_METADATA: dict[str, Any] = {
    "text": "x" * 50_000,
    "many": {f"key {n}": n for n in range(2_000)},
    "list": list(range(-1_000, 1_000)),
}

ODD_METADATA: dict[str, Any] = {
    "integers": [0, -1, 2**53 + 1, 2**63 - 1, -(2**63)],
    "floats": [0.0, 1.0, 0.1, 1e308, 5e-324, -2.5, 1e22],
    "truth": [True, False, None],
    "nested": {"a": {"b": [{"c": []}, {}]}},
    "null": None,
    "empty text": "",
    "looks like a time": "2026-03-01T12:00:00Z",
    "looks like a number": "1",
    "dotted.key": 1,
    "quoted'\"key": 2,
    "[0]": 3,
    "$": 4,
    "\U0001f511 \u043a\u043b\u044e\u0447": 5,
    " ": 6,
    "%_\\": 7,
}

EVERY_FIELD: dict[str, Any] = {
    "project": "apollo",
    "task": "guidance \u2192 #7",
    "agent": "researcher",
    "kind": "our own kind",
    "tags": ("b", "a", "agent:researcher", "\u65e5\u672c\u8a9e", "with, comma", 'with "quote"'),
    "metadata": ODD_METADATA,
    "visibility": "private",
    "confidence": 0.123456789012345,
    "pinned": True,
    "created_at": datetime(2026, 3, 1, 23, 59, 59, 999999, tzinfo=UTC),
    "updated_at": datetime(2026, 3, 2, 0, 0, 0, 1, tzinfo=UTC),
    "occurred_at": datetime(1583, 1, 2, 3, 4, 5, 6, tzinfo=UTC),
    "expires_at": datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    "conversation_id": "talk/1?x='y'",
    "sequence": 2**53 + 1,
    "speaker": "Zo\u00eb",
    "author": "principal \U0001f600",
    "source": "https://example.org/?a=1&b=%20",
    "state": "superseded",
    "version": 2**40,
    "superseded_by": record_id(7),
    "superseded_at": datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    "supersedes": record_id(8),
    "forgotten_at": EPOCH + timedelta(microseconds=333333),
    "links": (
        Link("causes", record_id(9)),
        Link("causes", record_id(10)),
        Link("h\u00e4ngt an", record_id(9)),
    ),
    "uses": 2**40 + 1,
    "used_at": EPOCH + timedelta(microseconds=1),
    "useful": 3,
    "useless": 4,
    "subject": 'Zo\u00eb\'s \U0001f41d\0"hive"',
    "predicate": "lives in \u2192",
    "object": "line one\nline two \u65e5\u672c\u8a9e",
    "valid_from": datetime(1, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
    "valid_to": datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    "retracted_at": EPOCH + timedelta(microseconds=2),
}


class StorageTests(Suite):
    """Records and vectors come back whole."""

    @on_store()
    async def test_every_field_of_a_record_comes_back_as_it_was_put(self, backend: Backend) -> None:
        full = build_record(1, **EVERY_FIELD)
        bare = build_record(2)
        empty = build_record(3, tags=(), links=(), metadata={}, confidence=0.0)
        await backend.write([build_put(each) for each in (full, bare, empty)])
        for each in (full, bare, empty):
            assert_same_record((await get_one(backend, each)).record, each)
        for item in await scan_all(backend):
            assert_same_record(item.record, {r.id: r for r in (full, bare, empty)}[item.record.id])

    @on_store()
    async def test_odd_texts_come_back_verbatim(self, backend: Backend) -> None:
        records = [
            build_record(n, content=text, metadata={"text": text}, source=text[:200])
            for n, text in enumerate(ODD_TEXTS.values())
        ]
        await backend.write([build_put(each, terms=["odd"]) for each in records])
        for each in records:
            assert_same_record((await get_one(backend, each)).record, each)

    @on_store()
    async def test_huge_metadata_comes_back_whole(self, backend: Backend) -> None:
        record = build_record(1, metadata=HUGE_METADATA)
        await backend.write([build_put(record)])
        assert_same_record((await get_one(backend, record)).record, record)

    @on_store()
    async def test_vectors_come_back_to_the_stated_precision(self, backend: Backend) -> None:
        given = {record_id(n): self.vector(n) for n in range(20)}
        puts = [build_put(build_record(n), given[record_id(n)]) for n in range(20)]
        await backend.write([*puts, build_put(build_record(20))])
        everything = {item.record.id: item for item in await scan_all(backend, vectors=True)}
        got = await backend.get(NAMESPACE, list(given), vectors=True)
        for id_, vector in given.items():
            self.assert_vector(everything[id_].vector, vector)
            self.assert_vector(got[id_].vector, vector)
        assert everything[record_id(20)].vector is None

    @on_store()
    async def test_vectors_and_keys_come_only_where_they_are_asked_for(
        self, backend: Backend
    ) -> None:
        record = build_record(1)
        await backend.write([build_put(record, self.vector(1), unique=("a", "b"))])
        plain = (await backend.get(NAMESPACE, [record.id]))[record.id]
        assert plain.vector is None
        asked = await get_one(backend, record)
        assert sorted(asked.unique) == ["a", "b"]

    @on_store()
    async def test_a_vector_of_another_dimension_is_refused(self, backend: Backend) -> None:
        await backend.write([build_put(build_record(1), self.vector(1))])
        with pytest.raises(MemkitError):
            await backend.write([build_put(build_record(2), unit_vector(2, self.dimension + 1))])
        assert ids_of(await scan_all(backend)) == [record_id(1)]

    def test_a_reopened_store_has_all_that_was_written(self, tmp_path: Path) -> None:
        records = [build_record(n, **EVERY_FIELD) for n in range(3)]
        records += [build_record(n) for n in range(3, 30)]

        async def write() -> None:
            async with self.opened(tmp_path / "store") as backend:
                for n, record in enumerate(records):
                    await backend.write([build_put(record, self.vector(n), unique=(f"key {n}",))])

        async def read() -> None:
            async with self.opened(tmp_path / "store") as backend:
                for n, record in enumerate(records):
                    stored = await get_one(backend, record)
                    assert_same_record(stored.record, record)
                    self.assert_vector(stored.vector, self.vector(n))
                    assert stored.unique == (f"key {n}",)
                for n, record in enumerate(records):
                    found = await backend.search(
                        NAMESPACE, [DenseLeg(self.vector(n))], EVERYTHING, 1
                    )
                    assert [each.id for each in found.legs[0]] == [record.id]

        asyncio.run(write())
        asyncio.run(read())

    @on_store()
    async def test_ids_that_are_not_there_are_absent(self, backend: Backend) -> None:
        record = build_record(1)
        await backend.write([build_put(record)])
        odd = ["", "x", "' OR 1=1 --", "\U0001f511", record.id.upper(), record.id[:-1], "%", "a\0b"]
        found = await backend.get(NAMESPACE, [record_id(2), *odd, record.id, record.id])
        assert list(found) == [record.id]
        assert await backend.get(NAMESPACE, []) == {}
        assert await backend.get("nobody's namespace", [record.id]) == {}

    @on_store()
    async def test_a_thousand_ids_are_got_at_once(self, backend: Backend) -> None:
        records = [build_record(n) for n in range(1_500)]
        assert set(await backend.write([build_put(r) for r in records])) == {Applied()}
        assert len(await backend.get(NAMESPACE, [r.id for r in records])) == 1_500
        assert await backend.count(NAMESPACE, EVERYTHING) == {"": 1_500}

    @on_store()
    async def test_namespaces_are_those_that_hold_records(self, backend: Backend) -> None:
        assert await backend.namespaces() == {}
        where = {"b": 3, "a": 1, "\u65e5\u672c": 2}
        puts = [
            build_put(build_record(n, namespace=namespace))
            for namespace, count in where.items()
            for n in range(count)
        ]
        await backend.write(puts)
        assert await backend.namespaces() == where
        await backend.write([Delete("a", record_id(0)), Delete("b", record_id(0))])
        assert await backend.namespaces() == {"b": 2, "\u65e5\u672c": 2}

    @on_store()
    async def test_arrays_that_were_handed_over_may_change_afterwards(
        self, backend: Backend
    ) -> None:
        vector = self.vector(1)
        given = vector.copy()
        record = build_record(1)
        await backend.write([build_put(record, vector)])
        vector[:] = 0
        stored = await get_one(backend, record)
        self.assert_vector(stored.vector, given)
        found = await backend.search(NAMESPACE, [DenseLeg(given)], EVERYTHING, 1)
        assert np.isclose(found.legs[0][0].score, 1.0, atol=1e-3)

    def test_a_closed_backend_says_so_and_closes_again(self, tmp_path: Path) -> None:
        async def run() -> None:
            backend = self.make_backend(tmp_path / "store")
            await backend.open(self.spec())
            await backend.write([build_put(build_record(1))])
            await backend.close()
            await backend.close()
            for call in (
                backend.get(NAMESPACE, [record_id(1)]),
                backend.write([build_put(build_record(2))]),
                backend.scan(NAMESPACE, EVERYTHING),
                backend.count(NAMESPACE, EVERYTHING),
                backend.search(NAMESPACE, [DenseLeg(self.vector(1))], EVERYTHING, 1),
            ):
                with pytest.raises(StoreError):
                    await call

        asyncio.run(run())
