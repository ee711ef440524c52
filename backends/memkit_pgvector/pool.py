"""Connections to one kind of server, shared by the tasks of one event loop."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

from memkit.errors import StoreClosed, StoreUnavailable
from memkit_pgvector.driver import is_lost
from memkit_pgvector.settings import Settings

if TYPE_CHECKING:
    from memkit_pgvector.answering import AnsweringConnection

    Connection: TypeAlias = AnsweringConnection

# A connection that lay idle for longer is closed: firewalls forget it.
_IDLE_SECONDS = 300.0
# How much longer than a statement may take its answer, or a commit's, may take.
_ANSWER_SECONDS = 10.0
# What the server says while it starts, stops or is full, and will not say for ever.
_PASSING = ("starting up", "shutting down", "recovery", "too many", "not yet accepting", "reserved")

Connected: TypeAlias = "Callable[[Connection], Awaitable[None]]"


class Pool:
    """Up to ``pool_size`` connections, made when they are needed.

    Unlike a pool that connects in the background it knows why a connection could not be had:
    a wrong password is told at once, and after a fail-over the first call connects anew.
    """

    def __init__(self, settings: Settings, extra: Mapping[str, Any], connected: Connected) -> None:
        self._settings = settings
        self._parameters = {**settings.conninfo, **extra}
        self._connected = connected
        self._slots = asyncio.Semaphore(settings.pool_size)
        self._idle: deque[tuple[float, Connection]] = deque()
        self._closed = False

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection that nobody else uses meanwhile, outside any transaction.

        Raises:
            StoreUnavailable: none came free, or the server cannot be reached.
        """
        try:
            async with asyncio.timeout(self._settings.pool_timeout):
                await self._slots.acquire()
        except TimeoutError:
            raise StoreUnavailable(
                f"all {self._settings.pool_size} connections to {self._settings.location} were in "
                f"use for {self._settings.pool_timeout:g} s: raise pool_size in its URL (or "
                "pool_timeout)"
            ) from None
        try:
            connection = await self._take()
            try:
                yield connection
            except BaseException as error:
                if is_lost(error):
                    # The others lost theirs too.
                    await self._drop_idle()
                raise
            finally:
                await self._give_back(connection)
        finally:
            self._slots.release()

    async def _take(self) -> Connection:
        from psycopg.pq import TransactionStatus

        oldest = time.monotonic() - _IDLE_SECONDS
        while self._idle:
            since, connection = self._idle.pop()
            status = connection.info.transaction_status
            if since > oldest and not connection.closed and status == TransactionStatus.IDLE:
                return connection
            await connection.close()
        if self._closed:
            raise StoreClosed("the store was closed")
        return await self.connect()

    async def connect(self) -> Connection:
        """A connection beside the pool's, for the caller to close."""
        import psycopg

        try:
            connection = await connect(self._settings, self._parameters)
        except psycopg.OperationalError:
            if self._settings.revive is None:
                raise
            # Our own server was killed: it is for whoever needs it to start it again.
            await asyncio.to_thread(self._settings.revive)
            connection = await connect(self._settings, self._parameters)
        try:
            await self._connected(connection)
        except BaseException:
            await connection.close()
            raise
        return connection

    async def _give_back(self, connection: Connection) -> None:
        from psycopg.pq import TransactionStatus

        status = connection.info.transaction_status
        if self._closed or connection.closed or status != TransactionStatus.IDLE:
            # Amid a transaction, after a cancelled call: closing it is what undoes it for sure.
            await connection.close()
            return
        connection.limit_again()
        self._idle.append((time.monotonic(), connection))

    async def _drop_idle(self) -> None:
        while self._idle:
            _, connection = self._idle.pop()
            await connection.close()

    async def close(self) -> None:
        """Close the idle connections now, the others as they come back."""
        self._closed = True
        await self._drop_idle()


async def connect(settings: Settings, parameters: Mapping[str, Any]) -> Connection:
    """A new connection, in autocommit mode.

    Raises:
        StoreUnavailable: the server cannot be reached, or refuses us.
        psycopg.OperationalError: it cannot be reached at the moment.
    """
    import psycopg
    from psycopg import AsyncRawCursor

    from memkit_pgvector.answering import AnsweringConnection
    from memkit_pgvector.binding import adapters

    try:
        async with asyncio.timeout(settings.connect_timeout * max(1, settings.hosts) + 1):
            connection = await AnsweringConnection.connect(
                **parameters,
                autocommit=True,
                prepare_threshold=None if settings.pooler else 5,
                cursor_factory=AsyncRawCursor,
                context=adapters(),
            )
            connection.answer_seconds = settings.timeout + _ANSWER_SECONDS
            return connection
    except TimeoutError:
        raise psycopg.OperationalError(f"{settings.location} does not answer") from None
    except psycopg.OperationalError as error:
        said = " ".join(str(error).split())
        if "FATAL" in said and not any(word in said for word in _PASSING):
            raise StoreUnavailable(
                f"{settings.location} refuses the connection: {said[said.index('FATAL') :]}"
            ) from None
        raise
