"""The theme of ordering: listings keep their order and their pages miss and repeat nothing."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest

from memkit.errors import InvalidInput
from memkit.filters import EVERYTHING, And, Eq, Gte
from memkit.protocols import Backend, Delete, Order, Patch
from memkit.testing.records import EPOCH, NAMESPACE, build_put, build_record, record_id
from memkit.testing.suite import Suite, ids_of, on_store, scan_all
from memkit.types import MemoryRecord

ORDERED_BY = (
    "created_at",
    "updated_at",
    "occurred_at",
    "used_at",
    "id",
    "confidence",
    "sequence",
    "version",
    "uses",
    "project",
    "kind",
    "speaker",
    "subject",
    "valid_from",
    "valid_to",
)

GARBAGE = (
    "",
    "garbage",
    "0",
    "-1",
    "null",
    "[]",
    "{}",
    "\U0001f511",
    "' OR 1=1 --",
    "AAAA",
    "W10=",
    "e30=",
    "x" * 10_000,
)


def varied_records(count: int = 60) -> list[MemoryRecord]:
    """Records with many ties and gaps, shuffled so that no order is that of their arrival."""
    records = [
        build_record(
            n,
            created_at=EPOCH + timedelta(seconds=n // 3),
            updated_at=EPOCH - timedelta(microseconds=n % 5),
            occurred_at=None if n % 4 == 0 else EPOCH + timedelta(days=n % 6 - 3, microseconds=n),
            used_at=None if n % 2 else EPOCH,
            confidence=(0.5, 0.25, 1.0, 0.0)[n % 4],
            sequence=None if n % 5 == 0 else (n % 7) - 3 + (2**53 if n % 11 == 0 else 0),
            version=1 + n % 3,
            uses=n % 10,
            project=(None, "b", "B", "a", "\u00e4", "\uffee", "\U0001f600")[n % 7],
            kind=("note", "fact")[n % 2],
            speaker=None,
            subject=(None, "b", "B", "\u00e4", "b")[n % 5],
            valid_from=None if n % 3 == 0 else EPOCH + timedelta(days=n % 4 - 2, microseconds=n),
            valid_to=None if n % 4 else EPOCH + timedelta(days=n % 8),
        )
        for n in range(count)
    ]
    random.Random(7).shuffle(records)
    return records


def in_order(records: list[MemoryRecord], order: Order) -> list[str]:
    """The ids in the order that the contract asks for: missing last, ties by id."""
    by_id = sorted(records, key=lambda record: record.id)
    there = [r for r in by_id if r.value_of(order.field) is not None]
    missing = [r for r in by_id if r.value_of(order.field) is None]

    def key(record: MemoryRecord) -> Any:
        return record.value_of(order.field)

    # Python's sort keeps ties in place in both directions: ids grow in either.
    return [r.id for r in sorted(there, key=key, reverse=order.descending) + missing]


def ties_are_by_id(found: list[str], records: list[MemoryRecord], order: Order) -> bool:
    """Whether ``found`` is in order, ids growing or falling among ties."""
    forward = in_order(records, order)
    if found == forward:
        return True
    if not order.descending:
        return False
    groups: dict[Any, list[str]] = {}
    by_id = {record.id: record for record in records}
    for id_ in forward:
        groups.setdefault(by_id[id_].value_of(order.field), []).append(id_)
    return found == [id_ for group in groups.values() for id_ in reversed(group)]


class OrderingTests(Suite):
    """Orders, pages and cursors of scans."""

    async def fill_varied(self, backend: Backend) -> list[MemoryRecord]:
        """Store the varied records and return them."""
        records = varied_records()
        await backend.write([build_put(record) for record in records])
        return records

    @on_store("ordered")
    async def test_scans_honour_every_order_and_put_the_missing_last(
        self, backend: Backend
    ) -> None:
        records = await self.fill_varied(backend)
        for field in ORDERED_BY:
            for descending in (False, True):
                order = Order(field, descending)
                whole = ids_of(await scan_all(backend, order=order, limit=1_000))
                assert ties_are_by_id(whole, records, order), order
                assert ids_of(await scan_all(backend, order=order, limit=3)) == whole

    @on_store("ordered")
    async def test_a_filtered_scan_keeps_its_order(self, backend: Backend) -> None:
        records = await self.fill_varied(backend)
        order = Order("sequence", descending=False)
        some = And((Eq("kind", "note"), Gte("confidence", 0.5)))
        kept = [r for r in records if r.kind == "note" and r.confidence >= 0.5]
        assert kept
        found = ids_of(await scan_all(backend, some, order=order, limit=3))
        assert ties_are_by_id(found, kept, order)

    @on_store()
    async def test_pages_hold_everything_once_whatever_their_size(self, backend: Backend) -> None:
        records = await self.fill_varied(backend)
        for limit in (1, 2, 59, 60, 61, 10_000):
            found = ids_of(await scan_all(backend, limit=limit))
            assert len(found) == len(records)
            assert set(found) == {record.id for record in records}

    @on_store()
    async def test_the_last_page_has_no_cursor(self, backend: Backend) -> None:
        assert (await backend.scan(NAMESPACE, EVERYTHING)).cursor is None
        await self.fill_varied(backend)
        assert (await backend.scan(NAMESPACE, EVERYTHING, limit=1_000)).cursor is None
        assert (await backend.scan(NAMESPACE, EVERYTHING, limit=59)).cursor is not None

    @on_store()
    async def test_pages_miss_and_repeat_nothing_while_others_write(self, backend: Backend) -> None:
        for order in (Order(), Order("created_at", descending=False)):
            namespace = f"pages {order.descending}"
            steady = [build_record(n * 10, namespace=namespace) for n in range(30)]
            leaving = [build_record(n * 10 + 5, namespace=namespace) for n in range(30)]
            await backend.write([build_put(record) for record in (*steady, *leaving)])
            seen: list[str] = []
            cursor: str | None = None
            for step in range(1_000):
                page = await backend.scan(
                    namespace, EVERYTHING, order=order, cursor=cursor, limit=4
                )
                seen += ids_of(page.items)
                cursor = page.cursor
                if cursor is None:
                    break
                # Some arrive before and some after the cursor, some that were seen go, and
                # so does the very record that the cursor stands on.
                arriving = [build_record(n * 10 + 1 + step % 4, namespace=namespace, project="new")
                            for n in (step % 30, 29 - step % 30)]  # fmt: skip
                gone = {leaving[step % 30].id, leaving[-1 - step % 30].id}
                if page.items[-1].record.id in {record.id for record in leaving}:
                    gone.add(page.items[-1].record.id)
                await backend.write([build_put(record) for record in arriving])
                await backend.write([Delete(namespace, id_) for id_ in gone])
            assert cursor is None, "the scan never ends"
            assert len(seen) == len(set(seen)), "a record was seen twice"
            assert {record.id for record in steady} <= set(seen), "a record was skipped"

    @on_store()
    async def test_pages_are_steady_when_other_fields_change(self, backend: Backend) -> None:
        records = await self.fill_varied(backend)
        seen: list[str] = []
        cursor: str | None = None
        versions = {record.id: record.version for record in records}
        while True:
            page = await backend.scan(NAMESPACE, EVERYTHING, cursor=cursor, limit=7)
            seen += ids_of(page.items)
            cursor = page.cursor
            if cursor is None:
                break
            patches = []
            for record in records[::5]:
                held = versions[record.id]
                number = records.index(record)
                changed = build_record(
                    number, id=record.id, created_at=record.created_at, version=held + 1
                )
                patches.append(Patch(changed, held))
                versions[record.id] = held + 1
            await backend.write(patches)
        assert sorted(seen) == sorted(record.id for record in records)

    @on_store()
    async def test_a_cursor_that_is_not_the_backends_is_refused(self, backend: Backend) -> None:
        await self.fill_varied(backend)
        for cursor in GARBAGE:
            with pytest.raises(InvalidInput):
                await backend.scan(NAMESPACE, EVERYTHING, cursor=cursor)

    @on_store("ordered")
    async def test_a_cursor_of_another_order_is_refused(self, backend: Backend) -> None:
        await self.fill_varied(backend)
        page = await backend.scan(NAMESPACE, EVERYTHING, order=Order("uses"), limit=5)
        for other in (Order("project"), Order("uses", descending=False), Order("occurred_at")):
            with pytest.raises(InvalidInput):
                await backend.scan(NAMESPACE, EVERYTHING, order=other, cursor=page.cursor)

    @on_store("ordered")
    async def test_an_order_by_what_is_no_field_is_refused(self, backend: Backend) -> None:
        await self.fill_varied(backend)
        for field in ("no such field", "id; DROP TABLE records; --", "id, project", "1", ""):
            with pytest.raises(InvalidInput):
                await backend.scan(NAMESPACE, EVERYTHING, order=Order(field))

    @on_store()
    async def test_a_cursor_leads_to_no_other_namespace(self, backend: Backend) -> None:
        await self.fill_varied(backend)
        foreign = [build_record(n, namespace="foreign") for n in range(20)]
        await backend.write([build_put(record) for record in foreign])
        page = await backend.scan("foreign", EVERYTHING, limit=5)
        own = {record_id(n) for n in range(60)}
        try:
            taken = await backend.scan(NAMESPACE, EVERYTHING, cursor=page.cursor, limit=100)
        except InvalidInput:
            return
        assert {item.record.namespace for item in taken.items} <= {NAMESPACE}
        assert set(ids_of(taken.items)) <= own
