"""The statements of a write, and how rows of each table are handed over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from memkit_pgvector import wire
from memkit_pgvector.binding import Raw
from memkit_pgvector.effects import PATCHED_COLUMNS
from memkit_pgvector.ledger import Key
from memkit_pgvector.rows import Signature
from memkit_pgvector.schema import POSITION_BITS, Names
from memkit_pgvector.wire import Row

if TYPE_CHECKING:
    from memkit_pgvector.pool import Connection

#: From so many rows on COPY is quicker than statements of their own.
COPY_ROWS = 24

INSERT_RECEIPT = "INSERT INTO @.receipts (token) VALUES ($1::uuid)"
# Locked in one order, so that no two transactions wait for each other.
SELECT_HELD = (
    "SELECT r.ns, r.rid, r.version, r.unique_keys, r.signature, r.embedded, r.length "
    "FROM unnest($1::uuid[], $2::uuid[]) AS k (ns, rid) "
    "JOIN @.records r ON r.ns = k.ns AND r.rid = k.rid ORDER BY r.ns, r.rid FOR UPDATE OF r"
)
SELECT_HOLDERS = (
    "SELECT u.ns, u.key, u.rid, r.id FROM unnest($1::uuid[], $2::uuid[]) AS k (ns, key) "
    "JOIN @.uniques u ON u.ns = k.ns AND u.key = k.key "
    "JOIN @.records r ON r.ns = u.ns AND r.rid = u.rid"
)
_DELETE = (
    "DELETE FROM @.{table} t USING unnest($1::uuid[], $2::uuid[]) AS k (ns, key) "
    "WHERE t.ns = k.ns AND t.{column} = k.key"
)
_DELETE_SIGNATURES = (
    "DELETE FROM @.signatures t USING unnest($1::uuid[], $2::bigint[], $3::uuid[]) "
    "AS k (ns, key, rid) WHERE t.ns = k.ns AND t.key = k.key AND t.rid = k.rid"
)
_INSERT_SIGNATURES = (
    "INSERT INTO @.signatures (ns, key, rid) "
    "SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::uuid[])"
)
_INSERT_UNIQUES = (
    "INSERT INTO @.uniques (ns, key, rid) SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[])"
)
UPDATE_RECORD = (
    "UPDATE @.records SET "
    + ", ".join(f"{name} = ${at}" for at, name in enumerate(PATCHED_COLUMNS, 1))
    + f" WHERE ns = ${len(PATCHED_COLUMNS) + 1} AND rid = ${len(PATCHED_COLUMNS) + 2}"
)
TOUCH_RECORD = (
    "UPDATE @.records SET uses = uses + $1, useful = useful + $2, useless = useless + $3, "
    "used_at = greatest(used_at, $4) WHERE ns = $5 AND rid = $6"
)
UPSERT_COUNTS = (
    "INSERT INTO @.counts AS c (ns, slot, records, embedded, words) "
    "VALUES ($1::uuid, pg_backend_pid() % 16, $2, $3, $4) ON CONFLICT (ns, slot) DO UPDATE SET "
    "records = c.records + excluded.records, embedded = c.embedded + excluded.embedded, "
    "words = c.words + excluded.words"
)
INSERT_NAMESPACE = (
    "INSERT INTO @.namespaces (ns, name) VALUES ($1::uuid, $2) ON CONFLICT (ns) DO NOTHING"
)
# A transaction's number is greater than that of any whose changes everyone has seen.
INSERT_CHANGES = (
    "INSERT INTO @.changes (ns, position, id, op, at, about) "
    f"SELECT k.ns, (pg_current_xact_id()::text::bigint << {POSITION_BITS}) + k.n + $5::bigint, "
    "k.id, k.op, $4::bigint, k.about "
    "FROM unnest($1::uuid[], $2::text[], $3::smallint[], $6::text[]) "
    "WITH ORDINALITY AS k (ns, id, op, about, n)"
)
NOTIFY = "SELECT pg_notify($1, '')"
WAL_POSITION = "SELECT pg_current_wal_insert_lsn()::text"

VECTOR_COLUMNS = ("ns", "rid", "vec")


def word_columns(text_search: str) -> tuple[str, ...]:
    """The columns of a table of words."""
    return ("ns", "rid", "tsv", "bag") if text_search == "bm25" else ("ns", "rid", "tsv")


def update_words(table: str, text_search: str) -> str:
    """The statement that replaces a record's words."""
    names = word_columns(text_search)[2:]
    sets = ", ".join(f"{name} = ${at}" for at, name in enumerate(names, 1))
    return f"UPDATE @.{table} SET {sets} WHERE ns = ${len(names) + 1} AND rid = ${len(names) + 2}"


def key_arrays(keys: Sequence[Key]) -> list[Any]:
    """Keys as two parameters: ``uuid[]`` of namespaces, ``uuid[]`` of what they key."""
    return [Raw(wire.uuids(key[0] for key in keys)), Raw(wire.uuids(key[1] for key in keys))]


def _signature_arrays(rows: Sequence[Signature]) -> list[Any]:
    spaces, keys, records = zip(*rows, strict=True)
    return [Raw(wire.uuids(spaces)), Raw(wire.int8s(keys)), Raw(wire.uuids(records))]


class Tables:
    """A connection amid a transaction, by the tables that are written."""

    def __init__(self, connection: Connection, names: Names) -> None:
        self._connection = connection
        self._names = names

    async def run(self, statement: str, values: Sequence[Any] = ()) -> Any:
        """Run a statement; its cursor."""
        return await self._connection.execute(self._names.sql(statement), values or None)

    async def run_rows(self, statement: str, rows: Sequence[Row]) -> None:
        """Run a statement for each row of ready-made fields."""
        for row in rows:
            await self.run(statement, [None if field is None else Raw(field) for field in row])

    async def delete(self, table: str, column: str, keys: Sequence[Key]) -> None:
        """Delete the rows with these keys."""
        if keys:
            await self.run(_DELETE.format(table=table, column=column), key_arrays(keys))

    async def delete_signatures(self, rows: Sequence[Signature]) -> None:
        """Delete rows of ``signatures``."""
        if rows:
            await self.run(_DELETE_SIGNATURES, _signature_arrays(rows))

    async def insert_signatures(self, rows: Sequence[Signature]) -> None:
        """Add rows of ``signatures``."""
        if rows:
            await self.run(_INSERT_SIGNATURES, _signature_arrays(rows))

    async def insert_uniques(self, rows: Sequence[tuple[bytes, bytes, bytes]]) -> None:
        """Add rows of ``uniques``."""
        if rows:
            columns = zip(*rows, strict=True)
            await self.run(_INSERT_UNIQUES, [Raw(wire.uuids(column)) for column in columns])

    async def insert(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """Add few rows."""
        if rows:
            marks = ", ".join(f"${n}" for n in range(1, len(columns) + 1))
            statement = f"INSERT INTO @.{table} ({', '.join(columns)}) VALUES ({marks})"
            await self.run_rows(statement, rows)

    async def copy(self, table: str, columns: Sequence[str], data: bytes) -> None:
        """Add many rows, in the format of :func:`memkit_pgvector.wire.copy_data`."""
        statement = f"COPY @.{table} ({', '.join(columns)}) FROM STDIN (FORMAT binary)"
        cursor = self._connection.cursor()
        async with cursor.copy(self._names.sql(statement)) as copy:
            for start in range(0, len(data), _CHUNK):
                await copy.write(data[start : start + _CHUNK])


_CHUNK = 1 << 20
