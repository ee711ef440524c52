"""What is read of records: by id, in lists, counted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from memkit.backing.listing import Cursors, check_count_by, check_order
from memkit.errors import InvalidInput
from memkit.filters import EVERYTHING, FieldType, Filter, field_type, metadata_key
from memkit.protocols import Order, ScanPage, Stored
from memkit_pgvector import wire
from memkit_pgvector.binding import Raw
from memkit_pgvector.compiler import Values, column, condition, is_required
from memkit_pgvector.database import Database
from memkit_pgvector.keys import decoded, encoded, namespace_key, record_key
from memkit_pgvector.rows import SELECTED, record_from, stored_from
from memkit_pgvector.state import StoreState

if TYPE_CHECKING:
    from memkit_pgvector.pool import Connection

_ORDERED_TYPES = {FieldType.TEXT: "text", FieldType.NUMBER: "bigint", FieldType.TIME: "bigint"}


def key_of(namespace: str) -> bytes:
    """The key of a namespace.

    Raises:
        InvalidInput: it has no UTF-8 form.
    """
    try:
        return namespace_key(namespace)
    except UnicodeEncodeError:
        raise InvalidInput("a namespace holds a lone surrogate") from None


def with_index(state: StoreState) -> tuple[str, str]:
    """The columns that :func:`~memkit_pgvector.rows.stored_from` reads, and what to join."""
    if state.vectors is None:
        return f"{SELECTED}, r.unique_keys, NULL", ""
    return (
        f"{SELECTED}, r.unique_keys, {state.vector_type}_send(v.vec)",
        f"LEFT JOIN @.vectors_{state.vectors} v ON v.ns = r.ns AND v.rid = r.rid",
    )


async def get(
    database: Database, namespace: str, ids: Sequence[str], *, vectors: bool
) -> dict[str, Stored]:
    """The records with these ids."""
    wanted = set(ids)
    try:
        keys = [record_key(id_) for id_ in wanted]
    except UnicodeEncodeError:
        keys = [record_key(id_) for id_ in wanted if id_.isascii()]
    if not keys:
        return {}
    ns = key_of(namespace)

    async def run(connection: Connection) -> dict[str, Stored]:
        state = database.state
        columns, joined = with_index(state) if vectors else (SELECTED, "")
        cursor = await connection.execute(
            database.names.sql(
                f"SELECT {columns} FROM @.records r {joined} "
                "WHERE r.ns = $1::uuid AND r.rid = ANY($2::uuid[])"
            ),
            [Raw(ns), Raw(wire.uuids(keys))],
            binary=True,
        )
        rows = await cursor.fetchall()
        if vectors:
            found = [stored_from(row, state.vector_type) for row in rows]
        else:
            found = [Stored(record_from(row)) for row in rows]
        return {item.record.id: item for item in found}

    held = await database.read(run)
    return {id_: held[id_] for id_ in ids if id_ in held}


def _after(order: Order, value: Any, id_: str, values: Values) -> str:
    """The condition that a record comes after this value and id."""
    ahead = "<" if order.descending else ">"
    id_at = values.add(encoded(id_))
    if order.field == "id":
        return f"r.id {ahead} {id_at}::text"
    name = column(order.field)
    if value is None:
        return f"({name} IS NULL AND r.id > {id_at}::text)"
    sql_type = _ORDERED_TYPES[field_type(order.field)]
    if order.field == "confidence":
        sql_type = "double precision"
    if isinstance(value, str) != (sql_type == "text"):
        raise InvalidInput("this is no cursor of a listing: pass on the one a page gave")
    at = f"{values.add(encoded(value) if isinstance(value, str) else value)}::{sql_type}"
    if is_required(order.field):
        return f"({name} {ahead}= {at} AND ({name} {ahead} {at} OR r.id > {id_at}::text))"
    return f"({name} IS NULL OR {name} {ahead} {at} OR ({name} = {at} AND r.id > {id_at}::text))"


def _order_by(order: Order) -> str:
    direction = "DESC" if order.descending else "ASC"
    if order.field == "id":
        return f"r.id {direction}"
    missing_last = "" if is_required(order.field) else " NULLS LAST"
    return f"{column(order.field)} {direction}{missing_last}, r.id"


async def scan(
    database: Database,
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
    ns = key_of(namespace)
    values = Values(Raw(ns))
    where = f"r.ns = $1::uuid AND {condition(ns, filter, values).sql}"
    if after is not None:
        where = f"{where} AND {_after(order, *after, values)}"
    if limit == 0:
        return ScanPage((), None)
    rest = f"WHERE {where} ORDER BY {_order_by(order)} LIMIT {values.add(limit + 1)}"

    async def run(connection: Connection) -> tuple[StoreState, list[Any]]:
        state = database.state
        columns, joined = with_index(state) if vectors else (SELECTED, "")
        found = await connection.execute(
            database.names.sql(
                f"SELECT {columns}, {column(order.field)} FROM @.records r {joined} {rest}"
            ),
            values.bound,
            binary=True,
        )
        return state, await found.fetchall()

    state, rows = await database.read(run)
    items = tuple(
        stored_from(row, state.vector_type) if vectors else Stored(record_from(row))
        for row in rows[:limit]
    )
    if len(rows) <= limit:
        return ScanPage(items, None)
    last = rows[limit - 1][-1]
    last = decoded(last) if isinstance(last, str) else last
    return ScanPage(items, marker.text(last, items[-1].record.id))


async def count(
    database: Database, namespace: str, filter: Filter, by: str | None
) -> dict[str, int]:
    """How many records match, in all or by each value of a field.

    Raises:
        InvalidInput: ``by`` is not a text or list field.
    """
    kind = check_count_by(by)
    ns = key_of(namespace)
    values = Values(Raw(ns))
    where = f"r.ns = $1::uuid AND {condition(ns, filter, values).sql}"
    if by is None and filter == EVERYTHING:
        sql = "SELECT coalesce(sum(records), 0)::bigint FROM @.counts WHERE ns = $1::uuid"
    elif by is None:
        sql = f"SELECT count(*) FROM @.records r WHERE {where}"
    elif kind is FieldType.LABELS:
        sql = (
            f"SELECT value, count(*) FROM @.records r, unnest({column(by)}) AS value "
            f"WHERE {where} GROUP BY value"
        )
    elif kind is FieldType.JSON:
        key = f"{values.add(encoded(metadata_key(by)))}::text"
        sql = (
            "SELECT value #>> '{}', count(DISTINCT r.rid) FROM @.records r, "
            f"jsonb_array_elements(CASE jsonb_typeof(r.metadata -> {key}) WHEN 'array' "
            f"THEN r.metadata -> {key} ELSE jsonb_build_array(r.metadata -> {key}) END) AS value "
            f"WHERE {where} AND jsonb_typeof(value) = 'string' GROUP BY value"
        )
    else:
        sql = (
            f"SELECT {column(by)}, count(*) FROM @.records r WHERE {where} "
            f"AND {column(by)} IS NOT NULL GROUP BY {column(by)}"
        )

    async def run(connection: Connection) -> list[Any]:
        found = await connection.execute(database.names.sql(sql), values.bound)
        return await found.fetchall()

    rows = await database.read(run)
    if by is None:
        return {"": rows[0][0]}
    return {decoded(value): number for value, number in rows}


async def namespaces(database: Database) -> dict[str, int]:
    """Every namespace that holds records, and how many."""

    async def run(connection: Connection) -> list[Any]:
        found = await connection.execute(
            database.names.sql(
                "SELECT n.name, sum(c.records)::bigint FROM @.counts c "
                "JOIN @.namespaces n ON n.ns = c.ns GROUP BY n.ns, n.name HAVING sum(c.records) > 0"
            )
        )
        return await found.fetchall()

    return {decoded(name): number for name, number in await database.read(run)}
