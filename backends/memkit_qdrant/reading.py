"""What is read of a store: records, listings, counts and rankings, over either engine."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from memkit.backing.listing import Cursors, check_count_by, check_order, sorted_page
from memkit.errors import InvalidInput, StoreError
from memkit.filters import FIELDS, And, Filter, predicate
from memkit.protocols import Order, ScanPage, Stored
from memkit.types import MemoryRecord
from memkit_qdrant.compiler import Compiler
from memkit_qdrant.conditions import Clause, Match, Span, where
from memkit_qdrant.names import Generation, check_text, point_id
from memkit_qdrant.payloads import (
    COUNTED,
    COUNTED_LATER,
    RANGES,
    RECORD,
    ordered_by,
    record_of,
    viewed,
    viewed_fields,
)
from memkit_qdrant.transport import Row, Transport

# Points in one answer of a walk over many, and ids in one question.
_PAGE = 1000
# Whole numbers up to here are exact as the engine's 64-bit floats.
_EXACT = 2**53


@dataclass(frozen=True, slots=True)
class Selection:
    """The records of a namespace that match a filter: what the engine is asked, and the rest.

    ``clause`` is ``None`` if nothing can match. ``test`` is what must still be seen of each,
    ``None`` where the engine says it all.
    """

    namespace: str
    generation: Generation
    clause: Clause | None
    test: Any

    @classmethod
    def of(cls, namespace: str, generation: Generation, filter: Filter) -> Selection:
        """Of a filter of a namespace."""
        check_text(namespace)
        everything = isinstance(filter, And) and not filter.parts
        tenant = Match("namespace", namespace)
        if everything:
            return cls(namespace, generation, Clause(must=(tenant,)), None)
        bounds = Compiler(namespace, generation).compile(filter)
        clause = where(tenant, bounds.upper)
        return cls(namespace, generation, clause, None if bounds.exact else predicate(filter))

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields of a payload that :meth:`matching` and :meth:`id_of` need."""
        needed = RECORD if self.test is None else viewed_fields(self.generation)
        return ("id", "namespace", *needed)

    def id_of(self, row: Row) -> str | None:
        """The id of the row's record if it is one of those selected."""
        if self.test is not None:
            record = self.matching(row)
            return None if record is None else record.id
        payload = row.payload
        return payload["id"] if payload["namespace"] == self.namespace else None

    def matching(self, row: Row) -> MemoryRecord | None:
        """The row's record if it is one of those selected."""
        record = record_of(row.payload)
        if record.namespace != self.namespace:
            return None
        if self.test is None or self.test(viewed(row.payload, record, self.generation)):
            return record
        return None


def stored(row: Row, record: MemoryRecord, generation: Generation, *, vectors: bool) -> Stored:
    """A row as the contract has it."""
    if not vectors:
        return Stored(record)
    dense = row.vectors.get(generation.dense)
    vector = None if dense is None else np.asarray(dense, dtype=np.float32)
    return Stored(record, vector, tuple(row.payload.get("unique", ())))


def stored_fields(*, vectors: bool) -> tuple[str, ...]:
    """The fields of a payload that :func:`stored` needs."""
    return (*RECORD, "unique") if vectors else RECORD


async def get(
    transport: Transport,
    namespace: str,
    generation: Generation,
    ids: Iterable[str],
    *,
    vectors: bool,
    dense: bool,
) -> dict[str, Stored]:
    """The records with these ids, in the order of the ids."""
    wanted = {point_id(namespace, id_): id_ for id_ in ids}
    points = list(wanted)
    rows: dict[str, Row] = {}
    names = (generation.dense,) if vectors and dense else ()
    for start in range(0, len(points), _PAGE):
        some = points[start : start + _PAGE]
        for row in await transport.retrieve(namespace, some, stored_fields(vectors=vectors), names):
            rows[row.id] = row
    found: dict[str, Stored] = {}
    for point, id_ in wanted.items():
        if point not in rows:
            continue
        record = record_of(rows[point].payload)
        if record.namespace == namespace and record.id == id_:
            found[id_] = stored(rows[point], record, generation, vectors=vectors)
    return found


async def walk(
    transport: Transport,
    namespace: str | None,
    clause: Clause,
    fields: Sequence[str],
    vectors: Sequence[str] = (),
) -> AsyncIterator[Row]:
    """All points that match."""
    after: str | None = None
    while True:
        rows, after = await transport.scroll(
            namespace, clause, _PAGE, fields, after=after, vectors=vectors
        )
        for row in rows:
            yield row
        if after is None:
            return


async def scan(
    transport: Transport,
    selection: Selection,
    order: Order,
    cursor: str | None,
    limit: int,
    *,
    vectors: bool,
    dense: bool,
) -> ScanPage:
    """A page of the records that match, in order."""
    check_order(order, limit)
    after = None if cursor is None else Cursors(order).values(cursor)
    if selection.clause is None or limit == 0:
        return ScanPage((), None)
    entries = None
    if order.field in RANGES[:2]:
        # The fields that every record has: nothing is missing from the engine's order.
        entries = await _from(transport, selection, order, after, limit)
    if entries is None:
        entries = [
            (ordered_by(record, order.field), record.id)
            async for record in _records(transport, selection)
        ]
    ids, more = sorted_page(entries, order, cursor, limit)
    found = await get(
        transport, selection.namespace, selection.generation, ids, vectors=vectors, dense=dense
    )
    return ScanPage(tuple(found.values()), more)


async def _records(transport: Transport, selection: Selection) -> AsyncIterator[MemoryRecord]:
    assert selection.clause is not None
    async for row in walk(transport, selection.namespace, selection.clause, selection.fields):
        if (record := selection.matching(row)) is not None:
            yield record


async def _from(
    transport: Transport,
    selection: Selection,
    order: Order,
    after: tuple[Any, str] | None,
    limit: int,
) -> list[tuple[Any, str]] | None:
    """Enough of those that match from a place in the engine's order on, for one page.

    The engine orders by the value alone, so all that share the last value are fetched too.

    Returns:
        ``None`` if there are values that the engine does not compare exactly.
    """
    assert selection.clause is not None
    field, descending = order.field, order.descending
    start = None if after is None else after[0]
    if start is not None and (not isinstance(start, int) or abs(start) > _EXACT):
        return None
    size = limit + 2
    while True:
        clause = selection.clause
        if start is not None:
            bound = Span(field, lte=float(start)) if descending else Span(field, gte=float(start))
            clause = Clause(must=(clause, bound))
        rows = await transport.ordered(
            selection.namespace, clause, size, (*selection.fields, field),
            by=field, descending=descending,
        )  # fmt: skip
        if any(abs(row.payload[field]) > _EXACT for row in rows):
            return None
        whole = len(rows) < size
        if not whole:
            last = rows[-1].payload[field]
            tied = Span(field, gte=float(last), lte=float(last))
            rows = [row for row in rows if row.payload[field] != last]
            group = Clause(must=(selection.clause, tied))
            async for row in walk(
                transport, selection.namespace, group, (*selection.fields, field)
            ):
                rows.append(row)
        entries = [
            (row.payload[field], record.id)
            for row in rows
            if (record := selection.matching(row)) is not None
        ]
        ids, more = sorted_page(
            entries, order, None if after is None else Cursors(order).text(*after), limit
        )
        if whole or (len(ids) == limit and more is not None):
            return entries
        # Too few matched, or were after the cursor: look further.
        size *= 4


async def count(transport: Transport, selection: Selection, by: str | None) -> dict[str, int]:
    """How many records match, in all or by the values of a field."""
    check_count_by(by)
    if selection.clause is None:
        return {"": 0} if by is None else {}
    if selection.test is None and by is None:
        return {"": await transport.count(selection.namespace, selection.clause)}
    if selection.test is None and by in COUNTED:
        return await transport.facet(selection.namespace, selection.clause, str(by))
    if selection.test is None and by in COUNTED_LATER:
        with suppress(StoreError):
            return await transport.facet(selection.namespace, selection.clause, str(by))
    fields = set(selection.fields)
    if by is not None:
        fields.update(viewed_fields(selection.generation))
    counts: Counter[str] = Counter()
    async for row in walk(transport, selection.namespace, selection.clause, tuple(fields)):
        record = selection.matching(row)
        if record is None:
            continue
        if by is None:
            counts[""] += 1
        else:
            texts = _texts(viewed(row.payload, record, selection.generation)(by))
            counts.update(texts if by in FIELDS else set(texts))
    return dict(counts) if by is not None else {"": counts[""]}


def _texts(value: Any) -> list[str]:
    """The texts that a value is counted under."""
    if isinstance(value, str):
        return [str(value)]
    if isinstance(value, list | tuple):
        return [each for each in value if isinstance(each, str)]
    return []


def check_limit(limit: int) -> None:
    """See that a search can have this limit.

    Raises:
        InvalidInput: it cannot.
    """
    if limit < 0:
        raise InvalidInput("a search's limit cannot be negative")
