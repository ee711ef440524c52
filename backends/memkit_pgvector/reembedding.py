"""Replacing all index data: staged beside the old, then put in its place at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from memkit.backing.hashing import signature_hash
from memkit.backing.times import micros
from memkit.errors import InvalidInput, StoreError
from memkit.protocols import Fingerprint, IndexData, Stored
from memkit.types import MemoryRecord
from memkit_pgvector import tokens, wire
from memkit_pgvector.binding import Raw
from memkit_pgvector.database import Database
from memkit_pgvector.keys import namespace_key, record_key
from memkit_pgvector.rows import SELECTED, record_from, vector_row, words_row
from memkit_pgvector.schema import STAGED_TOKENS, staging_table, vectors_table, words_table
from memkit_pgvector.staging import staged_tables
from memkit_pgvector.state import StoreState, read_state
from memkit_pgvector.statements import VECTOR_COLUMNS, Tables, word_columns
from memkit_pgvector.vectors import LOCK_WRITES
from memkit_pgvector.wire import Row

if TYPE_CHECKING:
    from memkit_pgvector.pool import Connection

_STAGING_COLUMNS = ("ns", "rid", "length", "embedded", "signature", "keys")
# Switching over rewrites as much as differs, however long that takes.
_NO_TIMEOUT = "SET LOCAL statement_timeout = 0"


async def begin(database: Database, target: Fingerprint, analyzer: str) -> tuple[int, int]:
    """Start, or resume if the target is the same; how many are done, and how many there are."""
    names = database.names

    async def run(connection: Connection) -> tuple[StoreState, Any]:
        tables = Tables(connection, names)
        await tables.run(LOCK_WRITES)
        state = await read_state(connection, names)
        held = state.target
        if held is None or held[1] != analyzer or not held[0].matches(target):
            state = await _start(tables, state, target, analyzer)
        assert state.target is not None
        done = await tables.run(
            f"SELECT (SELECT count(*) FROM @.staging_{state.target[2]}), "
            "(SELECT count(*) FROM @.records)"
        )
        return state, await done.fetchone()

    database.state, row = await database.change(run)
    return row[0], row[1]


async def _start(
    tables: Tables, state: StoreState, target: Fingerprint, analyzer: str
) -> StoreState:
    for name in staged_tables(state):
        await tables.run(f"DROP TABLE @.{name}")
    await tokens.clear_staged(tables)
    number = state.made + 1
    made = staging_table(number, state.partitions)
    made += words_table(number, state.partitions, state.text_search)
    if target.dimension is not None:
        made += vectors_table(number, state.partitions, state.vector_type, target.dimension)
    for statement in made:
        await tables.run(statement)
    await tables.run(
        "UPDATE @.store SET made = $1, target_table = $1, target_analyzer = $2, "
        "target_model = $3, target_dimension = $4, target_normalized = $5",
        [number, analyzer, target.model, target.dimension, target.normalized],
    )
    return replace(state, made=number, target=(target, analyzer, number))


def _target(state: StoreState) -> tuple[Fingerprint, str, int]:
    if state.target is None:
        raise StoreError("no re-embedding was begun, or another process has finished it")
    return state.target


async def pending(
    database: Database, limit: int, after: tuple[bytes, bytes]
) -> tuple[list[Stored], tuple[bytes, bytes]]:
    """Up to ``limit`` records that are not staged, and where to go on from.

    Looking from ``after`` on, where the last call ended, spares a walk over what is done; if
    nothing is found there, what was voided since is looked for from the start.
    """
    start = (bytes(16), bytes(16))

    async def run(connection: Connection) -> list[Any]:
        number = _target(await read_state(connection, database.names))[2]
        rows: list[Any] = []
        for ns, rid in dict.fromkeys((after, start)):
            cursor = await connection.execute(
                database.names.sql(
                    f"SELECT {SELECTED}, r.ns, r.rid FROM @.records r "
                    f"WHERE (r.ns, r.rid) >= ($1::uuid, $2::uuid) AND NOT EXISTS (SELECT 1 "
                    f"FROM @.staging_{number} s WHERE s.ns = r.ns AND s.rid = r.rid) "
                    "ORDER BY r.ns, r.rid LIMIT $3"
                ),
                [Raw(ns), Raw(rid), limit],
            )
            rows = await cursor.fetchall()
            if rows:
                break
        return rows

    rows = await database.read(run)
    last = (rows[0][5].bytes, rows[0][6].bytes) if rows else start
    return [Stored(record_from(row)) for row in rows], last


async def stage(database: Database, items: Sequence[tuple[MemoryRecord, IndexData]]) -> None:
    """Keep new index data for those records that are still as they were read."""
    names = database.names
    dimension = next(
        (int(index.vector.size) for _, index in items if index.vector is not None), None
    )

    async def run(connection: Connection) -> None:
        tables = Tables(connection, names)
        living = await _unchanged(tables, items)
        state = await read_state(connection, names)
        number = _target(state)[2]
        kept = {
            key: index
            for record, index in items
            if (key := (namespace_key(record.namespace), record_key(record.id))) in living
        }
        for name in (*staged_tables(state), STAGED_TOKENS):
            await tables.delete(name, "rid", list(kept))
        rows = _rows(state, kept)
        words = word_columns(state.text_search)
        for table, columns, of_table in (
            (f"staging_{number}", _STAGING_COLUMNS, rows[0]),
            (f"words_{number}", words, rows[1]),
            (f"vectors_{number}", VECTOR_COLUMNS, rows[2]),
            (STAGED_TOKENS, tokens.COLUMNS, _token_rows(kept)),
        ):
            if of_table:
                await tables.copy(table, columns, wire.copy_data(of_table))

    if dimension is not None:
        await _make_vectors(database, dimension)
    await database.change(run)


async def _make_vectors(database: Database, dimension: int) -> None:
    """Make the staged table of vectors if it waits for the dimension to be known."""
    names = database.names

    async def run(connection: Connection) -> None:
        tables = Tables(connection, names)
        if _target(await read_state(connection, names))[0].dimension is not None:
            return
        await tables.run(LOCK_WRITES)
        state = await read_state(connection, names)
        target, _, number = _target(state)
        if target.dimension is not None:
            return
        for statement in vectors_table(number, state.partitions, state.vector_type, dimension):
            await tables.run(statement)
        await tables.run("UPDATE @.store SET target_dimension = $1", [dimension])

    await database.change(run)


async def _unchanged(
    tables: Tables, items: Sequence[tuple[MemoryRecord, IndexData]]
) -> set[tuple[bytes, bytes]]:
    """The keys of the records that are as they were read; they stay so for the transaction."""
    found = await tables.run(
        "SELECT r.ns, r.rid FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[]) "
        "AS k (ns, rid, version, updated_at) JOIN @.records r ON r.ns = k.ns AND r.rid = k.rid "
        "AND r.version = k.version AND r.updated_at = k.updated_at "
        "ORDER BY r.ns, r.rid FOR SHARE OF r",
        [
            Raw(wire.uuids(namespace_key(record.namespace) for record, _ in items)),
            Raw(wire.uuids(record_key(record.id) for record, _ in items)),
            Raw(wire.int8s(record.version for record, _ in items)),
            Raw(wire.int8s(micros(record.updated_at) for record, _ in items)),
        ],
    )
    return {(ns.bytes, rid.bytes) for ns, rid in await found.fetchall()}


def _rows(
    state: StoreState, kept: dict[tuple[bytes, bytes], IndexData]
) -> tuple[list[Row], list[Row], list[Row]]:
    """Rows of what is staged: the records done, their words, their vectors."""
    target = _target(state)[0]
    done: list[Row] = []
    words: list[Row] = []
    vectors: list[Row] = []
    try:
        for (ns, rid), index in sorted(kept.items()):
            signature = tuple(dict.fromkeys(index.signature))
            done.append(
                [
                    ns,
                    rid,
                    wire.int8(len(index.terms)),
                    wire.flag(index.vector is not None),
                    wire.texts(signature),
                    wire.int8s(map(signature_hash, signature)),
                ]
            )
            words.append(words_row(ns, rid, index.terms, bag=state.text_search == "bm25"))
            if index.vector is not None:
                assert target.dimension is not None
                vectors.append(vector_row(ns, rid, index, target.dimension, state.vector_type))
    except UnicodeEncodeError:
        raise InvalidInput("index data hold a lone surrogate") from None
    return done, words, vectors


def _token_rows(kept: dict[tuple[bytes, bytes], IndexData]) -> list[Row]:
    return [[ns, rid, index.tokens] for (ns, rid), index in sorted(kept.items()) if index.tokens]


async def finish(database: Database) -> tuple[Fingerprint, str] | None:
    """Put what was staged in its place, unless records are pending; whose it is."""
    names = database.names

    async def run(connection: Connection) -> tuple[Fingerprint, str] | None:
        tables = Tables(connection, names)
        await tables.run(_NO_TIMEOUT)
        await tables.run(LOCK_WRITES)
        state = await read_state(connection, names)
        target, analyzer, number = _target(state)
        left = await tables.run(
            f"SELECT 1 FROM @.records r WHERE NOT EXISTS (SELECT 1 FROM @.staging_{number} s "
            "WHERE s.ns = r.ns AND s.rid = r.rid) LIMIT 1"
        )
        if await left.fetchone() is not None:
            return None
        await _switch(tables, state, number)
        return target, analyzer

    done = await database.change(run)
    if done is not None:
        await database.refresh_for(*done)
    return done


async def _switch(tables: Tables, state: StoreState, number: int) -> None:
    target, analyzer, _ = _target(state)
    for statement in (
        f"UPDATE @.records r SET length = s.length, embedded = s.embedded, "
        f"signature = s.signature FROM @.staging_{number} s WHERE s.ns = r.ns AND s.rid = r.rid "
        "AND (r.length, r.embedded, r.signature) IS DISTINCT FROM "
        "(s.length, s.embedded, s.signature)",
        "DELETE FROM @.signatures",
        "INSERT INTO @.signatures (ns, key, rid) SELECT s.ns, k.key, s.rid "
        f"FROM @.staging_{number} s CROSS JOIN LATERAL unnest(s.keys) AS k (key)",
        "DELETE FROM @.counts",
        "INSERT INTO @.counts (ns, slot, records, embedded, words) SELECT ns, 0, count(*), "
        "count(*) FILTER (WHERE embedded), sum(length) FROM @.records GROUP BY ns",
        "DELETE FROM @.common",
        f"DROP TABLE @.staging_{number}",
        f"DROP TABLE @.words_{state.words}",
    ):
        await tables.run(statement)
    if state.vectors is not None:
        await tables.run(f"DROP TABLE @.vectors_{state.vectors}")
    await tokens.replace_all(tables)
    known = target.dimension is not None
    await tables.run(
        "UPDATE @.store SET words = $1, vectors = $2, analyzer = $3, model = $4, dimension = $5, "
        "normalized = $6, target_table = NULL, target_analyzer = NULL, target_model = NULL, "
        "target_dimension = NULL, target_normalized = NULL",
        [
            number,
            number if known else None,
            analyzer,
            target.model if known else None,
            target.dimension,
            target.normalized if known else None,
        ],
    )
