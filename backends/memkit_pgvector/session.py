"""An open store in one process, from its embedded server, if any, to its writer."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from memkit.errors import StoreClosed
from memkit.protocols import StoreInfo, StoreSpec
from memkit_pgvector.database import Database
from memkit_pgvector.driver import told
from memkit_pgvector.growth import Growth
from memkit_pgvector.listening import Listener
from memkit_pgvector.schema import SCHEMA_VERSION
from memkit_pgvector.searching import Searcher
from memkit_pgvector.settings import Settings
from memkit_pgvector.state import holds_vectors
from memkit_pgvector.writer import Writer

if TYPE_CHECKING:
    from memkit_pgvector.embedded import EmbeddedServer

T = TypeVar("T")


class Session:
    """The store that ``settings`` name, as opened with ``spec``."""

    def __init__(self, settings: Settings, spec: StoreSpec) -> None:
        self._server: EmbeddedServer | None = None
        if settings.folder is not None:
            from memkit_pgvector.embedded import EmbeddedServer

            self._server = EmbeddedServer(settings.folder)
        self.database = Database(settings, spec)
        self.writer = Writer(self.database)
        self.growth = Growth(self.database)
        self.searcher = Searcher(self.database, self.growth)
        self.listener = Listener(self.database)
        self._closed = False

    @property
    def here(self) -> bool:
        """Whether this process made it."""
        return self.database.bridge.here

    def open(self) -> StoreInfo:
        """Start the server if it is our own, connect, and see that the store fits.

        Raises:
            StoreError: its kinds say why it cannot be opened.
        """
        try:
            if self._server is not None:
                self._start(self._server)
            return self.database.bridge_run(self._opened())
        except BaseException:
            self.close()
            raise

    def _start(self, server: EmbeddedServer) -> None:
        from psycopg.conninfo import conninfo_to_dict

        if self.database.spec.read_only and not self._made():
            from memkit.errors import StoreUnavailable

            raise StoreUnavailable(
                f"there is no store at {self.database.location}: open it once for writing to "
                "make it"
            )
        settings = self.database.settings
        conninfo = conninfo_to_dict(server.start())
        self.database.settings = replace(settings, conninfo=conninfo, revive=server.start)

    def _made(self) -> bool:
        folder = self.database.settings.folder
        return folder is not None and folder.exists()

    async def _opened(self) -> StoreInfo:
        database = self.database
        with told(database.location):
            await database.open()
            return await database.read(self._info)

    async def _info(self, connection: Any) -> StoreInfo:
        database, state = self.database, self.database.state
        cursor = await connection.execute(
            "SELECT sum(pg_total_relation_size(c.oid))::bigint FROM pg_class c "
            "JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE n.nspname = $1 AND c.relkind IN ('r', 'm')",
            [database.names.schema],
        )
        row = await cursor.fetchone()
        told_by = await connection.execute(database.names.sql("SELECT identity FROM @.store"))
        (identity,) = await told_by.fetchone()
        held = await holds_vectors(connection, database.names, state)
        return StoreInfo(
            location=database.location,
            schema_version=SCHEMA_VERSION,
            fingerprint=state.fingerprint if held else None,
            analyzer=state.analyzer or database.spec.analyzer,
            size_bytes=row[0],
            identity=identity.hex,
        )

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of ``work``, on the database's own event loop."""
        if self._closed:
            work.close()
            raise StoreClosed("the store was closed")
        return await self.database.bridge.run(work)

    def close(self) -> None:
        """Finish the accepted writes, disconnect, and let the server go."""
        self._closed = True
        try:
            self.database.bridge_run(self._closing())
        finally:
            self.database.bridge.stop()
            if self._server is not None:
                self._server.release()

    async def _closing(self) -> None:
        await self.listener.close()
        await self.growth.close()
        await self.writer.close()
        await self.database.close()
