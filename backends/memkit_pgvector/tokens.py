"""Token vectors: opaque bytes beside a record, which go when it goes or says something else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from memkit_pgvector import wire
from memkit_pgvector.binding import Raw
from memkit_pgvector.database import Database
from memkit_pgvector.effects import Effects
from memkit_pgvector.keys import record_key
from memkit_pgvector.reader import key_of
from memkit_pgvector.schema import STAGED_TOKENS, TOKENS
from memkit_pgvector.state import StoreState
from memkit_pgvector.statements import Tables

if TYPE_CHECKING:
    from memkit_pgvector.pool import Connection

#: The columns of both tables.
COLUMNS = ("ns", "rid", "vectors")
_DELETE_UNLESS_SAME = (
    f"DELETE FROM @.{TOKENS} t WHERE t.ns = $1 AND t.rid = $2 AND NOT EXISTS (SELECT 1 "
    "FROM @.{vectors} v WHERE v.ns = t.ns AND v.rid = t.rid AND v.vec = $3)"
)


async def read(database: Database, namespace: str, ids: Sequence[str]) -> dict[str, bytes]:
    """What is kept of these records; those that are not there or have none are absent."""
    try:
        by_key = {record_key(id_): id_ for id_ in ids}
    except UnicodeEncodeError:
        by_key = {record_key(id_): id_ for id_ in ids if id_.isascii()}
    if not by_key:
        return {}
    ns = key_of(namespace)

    async def run(connection: Connection) -> dict[str, bytes]:
        cursor = await connection.execute(
            database.names.sql(
                f"SELECT t.rid, t.vectors FROM @.{TOKENS} t "
                "WHERE t.ns = $1::uuid AND t.rid = ANY($2::uuid[])"
            ),
            [Raw(ns), Raw(wire.uuids(by_key))],
            binary=True,
        )
        return {by_key[rid.bytes]: bytes(held) for rid, held in await cursor.fetchall()}

    return await database.read(run)


async def remove(tables: Tables, effects: Effects, state: StoreState) -> None:
    """Delete what a transaction makes void, while the vectors of before are still there."""
    gone = [*effects.gone, *effects.tokens_gone]
    if state.vectors is None:
        gone += [(ns, rid) for ns, rid, _ in effects.tokens_moved]
    await tables.delete(TOKENS, "rid", gone)
    if state.vectors is not None:
        statement = _DELETE_UNLESS_SAME.format(vectors=f"vectors_{state.vectors}")
        await tables.run_rows(statement, [list(row) for row in effects.tokens_moved])
    if state.target is not None:
        await tables.delete(STAGED_TOKENS, "rid", [*effects.gone, *effects.moved])


async def clear_staged(tables: Tables) -> None:
    """Forget what an earlier re-embedding staged."""
    await tables.run(f"TRUNCATE @.{STAGED_TOKENS}")


async def replace_all(tables: Tables) -> None:
    """Put what was staged in the place of what was kept."""
    await tables.run(f"TRUNCATE @.{TOKENS}")
    await tables.run(f"INSERT INTO @.{TOKENS} SELECT * FROM @.{STAGED_TOKENS}")
    await clear_staged(tables)
