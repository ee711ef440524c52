"""Replacing all index data: staged row by row beside the old, then put in its place at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from memkit.backing.times import micros
from memkit.errors import EmbedderMismatch, StoreError
from memkit.protocols import Fingerprint, IndexData, Stored
from memkit.types import MemoryRecord
from memkit_sqlite import tokens
from memkit_sqlite.rows import RECORD_WIDTH, SELECTED, Row, index_row, record_from
from memkit_sqlite.schema import indexed_table
from memkit_sqlite.store import read_state
from memkit_sqlite.tables import Tables

if TYPE_CHECKING:
    import apsw

_PENDING = "NOT EXISTS (SELECT 1 FROM staged s WHERE s.seq = r.seq)"


def begin(tables: Tables, target: Fingerprint, analyzer: str) -> tuple[int, int]:
    """Start, or resume if the target is the same; how many are done, and how many there are."""
    held = tables.state.target
    if held is None or held[1] != analyzer or not held[0].matches(target):
        tables.connection.execute("DELETE FROM staged")
        tables.connection.execute(f"DELETE FROM {tokens.STAGED}")
        tables.connection.execute(
            "UPDATE store SET target_analyzer = ?, target_model = ?, target_dimension = ?, "
            "target_normalized = ?",
            (analyzer, target.model, target.dimension, target.normalized),
        )
        tables.state = read_state(tables.connection)
    row: Any = tables.connection.execute(
        "SELECT (SELECT count(*) FROM staged), (SELECT count(*) FROM records)"
    ).fetchone()
    return row[0], row[1]


def pending(connection: apsw.Connection, limit: int, after: int) -> tuple[list[Stored], int]:
    """Up to ``limit`` records that are not staged, and where to go on from.

    Looking from ``after`` on, where the last call ended, spares a walk over what is done; if
    nothing is found there, what was invalidated since is looked for from the start.
    """
    for start in (after, 0) if after else (0,):
        rows: Any = connection.execute(
            f"SELECT {SELECTED}, n.name, r.seq FROM records r "
            "JOIN namespaces n ON n.ns = r.ns "
            f"WHERE r.seq > ? AND {_PENDING} ORDER BY r.seq LIMIT ?",
            (start, limit),
        ).fetchall()
        if rows:
            items = [Stored(record_from(row[RECORD_WIDTH], row)) for row in rows]
            return items, rows[0][RECORD_WIDTH + 1] - 1
    return [], 0


def stage(tables: Tables, items: Sequence[tuple[MemoryRecord, IndexData]]) -> None:
    """Keep new index data for those records that are still as they were read."""
    target = tables.state.target
    if target is None:
        raise StoreError("no re-embedding was begun, or another process has finished it")
    dimension = target[0].dimension
    rows: list[Row] = []
    kept: list[tuple[int, bytes | None]] = []
    for record, index in items:
        if index.vector is not None and dimension is None:
            dimension = int(index.vector.shape[-1])
            tables.connection.execute("UPDATE store SET target_dimension = ?", (dimension,))
        ns = tables.namespace(record.namespace)
        held: Any = tables.connection.execute(
            "SELECT seq FROM records WHERE ns = ? AND id = ? AND version = ? AND updated_at = ?",
            (ns, record.id, record.version, micros(record.updated_at)),
        ).fetchone()
        if held is not None:
            rows.append(index_row(held[0], index, dimension))
            kept.append((held[0], index.tokens))
    tables.stage(rows)
    tokens.put(tables.connection, kept, tokens.STAGED)


def finish(tables: Tables) -> tuple[Fingerprint, str] | None:
    """Put what was staged in its place, unless records are pending; whose it is."""
    run = tables.connection.execute
    target = tables.state.target
    if target is None:
        raise StoreError("no re-embedding was begun, or another process has finished it")
    if run(f"SELECT 1 FROM records r WHERE {_PENDING} LIMIT 1").fetchone() is not None:
        return None
    fingerprint, analyzer = target
    row: Any = run("SELECT min(length(vector)), max(length(vector)) FROM staged").fetchone()
    if row[0] != row[1]:
        raise EmbedderMismatch("the new vectors differ in dimension: begin the re-embedding anew")
    if row[0] is not None:
        fingerprint = replace(fingerprint, dimension=row[0] // 4)
    run("DROP TABLE indexed")
    run("ALTER TABLE staged RENAME TO indexed")
    run(indexed_table("staged"))
    tokens.replace_all(tables.connection)
    run("DELETE FROM signatures")
    run(
        "INSERT INTO signatures (ns, value, seq) SELECT r.ns, signature_hash(j.value), i.seq "
        "FROM indexed i JOIN records r ON r.seq = i.seq, json_each(i.signature) j "
        "WHERE i.signature IS NOT NULL"
    )
    run(
        "UPDATE records SET embedded = NOT embedded WHERE embedded <> "
        "(SELECT i.vector IS NOT NULL FROM indexed i WHERE i.seq = records.seq)"
    )
    known = fingerprint if row[0] is not None else None
    run(
        "UPDATE store SET analyzer = ?, model = ?, dimension = ?, normalized = ?, "
        "epoch = epoch + 1, target_analyzer = NULL, target_model = NULL, "
        "target_dimension = NULL, target_normalized = NULL",
        (
            analyzer,
            None if known is None else known.model,
            None if known is None else known.dimension,
            None if known is None else known.normalized,
        ),
    )
    tables.state = read_state(tables.connection)
    return fingerprint, analyzer
