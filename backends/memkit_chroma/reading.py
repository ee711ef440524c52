"""What is read from a namespace in memory: records, listings, counts, near copies, changes."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from typing import Any

from memkit.backing.listing import Cursors, check_count_by, check_order, sorted_page
from memkit.backing.times import micros, moment
from memkit.filters import FieldType, Filter, field_type
from memkit.protocols import Change, Order, ScanPage, Stored
from memkit_chroma.entries import CHANGES_BITS
from memkit_chroma.partition import Partition
from memkit_chroma.session import Session

_ENTRIES_AT_ONCE = 100


def stored(partition: Partition, number: int, *, vectors: bool) -> Stored:
    """A row as it is handed out; its vector, if asked for, must be in memory."""
    record = partition.record(number)
    if not vectors:
        return Stored(record)
    return Stored(record, partition.matrix.vector(number), partition.rows[number].unique)


def get(
    session: Session, namespace: str, ids: Sequence[str], *, vectors: bool
) -> dict[str, Stored]:
    """The records with these ids."""
    session.catch_up()
    if vectors:
        session.fetch(namespace, ids)

    def work(partition: Partition) -> dict[str, Stored]:
        found = {id_: partition.row_of.get(id_) for id_ in dict.fromkeys(ids)}
        return {
            id_: stored(partition, number, vectors=vectors)
            for id_, number in found.items()
            if number is not None
        }

    return session.look(namespace, work)


class Listings:
    """Scans; the order of the last listing is kept, so that its next pages cost little."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._last: tuple[Any, list[str], list[Any]] | None = None

    def scan(
        self,
        namespace: str,
        filter: Filter,
        *,
        order: Order,
        cursor: str | None,
        limit: int,
        vectors: bool,
    ) -> ScanPage:
        """One page of a listing.

        Raises:
            InvalidInput: the order, cursor or limit cannot be.
        """
        check_order(order, limit)
        if cursor is not None:
            Cursors(order).values(cursor)

        def work(partition: Partition) -> tuple[list[str], str | None]:
            return self._page(partition, filter, order, cursor, limit)

        ids, more = self._session.read(namespace, work)
        found = {}
        if ids:
            if vectors:
                self._session.fetch(namespace, ids)
            found = self._session.look(namespace, lambda partition: _of(partition, ids, vectors))
        return ScanPage(tuple(found[id_] for id_ in ids if id_ in found), more)

    def _page(
        self, partition: Partition, filter: Filter, order: Order, cursor: str | None, limit: int
    ) -> tuple[list[str], str | None]:
        if limit == 0:
            return [], None
        key = (partition.serial, partition.revision, filter, order)
        last = self._last
        if last is None or last[0] != key:
            entries = _entries(partition, filter, order)
            if cursor is None and len(entries) <= limit:
                return sorted_page(entries, order, cursor, limit)
            values = {id_: value for value, id_ in entries}
            ids, _ = sorted_page(entries, order, None, max(1, len(entries)))
            last = self._last = (key, ids, [values[id_] for id_ in ids])
        _, ids, held = last
        start = 0
        if cursor is not None:
            value, id_ = Cursors(order).values(cursor)
            start = _after(order, ids, held, value, id_)
        page = ids[start : start + limit]
        if start + limit >= len(ids):
            return page, None
        return page, Cursors(order).text(held[start + limit - 1], page[-1])


def _after(order: Order, ids: list[str], values: list[Any], value: Any, id_: str) -> int:
    """How many of a sorted listing do not come after this value and id."""
    if order.field == "id":
        return bisect_left(range(len(ids)), True, key=lambda n: _past_id(order, ids[n], id_))
    return bisect_left(
        range(len(ids)), True, key=lambda n: _past(order, values[n], ids[n], value, id_)
    )


def _past_id(order: Order, id_: str, last: str) -> bool:
    return id_ < last if order.descending else id_ > last


def _past(order: Order, value: Any, id_: str, last: Any, last_id: str) -> bool:
    # What is missing comes last in either direction; equal values go by id.
    if (value is None) is not (last is None):
        return value is None
    if value == last:
        return id_ > last_id
    return bool(value < last if order.descending else value > last)


def _entries(partition: Partition, filter: Filter, order: Order) -> list[tuple[Any, str]]:
    numbers = partition.matching(filter)
    ids = [partition.rows[number].id for number in numbers.tolist()]
    if order.field == "id":
        return [(id_, id_) for id_ in ids]
    values = partition.column(order.field).at(numbers)
    if field_type(order.field) is FieldType.TIME:
        values = [None if value is None else micros(value) for value in values]
    return list(zip(values, ids, strict=True))


def _of(partition: Partition, ids: Sequence[str], vectors: bool) -> dict[str, Stored]:
    return {
        id_: stored(partition, partition.row_of[id_], vectors=vectors)
        for id_ in ids
        if id_ in partition.row_of
    }


def count(session: Session, namespace: str, filter: Filter, by: str | None) -> dict[str, int]:
    """How many records match, in all or by each value of a field.

    Raises:
        InvalidInput: ``by`` is not a text or list field.
    """
    kind = check_count_by(by)

    def work(partition: Partition) -> dict[str, int]:
        numbers = partition.matching(filter)
        if by is None:
            return {"": len(numbers)}
        found: Counter[str] = Counter()
        for value, times in partition.column(by).counts(numbers):
            for each in _counted(value, kind):
                found[each] += times
        return dict(found)

    return session.read(namespace, work)


def _counted(value: Any, kind: FieldType | None) -> set[str]:
    """Under which texts a value counts."""
    if isinstance(value, str):
        return {value}
    if isinstance(value, list | tuple) and kind is not FieldType.TEXT:
        return {item for item in value if isinstance(item, str)}
    return set()


def sharing(
    session: Session, namespace: str, signature: Sequence[str], filter: Filter, limit: int
) -> list[Stored]:
    """Matching records that share signature keys: most keys first, then the newest."""

    def work(partition: Partition) -> list[str]:
        numbers = partition.sharing(signature)[: 2 * limit]
        if not numbers:
            return []
        mask = partition.select(filter)
        kept = numbers if mask is None else [number for number in numbers if mask[number]]
        return [partition.rows[number].id for number in kept[:limit]]

    ids = session.read(namespace, work)
    if not ids:
        return []
    session.fetch(namespace, ids)
    found = session.look(namespace, lambda partition: _of(partition, ids, True))
    return [found[id_] for id_ in ids if id_ in found]


def changes(session: Session, namespace: str, after: int, limit: int) -> list[Change]:
    """Changes of a namespace with a position greater than ``after``, oldest first."""
    session.catch_up()
    found: list[Change] = []
    last = session.ledger.position
    first = max(after >> CHANGES_BITS, session.oldest(), 1)
    while first <= last and len(found) < limit:
        for entry in session.entries(first, min(first + _ENTRIES_AT_ONCE - 1, last)):
            for position, step in entry.positions():
                if position > after and step.namespace == namespace and step.feed is not None:
                    op: Any = step.feed
                    at = moment(entry.at)
                    found.append(Change(position, op, namespace, step.id, at, step.about))
        first += _ENTRIES_AT_ONCE
    return found[:limit]
