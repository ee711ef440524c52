"""Waiting for changes: a connection that hears of every commit, and looks itself now and then."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from memkit.errors import MemkitError
from memkit_pgvector import feed
from memkit_pgvector.database import Database

if TYPE_CHECKING:
    from memkit_pgvector.pool import Connection

# Who was killed between its commit and telling of it, or lost the connection, told nobody.
_LOOK_SECONDS = 1.0
_AGAIN_SECONDS = 0.5


class Listener:
    """Hears of commits on a connection of its own, which is made anew when it is lost."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._heard = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def wait(self, after: int, seconds: float) -> int:
        """The newest position, as soon as it is greater than ``after`` or time is up."""
        deadline = time.monotonic() + seconds
        if self._task is None:
            self._task = asyncio.create_task(self._listen())
        while True:
            heard = self._heard
            position = await feed.position(self._database)
            left = deadline - time.monotonic()
            if position > after or left <= 0:
                return position
            try:
                async with asyncio.timeout(min(left, _LOOK_SECONDS)):
                    await heard.wait()
            except TimeoutError:
                continue

    async def _listen(self) -> None:
        import psycopg

        while True:
            try:
                async with self._database.listening() as connection:
                    await self._hear(connection)
            except (psycopg.Error, MemkitError, OSError):
                await asyncio.sleep(_AGAIN_SECONDS)

    async def _hear(self, connection: Connection) -> None:
        channel = self._database.names.channel.replace('"', '""')
        await connection.execute(f'LISTEN "{channel}"')
        self._tell()
        async for _ in connection.notifies():
            self._tell()

    def _tell(self) -> None:
        heard, self._heard = self._heard, asyncio.Event()
        heard.set()

    async def close(self) -> None:
        """Stop listening."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
