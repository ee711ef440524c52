"""An open store in one process: its event loop, its connections and what it knows of the store."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from memkit.backing.bridge import Bridge
from memkit.backing.compatibility import check_compatible
from memkit.protocols import Fingerprint, StoreSpec
from memkit.retrying import Patience
from memkit_pgvector.driver import is_lost, is_passing, is_undefined_table, told
from memkit_pgvector.pool import Pool
from memkit_pgvector.schema import Names
from memkit_pgvector.settings import Settings
from memkit_pgvector.state import StoreState, check_readable, claim, create_or_check, read_state

if TYPE_CHECKING:
    from memkit_pgvector.pool import Connection

T = TypeVar("T")

_PATIENCE = Patience(retries=1_000_000, first_wait=0.05, longest_wait=0.5)
_IDLE_IN_TRANSACTION_MS = 120_000
# Whoever opens a store with a wrong host in its URL is not to wait for long.
_OPENING_SECONDS = 5.0


class Database:
    """The store that ``settings`` name, as opened with ``spec``; all on its own event loop."""

    def __init__(self, settings: Settings, spec: StoreSpec) -> None:
        self.settings = settings
        self.spec = spec
        self.names = Names(settings.schema)
        self.location = settings.location
        self.bridge = Bridge()
        self.state: StoreState
        self._writes: Pool
        self._reads: Pool
        # How far the write-ahead log had come at our last commit.
        self.written: str | None = None

    def bridge_run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of ``work``, for a thread that runs no loop."""
        return asyncio.run(self.bridge.run(work))

    # Opening and closing.

    async def open(self) -> None:
        """Connect, make or check the store, and see that it fits ``spec``."""
        several = self.settings.hosts > 1 and "target_session_attrs" not in self.settings.conninfo
        primary = {"target_session_attrs": "read-write"} if several else {}
        reads: dict[str, str] = {}
        if self.spec.read_only:
            reads = {"target_session_attrs": "any"} if several else {}
        elif self.settings.reads == "standby":
            reads = {"target_session_attrs": "prefer-standby"}
        else:
            reads = dict(primary)
        self._writes = Pool(self.settings, self._extra(primary, writes=True), self._writable)
        self._reads = Pool(self.settings, self._extra(reads, writes=False), self._readable)
        self.state = await self.retried(self._opened, _OPENING_SECONDS)

    async def _opened(self) -> StoreState:
        if self.spec.read_only:
            async with self._reads.connection() as connection:
                await check_readable(connection, self.names, self.settings)
                return await claim(connection, self.names, self.spec)
        async with self._writes.connection() as connection:
            await create_or_check(connection, self.names, self.settings)
            return await claim(connection, self.names, self.spec)

    def _extra(self, role: dict[str, str], *, writes: bool) -> dict[str, Any]:
        extra: dict[str, Any] = {
            "application_name": "memkit",
            "keepalives_idle": 30,
            "tcp_user_timeout": 10_000,
            **{name: value for name, value in self.settings.conninfo.items() if value is not None},
            # libpq waits two seconds at least.
            "connect_timeout": max(2, math.ceil(self.settings.connect_timeout)),
            **role,
        }
        if not self.settings.pooler:
            given = str(self.settings.conninfo.get("options") or "")
            ours = " ".join(f"-c {name}={value}" for name, value in self._server(writes).items())
            extra["options"] = f"{ours} {given}".strip()
        return extra

    def _server(self, writes: bool) -> dict[str, Any]:
        """The server's settings for our sessions."""
        settings: dict[str, Any] = {
            "client_encoding": "UTF8",
            "statement_timeout": int(self.settings.timeout * 1000),
            "idle_in_transaction_session_timeout": _IDLE_IN_TRANSACTION_MS,
            # Compiling a query takes longer than any of ours runs.
            "jit": "off",
        }
        if not writes:
            # Indexes of one namespace are seen only where its key is known to the planner.
            settings["plan_cache_mode"] = "force_custom_plan"
        if self.spec.read_only:
            settings["default_transaction_read_only"] = "on"
        return settings

    async def _writable(self, connection: Connection) -> None:
        """See that what is acknowledged is on the disk, whatever the server's default is."""
        await connection.execute(
            "SELECT set_config('synchronous_commit', 'on', false) "
            "WHERE current_setting('synchronous_commit') = 'off'"
        )

    async def _readable(self, connection: Connection) -> None:
        """Nothing: settings travel with the connection's parameters."""

    async def close(self) -> None:
        """Disconnect."""
        await self._reads.close()
        await self._writes.close()

    # Running.

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Connection]:
        """A connection to the primary."""
        async with self._writes.connection() as connection:
            yield connection

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Connection]:
        """A connection on which all that we have written can be read."""
        if self.settings.reads != "standby" or self.written is None or self.spec.read_only:
            async with self._reads.connection() as connection:
                yield connection
            return
        async with self._reads.connection() as connection:
            if await self._caught_up(connection):
                yield connection
                return
        async with self._writes.connection() as connection:
            yield connection

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Connection]:
        """A connection to the primary beside the pools, closed at the end."""
        connection = await self._writes.connect()
        try:
            yield connection
        finally:
            await connection.close()

    async def _caught_up(self, connection: Connection) -> bool:
        cursor = await connection.execute(
            "SELECT NOT pg_is_in_recovery() OR pg_last_wal_replay_lsn() >= $1::pg_lsn",
            [self.written],
        )
        row: Any = await cursor.fetchone()
        return bool(row[0])

    async def read(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """The result of ``work``, which only reads and may be run again.

        Raises:
            EmbedderMismatch: the store was re-embedded since it was opened.
            StoreError: its kinds say why it cannot be read.
        """
        import psycopg

        async def run() -> T:
            async with self.reading() as connection:
                return await work(connection)

        with told(self.location):
            try:
                return await self.retried(run)
            except psycopg.Error as error:
                if not await self.moved(error):
                    raise
            return await self.retried(run)

    async def change(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """The result of ``work`` in a transaction, begun again if others were in its way.

        Raises:
            StoreError: its kinds say why it cannot be done.
        """
        import psycopg

        deadline = time.monotonic() + self.settings.retry_seconds
        attempt = 0
        with told(self.location):
            while True:
                try:
                    async with self.writing() as connection, connection.transaction():
                        return await work(connection)
                except psycopg.Error as error:
                    wait = _PATIENCE.wait(attempt) or 0.0
                    if not is_passing(error) or time.monotonic() + wait > deadline:
                        raise
                await asyncio.sleep(wait)
                attempt += 1

    async def moved(self, error: BaseException) -> bool:
        """Whether an error came of tables that a re-embedding replaced; if so, go on with those.

        Raises:
            EmbedderMismatch: they are not for who opened the store.
        """
        # A vector of another dimension than the tables' is a sign of that too.
        if not is_undefined_table(error) and getattr(error, "sqlstate", None) != "22000":
            return False
        before = self.state
        await self.refresh()
        return self.state != before

    async def refresh(self) -> StoreState:
        """Read anew what the store says of itself.

        Raises:
            EmbedderMismatch: it is not what it was opened for any more.
        """

        async def run() -> StoreState:
            async with self.reading() as connection:
                return await read_state(connection, self.names)

        state = await self.retried(run)
        if not self.spec.migrating:
            check_compatible(state.fingerprint, state.analyzer, self.spec)
        self.state = state
        return state

    async def refresh_for(self, fingerprint: Fingerprint, analyzer: str) -> None:
        """Go on with another fingerprint and analyzer, which the store now has."""
        self.spec = replace(self.spec, fingerprint=fingerprint, analyzer=analyzer)
        await self.refresh()

    async def retried(self, work: Callable[[], Awaitable[T]], seconds: float | None = None) -> T:
        """The result of ``work``, begun again while the server cannot be reached."""
        import psycopg

        patience = self.settings.retry_seconds
        deadline = time.monotonic() + min(patience, patience if seconds is None else seconds)
        attempt = 0
        while True:
            try:
                return await work()
            except (psycopg.OperationalError, psycopg.InterfaceError) as error:
                wait = _PATIENCE.wait(attempt) or 0.0
                if not is_lost(error) or time.monotonic() + wait > deadline:
                    raise
            await asyncio.sleep(wait)
            attempt += 1
