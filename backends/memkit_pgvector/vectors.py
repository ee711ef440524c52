"""The table of vectors: made when the first one comes, since only then its dimension is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memkit.backing.compatibility import check_compatible
from memkit.errors import InvalidInput
from memkit_pgvector.database import Database
from memkit_pgvector.schema import vectors_table
from memkit_pgvector.state import read_state

if TYPE_CHECKING:
    from memkit_pgvector.pool import Connection

# Every write takes a lesser lock on this table first, so none is under way meanwhile.
LOCK_WRITES = "LOCK TABLE @.records IN EXCLUSIVE MODE"


async def make_vectors(database: Database, dimension: int) -> None:
    """Make the table of vectors, unless somebody has, and say whose they are.

    Raises:
        EmbedderMismatch: somebody has, for another embedder.
    """
    wanted, names = database.spec.fingerprint, database.names
    if wanted is None:
        raise InvalidInput("a store opened without an embedder takes no vectors")

    async def run(connection: Connection) -> None:
        await connection.execute(names.sql(LOCK_WRITES))
        state = await read_state(connection, names)
        check_compatible(state.fingerprint, state.analyzer, database.spec)
        if state.vectors is not None:
            return
        number = state.made + 1
        for statement in vectors_table(number, state.partitions, state.vector_type, dimension):
            await connection.execute(names.sql(statement))
        await connection.execute(
            names.sql(
                "UPDATE @.store SET vectors = $1, made = $1, model = $2, dimension = $3, "
                "normalized = $4"
            ),
            [number, wanted.model, dimension, wanted.normalized],
        )

    await database.change(run)
    await database.refresh()
