"""Indexes built when a namespace has outgrown exact search, in the background."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from memkit.errors import MemkitError
from memkit_pgvector.common import count_common
from memkit_pgvector.database import Database
from memkit_pgvector.driver import told
from memkit_pgvector.keys import namespace_key
from memkit_pgvector.segments import grow

# A namespace that is searched is looked at once in so many seconds.
_LOOK_SECONDS = 10.0
_REMEMBERED = 10_000


class Growth:
    """Builds the indexes that namespaces need, one at a time, on the database's event loop."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._looked: dict[bytes, float] = {}
        self._waiting: list[bytes] = []
        self._task: asyncio.Task[None] | None = None

    def look(self, ns: bytes) -> None:
        """See soon whether a large namespace needs an index."""
        now = time.monotonic()
        if self._database.spec.read_only or self._database.settings.pooler:
            # It takes a session of its own, which a transaction pooler does not give.
            return
        if now - self._looked.get(ns, -_LOOK_SECONDS) < _LOOK_SECONDS:
            return
        if len(self._looked) > _REMEMBERED:
            self._looked.clear()
        self._looked[ns] = now
        self._waiting.append(ns)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())

    async def _work(self) -> None:
        import psycopg

        while self._waiting:
            ns = self._waiting.pop()
            try:
                with told(self._database.location):
                    await grow(self._database, ns, self._database.settings.exact_rows)
                    await count_common(self._database, ns)
            except (psycopg.Error, MemkitError):
                # Searches stay exact, and the next of them has it tried again.
                continue

    async def warm(self, namespaces: Sequence[str] | None) -> None:
        """Build what these namespaces need, or all, before it is needed."""
        database = self._database
        if database.spec.read_only:
            return
        with told(database.location):
            await database.refresh()
            if namespaces is None:
                keys = await self._large()
            else:
                keys = [namespace_key(name) for name in namespaces]
            for ns in keys:
                await grow(database, ns, database.settings.exact_rows)
                await count_common(database, ns)
            async with database.writing() as connection:
                await connection.execute(database.names.sql("ANALYZE @.records"))
                await connection.execute(
                    database.names.sql(f"ANALYZE @.words_{database.state.words}")
                )

    async def _large(self) -> list[bytes]:
        async def run(connection: Any) -> list[bytes]:
            cursor = await connection.execute(
                self._database.names.sql(
                    "SELECT ns FROM @.counts GROUP BY ns HAVING sum(records) > $1"
                ),
                [self._database.settings.exact_rows],
            )
            return [ns.bytes for (ns,) in await cursor.fetchall()]

        return await self._database.read(run)

    async def close(self) -> None:
        """Stop; what is half built is cleared away by who builds next."""
        self._waiting.clear()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
