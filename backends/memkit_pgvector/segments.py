"""Indexes of the vectors of large namespaces, a piece at a time.

Each is an HNSW index of one namespace's vectors whose numbers lie in one range. What was
written since the last range is searched exactly, so a write never waits for such an index;
when that becomes too much, one more is built beside, or in the place of smaller ones, as
segments of a log are merged.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from memkit_pgvector.binding import Raw
from memkit_pgvector.state import StoreState, read_state

if TYPE_CHECKING:
    from memkit_pgvector.database import Database
    from memkit_pgvector.pool import Connection

#: pgvector indexes vectors of at most so many half-precision numbers.
DIMENSIONS_MAX = 4000
# With these 100,000 vectors are indexed in some 16 s on two cores.
_M, _EF_CONSTRUCTION = 16, 64
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
# What an index's graph takes a vector in memory while it is built, besides the numbers.
_GRAPH_BYTES = 600
_MEMORY_KB = (65_536, 2_000_000)

# The names of indexes say what they cover. LIKE's wildcard is part of the second parameter.
SELECT_SEGMENTS = (
    "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    "JOIN pg_index i ON i.indexrelid = c.oid "
    "WHERE n.nspname = $1 AND c.relname LIKE $2 AND i.indisvalid"
)
_SELECT_UNFINISHED = SELECT_SEGMENTS.replace("AND i.indisvalid", "AND NOT i.indisvalid")


@dataclass(frozen=True, slots=True, order=True)
class Segment:
    """An index of the vectors numbered above ``low`` and up to ``high``."""

    low: int
    high: int
    name: str


def prefix(ns: bytes, state: StoreState) -> str:
    """A pattern of the names of a namespace's indexes."""
    return f"hnsw\\_{state.vectors}\\_{ns.hex()}\\_%"


def segments_from(rows: Iterable[Sequence[Any]]) -> tuple[Segment, ...]:
    """The segments that indexes of these names are, without those inside another."""
    found = []
    for (name,) in rows:
        low, high = name.rsplit("_", 2)[1:]
        found.append(Segment(int(low, 36), int(high, 36), name))
    found.sort(key=lambda each: (each.low, -each.high))
    kept: list[Segment] = []
    for each in found:
        if not kept or each.low >= kept[-1].high:
            kept.append(each)
    return tuple(kept)


def tail_of(segments: Sequence[Segment]) -> int:
    """The number above which vectors are in no segment."""
    return segments[-1].high if segments else 0


def indexed_expression(state: StoreState) -> str:
    """What is indexed of a vector."""
    if state.vector_type == "halfvec":
        return "v.vec"
    return f"(v.vec::halfvec({state.dimension}))"


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits or "0"


async def grow(database: Database, ns: bytes, rows: int) -> bool:
    """Index what is in no segment, if that is more than ``rows`` vectors; whether it was.

    Another process that is at it is left alone.
    """
    async with database.writing() as connection:
        lock = [int.from_bytes(ns[:8], "big", signed=True)]
        cursor = await connection.execute("SELECT pg_try_advisory_lock($1)", lock)
        row: Any = await cursor.fetchone()
        if not row[0]:
            return False
        try:
            return await _grow(database, connection, ns, rows)
        finally:
            if not connection.closed:
                await connection.execute("SELECT pg_advisory_unlock($1)", lock)


async def _grow(database: Database, connection: Connection, ns: bytes, rows: int) -> bool:
    names = database.names
    state = await read_state(connection, names)
    if state.dimension is None or state.dimension > DIMENSIONS_MAX:
        return False
    pattern = [names.schema, prefix(ns, state)]
    cursor = await connection.execute(_SELECT_UNFINISHED, pattern)
    for (name,) in await cursor.fetchall():
        await connection.execute(names.sql(f"DROP INDEX IF EXISTS @.{name}"))
    cursor = await connection.execute(SELECT_SEGMENTS, pattern)
    every = await cursor.fetchall()
    segments = list(segments_from(every))
    fresh, high = await _count(database, connection, ns, tail_of(segments), None)
    if fresh <= rows:
        return False
    low = tail_of(segments)
    # As a log's segments are merged: each is at least twice as large as the next.
    while segments:
        held, _ = await _count(database, connection, ns, segments[-1].low, segments[-1].high)
        if held > 2 * fresh:
            break
        fresh += held
        low = segments.pop().low
    name = f"hnsw_{state.vectors}_{ns.hex()}_{_base36(low)}_{_base36(high)}"
    await _build(database, connection, ns, state, name, (low, high), fresh)
    kept = {name, *(each.name for each in segments)}
    for (old,) in every:
        if old not in kept:
            await connection.execute(names.sql(f"DROP INDEX CONCURRENTLY IF EXISTS @.{old}"))
    return True


async def _count(
    database: Database, connection: Connection, ns: bytes, low: int, high: int | None
) -> tuple[int, int]:
    """How many vectors lie in a range, and the greatest number among them."""
    bound = "" if high is None else f"AND seq <= {high}"
    cursor = await connection.execute(
        database.names.sql(
            f"SELECT count(*), coalesce(max(seq), 0) FROM @.vectors_{database.state.vectors} "
            f"WHERE ns = $1::uuid AND seq > {low} {bound}"
        ),
        [Raw(ns)],
    )
    row: Any = await cursor.fetchone()
    return int(row[0]), int(row[1])


async def _build(
    database: Database,
    connection: Connection,
    ns: bytes,
    state: StoreState,
    name: str,
    bounds: tuple[int, int],
    rows: int,
) -> None:
    """Build an index while others write, with as much memory as its graph takes."""
    import psycopg

    table = await _table(database, connection, ns, state)
    expression = indexed_expression(state).replace("v.vec", "vec")
    statement = (
        f"CREATE INDEX CONCURRENTLY {name} ON {table} "
        f"USING hnsw ({expression} halfvec_cosine_ops) "
        f"WITH (m = {_M}, ef_construction = {_EF_CONSTRUCTION}) "
        f"WHERE ns = '{ns.hex()}'::uuid AND seq > {bounds[0]} AND seq <= {bounds[1]}"
    )
    needed = rows * (2 * (state.dimension or 0) + _GRAPH_BYTES) // 1024
    least, most = _MEMORY_KB
    settings = (
        "SET statement_timeout = 0",
        f"SET maintenance_work_mem = {min(most, max(least, needed))}",
    )
    try:
        for setting in settings:
            await connection.execute(setting)
        try:
            await connection.execute(statement)
        except (psycopg.errors.DiskFull, psycopg.errors.OutOfMemory):
            # Workers share memory, of which containers often have very little.
            await connection.execute(database.names.sql(f"DROP INDEX IF EXISTS @.{name}"))
            await connection.execute("SET max_parallel_maintenance_workers = 0")
            await connection.execute(statement)
    finally:
        if not connection.closed:
            await connection.execute("RESET statement_timeout")
            await connection.execute("RESET maintenance_work_mem")
            await connection.execute("RESET max_parallel_maintenance_workers")


async def _table(database: Database, connection: Connection, ns: bytes, state: StoreState) -> str:
    """The table, of the partitions if there are any, that holds a namespace's vectors."""
    cursor = await connection.execute(
        database.names.sql(
            f"SELECT tableoid::regclass::text FROM @.vectors_{state.vectors} v "
            "WHERE v.ns = $1::uuid LIMIT 1"
        ),
        [Raw(ns)],
    )
    row: Any = await cursor.fetchone()
    return str(row[0])
