"""The change feed: what was committed, in an order that every reader sees growing.

A change's position is made of its transaction's number. Transactions commit in another order
than that of their numbers, so only those below every number that is still under way are
shown: nothing can come before them any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from memkit.backing.times import moment
from memkit.protocols import Change
from memkit_pgvector.binding import Raw
from memkit_pgvector.database import Database
from memkit_pgvector.keys import decoded
from memkit_pgvector.reader import key_of
from memkit_pgvector.schema import OP_DELETE, OP_PUT, POSITION_BITS

if TYPE_CHECKING:
    from memkit_pgvector.pool import Connection

_HORIZON = (
    f"((pg_snapshot_xmin(pg_current_snapshot())::text::bigint << {POSITION_BITS}) "
    "+ (SELECT feed_offset FROM @.store))"
)


async def changes(database: Database, namespace: str, after: int, limit: int) -> list[Change]:
    """Up to ``limit`` changes of a namespace with a position greater than ``after``."""
    if limit <= 0:
        return []
    ns = key_of(namespace)

    async def run(connection: Connection) -> list[Any]:
        cursor = await connection.execute(
            database.names.sql(
                "SELECT position, op, id, at, about FROM @.changes WHERE ns = $1::uuid "
                f"AND position > $2::bigint AND position < {_HORIZON} ORDER BY position LIMIT $3"
            ),
            [Raw(ns), min(after, 2**63 - 1), limit],
        )
        return await cursor.fetchall()

    return [
        Change(
            position,
            "put" if op == OP_PUT else "delete" if op == OP_DELETE else "patch",
            namespace,
            decoded(id_),
            moment(at),
            None if about is None else decoded(about),
        )
        for position, op, id_, at, about in await database.read(run)
    ]


async def position(database: Database) -> int:
    """The position of the newest change."""

    async def run(connection: Connection) -> int:
        cursor = await connection.execute(
            database.names.sql(
                "SELECT position FROM @.changes "
                f"WHERE position < {_HORIZON} ORDER BY position DESC LIMIT 1"
            )
        )
        row: Any = await cursor.fetchone()
        return 0 if row is None else int(row[0])

    return await database.read(run)


async def oldest(database: Database) -> int:
    """The position up to which changes may have been dropped."""

    async def run(connection: Connection) -> int:
        cursor = await connection.execute(database.names.sql("SELECT feed_start FROM @.store"))
        row: Any = await cursor.fetchone()
        return int(row[0])

    return await database.read(run)
