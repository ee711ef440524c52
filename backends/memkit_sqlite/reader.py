"""Connections for reading, and what is read through them: records, listings, counts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from memkit.backing.listing import Cursors, check_count_by, check_order
from memkit.backing.packing import as_json
from memkit.backing.times import moment
from memkit.filters import FieldType, Filter, metadata_key
from memkit.protocols import Change, Order, ScanPage, Stored
from memkit_sqlite.compiler import LABEL_TABLES, Condition, column, is_required
from memkit_sqlite.driver import told
from memkit_sqlite.rows import RECORD_WIDTH, SELECTED, Row, labels, record_from, vector_from
from memkit_sqlite.schema import OP_DELETE, OP_PUT, SCHEMA_VERSION
from memkit_sqlite.selective import few_records
from memkit_sqlite.store import StoreFile

if TYPE_CHECKING:
    import apsw

T = TypeVar("T")
_KEPT_CONNECTIONS = 8
# SQLite's steps (some 50 ns each, more where JSON is read) that a query may take on the event
# loop before it is given up there and run in a thread.
_INLINE_STEPS = 20_000
SELECTED_WITH_INDEX = f"{SELECTED}, r.unique_keys, i.vector"


class Reader:
    """A pool of read connections to one store."""

    def __init__(self, file: StoreFile, *, read_only: bool) -> None:
        self._file = file
        self._read_only = read_only
        self._lock = threading.Lock()
        self._idle: list[apsw.Connection] = []
        self._closed = False
        self._namespaces: dict[str, int] = {}

    @property
    def current(self) -> bool:
        """Whether the store has this code's schema; an older one is read through views."""
        return self._file.schema_version == SCHEMA_VERSION

    @contextmanager
    def connection(self) -> Iterator[apsw.Connection]:
        """A connection that nobody else uses meanwhile; the driver's errors become memkit's."""
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        if connection is None:
            connection = self.connect()
        try:
            with told(self._file.location, connection):
                yield connection
        finally:
            with self._lock:
                keep = not self._closed and len(self._idle) < _KEPT_CONNECTIONS
                if keep:
                    self._idle.append(connection)
            if not keep:
                connection.close()

    def connect(self) -> apsw.Connection:
        """A new connection that reads."""
        connection = self._file.connect(read_only=self._read_only)
        with told(self._file.location, connection):
            connection.pragma("query_only", 1)
        return connection

    def close(self) -> None:
        """Close the connections that nobody uses, and the others as they come back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def briefly(self, work: Callable[[apsw.Connection], T]) -> T:
        """Run ``work`` unless it takes too long for an event loop.

        Raises:
            apsw.InterruptError: it does.
        """
        with self.connection() as connection:
            # The steps of a statement are counted on from its last use, so the first call of
            # the handler says nothing; the second says that this many were taken just now.
            stop = partial(next, iter((False,)), True)
            connection.set_progress_handler(stop, _INLINE_STEPS)
            try:
                return work(connection)
            finally:
                connection.set_progress_handler(None)

    def fully(self, work: Callable[[apsw.Connection], T]) -> T:
        """Run ``work`` however long it takes."""
        with self.connection() as connection:
            return work(connection)

    def namespace(self, connection: apsw.Connection, name: str) -> int | None:
        """The number of a namespace, ``None`` if nothing was ever stored in it."""
        ns = self._namespaces.get(name)
        if ns is None:
            row: Any = connection.execute(
                "SELECT ns FROM namespaces WHERE name = ?", (name,)
            ).fetchone()
            if row is None:
                return None
            ns = self._namespaces[name] = int(row[0])
        return ns


def stored_from(namespace: str, row: Row) -> Stored:
    """What a row of :data:`SELECTED_WITH_INDEX` holds."""
    return Stored(
        record_from(namespace, row), vector_from(row[RECORD_WIDTH + 1]), labels(row[RECORD_WIDTH])
    )


def _after(order: Order, value: Any, id_: str) -> tuple[str, list[Any]]:
    """The condition that a record comes after this value and id."""
    ahead = "<" if order.descending else ">"
    if order.field == "id":
        return f"r.id {ahead} ?", [id_]
    name = column(order.field)
    if value is None:
        return f"{name} IS NULL AND r.id > ?", [id_]
    if is_required(order.field):
        return f"{name} {ahead}= ? AND ({name} {ahead} ? OR r.id > ?)", [value, value, id_]
    return (
        f"({name} IS NULL OR {name} {ahead} ? OR ({name} = ? AND r.id > ?))",
        [value, value, id_],
    )


def _order_by(order: Order) -> str:
    direction = "DESC" if order.descending else "ASC"
    if order.field == "id":
        return f"r.id {direction}"
    name = column(order.field)
    missing_last = "" if is_required(order.field) else f"{name} IS NULL, "
    return f"{missing_last}{name} {direction}, r.id"


def _matching(connection: apsw.Connection, ns: int, filter: Filter) -> tuple[str, str, list[Any]]:
    """A FROM, a WHERE and the values they bind, for the records ``r`` that match."""
    condition = Condition(ns, filter)
    where = f"r.ns = ? AND {condition.sql}"
    few = few_records(connection, ns, filter)
    if few is None:
        return "records r", where, [ns, *condition.values]
    source = "json_each(?) few CROSS JOIN records r ON r.seq = few.value"
    return source, where, [as_json(few), ns, *condition.values]


def scan(
    reader: Reader,
    connection: apsw.Connection,
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
    marker = Cursors(order)
    after = None if cursor is None else marker.values(cursor)
    ns = reader.namespace(connection, namespace)
    if ns is None or limit == 0:
        return ScanPage((), None)
    source, where, values = _matching(connection, ns, filter)
    if after is not None:
        more, bound = _after(order, *after)
        where, values = f"{where} AND {more}", [*values, *bound]
    joined = "LEFT JOIN indexed i ON i.seq = r.seq " if vectors else ""
    columns = SELECTED_WITH_INDEX if vectors else SELECTED
    rows: list[Any] = connection.execute(
        f"SELECT {columns}, {column(order.field)} FROM {source} {joined}WHERE {where} "
        f"ORDER BY {_order_by(order)} LIMIT ?",
        (*values, limit + 1),
    ).fetchall()
    items = tuple(
        stored_from(namespace, row) if vectors else Stored(record_from(namespace, row))
        for row in rows[:limit]
    )
    if len(rows) <= limit:
        return ScanPage(items, None)
    last = rows[limit - 1]
    return ScanPage(items, marker.text(last[-1], last[0]))


def count(
    reader: Reader, connection: apsw.Connection, namespace: str, filter: Filter, by: str | None
) -> dict[str, int]:
    """How many records match, in all or by each value of a field.

    Raises:
        InvalidInput: ``by`` is not a text or list field.
    """
    kind = check_count_by(by)
    ns = reader.namespace(connection, namespace)
    if ns is None:
        return {"": 0} if by is None else {}
    source, where, values = _matching(connection, ns, filter)
    if by is None:
        row: Any = connection.execute(
            f"SELECT count(*) FROM {source} WHERE {where}", values
        ).fetchone()
        return {"": row[0]}
    if kind is FieldType.LABELS:
        if by == "signature":
            sql = (
                f"SELECT j.value, count(*) FROM {source} JOIN indexed i ON i.seq = r.seq, "
                f"json_each(i.signature) j WHERE {where} GROUP BY j.value"
            )
        else:
            sql = (
                f"SELECT t.value, count(*) FROM {LABEL_TABLES[by]} t WHERE t.ns = ? AND t.seq "
                f"IN (SELECT r.seq FROM {source} WHERE {where}) GROUP BY t.value"
            )
            values = [ns, *values]
    elif kind is FieldType.JSON:
        sql = (
            f"SELECT e.atom, count(DISTINCT r.seq) FROM {source}, json_each(r.metadata) j, "
            "json_each(CASE j.type WHEN 'array' THEN j.value ELSE json_array(j.atom) END) e "
            f"WHERE {where} AND j.key = ? AND j.type IN ('text', 'array') AND e.type = 'text' "
            "GROUP BY e.atom"
        )
        values = [*values, metadata_key(by)]
    else:
        name = column(by)
        sql = (
            f"SELECT {name}, count(*) FROM {source} WHERE {where} AND {name} IS NOT NULL "
            f"GROUP BY {name}"
        )
    rows: Any = connection.execute(sql, values)
    return dict(rows)


def namespaces(connection: apsw.Connection) -> dict[str, int]:
    """Every namespace that holds records, and how many."""
    rows: Any = connection.execute(
        "SELECT n.name, c.held FROM (SELECT ns, count(*) AS held FROM records GROUP BY ns) c "
        "JOIN namespaces n ON n.ns = c.ns"
    )
    return dict(rows)


def changes(
    reader: Reader, connection: apsw.Connection, namespace: str, after: int, limit: int
) -> list[Change]:
    """The change feed of a namespace from after a position."""
    ns = reader.namespace(connection, namespace)
    if ns is None or limit <= 0:
        return []
    rows: Any = connection.execute(
        "SELECT position, op, id, at, about FROM changes WHERE position > ? AND ns = ? "
        "ORDER BY position LIMIT ?",
        (after, ns, limit),
    )
    return [
        Change(
            position,
            "put" if op == OP_PUT else "delete" if op == OP_DELETE else "patch",
            namespace,
            id_,
            moment(at),
            about,
        )
        for position, op, id_, at, about in rows
    ]


def position(connection: apsw.Connection) -> int:
    """The position of the newest change."""
    row: Any = connection.execute("SELECT max(position) FROM changes").fetchone()
    return row[0] or 0


def oldest(connection: apsw.Connection) -> int:
    """The position up to which changes were dropped; they are numbered without a gap."""
    row: Any = connection.execute("SELECT coalesce(min(position), 1) - 1 FROM changes").fetchone()
    return int(row[0])
