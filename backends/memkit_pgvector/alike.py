"""Records that share a signature key, found at a cost that does not grow with the store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from memkit.backing.hashing import signature_hash
from memkit.errors import InvalidInput
from memkit.filters import Filter
from memkit.protocols import Stored
from memkit_pgvector.binding import Raw
from memkit_pgvector.compiler import Values, condition
from memkit_pgvector.database import Database
from memkit_pgvector.reader import key_of, with_index
from memkit_pgvector.rows import stored_from
from memkit_pgvector.state import StoreState

if TYPE_CHECKING:
    from memkit_pgvector.pool import Connection

# The newest of each key are looked at, and those first that share most keys: a phrase that
# very many texts share says little.
_NEWEST = 32
# Read for each record that is wanted: some may not match the filter.
_READ = 2


async def sharing(
    database: Database, namespace: str, signature: Sequence[str], filter: Filter, limit: int
) -> list[Stored]:
    """Up to ``limit`` matching records that share keys, those that share most first."""
    ns = key_of(namespace)
    try:
        keys = list({signature_hash(key) for key in signature})
    except UnicodeEncodeError:
        raise InvalidInput("a signature key holds a lone surrogate") from None
    values = Values(Raw(ns), keys, _READ * limit)
    where = condition(ns, filter, values).sql
    if not keys or limit <= 0:
        return []
    last = values.add(limit)

    async def run(connection: Connection) -> tuple[StoreState, list[Any]]:
        state = database.state
        columns, joined = with_index(state)
        cursor = await connection.execute(
            database.names.sql(
                "WITH c AS MATERIALIZED (SELECT s.rid, count(*) AS shared "
                "FROM unnest($2::bigint[]) AS k (key) CROSS JOIN LATERAL ("
                "SELECT rid FROM @.signatures WHERE ns = $1::uuid AND key = k.key "
                f"ORDER BY ns DESC, key DESC, rid DESC LIMIT {_NEWEST}) s "
                "GROUP BY s.rid ORDER BY shared DESC, s.rid DESC LIMIT $3) "
                f"SELECT {columns} FROM c JOIN @.records r ON r.ns = $1::uuid AND r.rid = c.rid "
                f"{joined} WHERE {where} "
                f"ORDER BY c.shared DESC, r.created_at DESC, r.id DESC LIMIT {last}"
            ),
            values.bound,
            binary=True,
        )
        return state, await cursor.fetchall()

    state, rows = await database.read(run)
    return [stored_from(row, state.vector_type) for row in rows]
