"""The server's backend: memkit's contract on a collection of a Qdrant server."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from memkit.backing.bridge import Bridge
from memkit.errors import StoreClosed, StoreUnavailable
from memkit.protocols import (
    Capabilities,
    Fingerprint,
    IndexData,
    Operation,
    Stored,
    StoreInfo,
    StoreSpec,
    WriteResult,
)
from memkit.types import MemoryRecord, Problem
from memkit_qdrant.base import CollectionBackend, Reading, View, proper_text
from memkit_qdrant.server_driver import Caller, connect, require_client
from memkit_qdrant.server_options import ServerOptions, server_options

if TYPE_CHECKING:
    from qdrant_client import AsyncQdrantClient

    from memkit_qdrant.server_client import ServerClient
    from memkit_qdrant.server_schema import SavedState
    from memkit_qdrant.server_writing import Writer

T = TypeVar("T")
#: Seconds after which a reader looks again whether the store was re-embedded.
_FRESH = 1.0


@dataclass(slots=True)
class _Session:
    """An open store."""

    client: ServerClient
    saved: SavedState
    writer: Writer
    spec: StoreSpec
    looked: float


class QdrantBackend(CollectionBackend):
    """A store in a collection of a Qdrant server.

    Args:
        options: where it is and how it is used.
        client: makes the library's client on the loop that it will belong to; by default one
            of the server that ``options`` name. With another (the library's in-memory one)
            several processes and durability are not declared.

    Raises:
        MissingDependency: qdrant-client is not installed.
    """

    def __init__(
        self,
        options: ServerOptions | None = None,
        *,
        client: Callable[[], AsyncQdrantClient] | None = None,
    ) -> None:
        require_client()
        self._options = options or ServerOptions()
        self._make = client
        self._lock = threading.Lock()
        self._bridge: Bridge | None = None
        self._session: _Session | None = None
        self._pending_after: str | None = None

    @classmethod
    def from_url(cls, url: str) -> QdrantBackend:
        """The backend of ``qdrant://[key@]host[:6333][/collection]`` or ``qdrants://…`` (TLS).

        Raises:
            ConfigurationError: it is no such URL.
        """
        return cls(server_options(url))

    @property
    def capabilities(self) -> Capabilities:
        """All but atomic batches, which the server has not, and a change feed."""
        served = self._make is None
        return Capabilities(
            lexical=True,
            compare_and_set=self._options.ordering == "strong",
            multi_process=served,
            durable=False,
            ordered=True,
        )

    # Opening and closing.

    async def open(self, spec: StoreSpec) -> StoreInfo:
        """Connect; see :meth:`memkit.protocols.Backend.open`."""
        await self.close()
        bridge = Bridge()
        try:
            session = await bridge.run(self._connect(spec))
        except BaseException:
            await asyncio.to_thread(bridge.stop)
            raise
        with self._lock:
            self._bridge, self._session = bridge, session
        return session.saved.state.info(self._options.location, spec, None)

    async def _connect(self, spec: StoreSpec) -> _Session:
        from memkit_qdrant.server_client import ServerClient
        from memkit_qdrant.server_schema import SavedState, check_server, prepare, upgrade
        from memkit_qdrant.server_writing import Writer

        made = connect(self._options) if self._make is None else self._make()
        try:
            client = ServerClient(made, self._options, Caller(self._options))
            await check_server(client)
            await prepare(client, spec)
            saved = SavedState(client)
            await saved.load()
            if saved.stamp is None:
                if spec.read_only:
                    raise StoreUnavailable(
                        f"{self._options.location} is no memkit store yet: open it once for writing"
                    )
                await saved.save(saved.state)
            saved.state.check(spec)
            if not spec.read_only:
                await upgrade(client, saved)
        except BaseException:
            await made.close()
            raise
        return _Session(client, saved, Writer(client, saved, spec), spec, time.monotonic())

    async def close(self) -> None:
        """Finish the accepted writes and disconnect; called again, nothing."""
        with self._lock:
            session, self._session = self._session, None
            bridge, self._bridge = self._bridge, None
        if session is None or bridge is None or not bridge.here:
            return
        await bridge.run(self._disconnect(session))
        await asyncio.to_thread(bridge.stop)

    @staticmethod
    async def _disconnect(session: _Session) -> None:
        await session.writer.finish()
        await session.client.client.close()

    def _live(self) -> tuple[Bridge, _Session]:
        with self._lock:
            bridge, session = self._bridge, self._session
        if bridge is None or session is None:
            raise StoreClosed("the store is not open: open it first")
        if not bridge.here:
            raise StoreUnavailable(
                "the store was opened before this process was forked off: open it after the fork"
            )
        return bridge, session

    async def _read(self, work: Reading[T], *, brief: bool) -> T:
        bridge, session = self._live()

        async def read() -> T:
            if time.monotonic() - session.looked > _FRESH:
                await session.saved.load()
                session.saved.state.check(session.spec)
                session.looked = time.monotonic()
            with proper_text():
                return await work(View(session.client, session.saved.state))

        return await bridge.run(read())

    async def _write(self, work: Callable[[_Session], Coroutine[Any, Any, T]]) -> T:
        """Run ``work`` to its end, though the caller be cancelled: it would be cut in two."""
        bridge, session = self._live()

        async def whole() -> T:
            task = session.writer.begin(work(session))
            with proper_text():
                return await asyncio.shield(task)

        return await bridge.run(whole())

    # Records.

    async def write(self, batch: Sequence[Operation]) -> list[WriteResult]:
        """Carry out operations in order; see :class:`memkit.protocols.Backend`."""
        operations = list(batch)
        if not operations:
            self._live()
            return []
        return await self._write(lambda session: session.writer.write(operations))

    # Maintenance.

    async def check(self) -> list[Problem]:
        """All that is wrong with the store."""
        from memkit_qdrant.server_upkeep import check

        return await self._write(lambda session: check(session.client, session.saved.state))

    async def compact(self) -> None:
        """Have the server clear deleted points out of its files, and wait for it."""
        from memkit_qdrant.server_upkeep import compact

        await self._write(lambda session: compact(session.client))

    async def purge(self) -> bool:
        """False: the server clears deleted points out in its own time, or at :meth:`compact`."""
        self._live()
        return False

    # Re-embedding.

    async def begin_reembed(self, target: Fingerprint, analyzer: str) -> tuple[int, int]:
        """Start or resume; how many records are done, and how many there are."""
        from memkit_qdrant import server_reembedding as reembedding

        self._pending_after = None
        return await self._write(
            lambda session: reembedding.begin(session.client, session.saved, target, analyzer)
        )

    async def pending_reembed(self, limit: int) -> list[Stored]:
        """Up to ``limit`` records that are not yet done."""
        from memkit_qdrant import server_reembedding as reembedding

        found, self._pending_after = await self._write(
            lambda session: reembedding.pending(
                session.client, session.saved, limit, self._pending_after
            )
        )
        return found

    async def stage_reembed(self, items: Sequence[tuple[MemoryRecord, IndexData]]) -> None:
        """Keep new index data for these records, unless they changed meanwhile."""
        from memkit_qdrant import server_reembedding as reembedding

        kept = list(items)
        await self._write(lambda session: reembedding.stage(session.client, session.saved, kept))

    async def finish_reembed(self) -> bool:
        """Put the new index data in place; false if some are pending."""
        from memkit_qdrant import server_reembedding as reembedding

        async def finish(session: _Session) -> bool:
            done = await reembedding.finish(session.client, session.saved)
            if done is not None:
                spec = replace(session.spec, fingerprint=done[0], analyzer=done[1])
                session.spec = session.writer.spec = spec
            return done is not None

        return await self._write(finish)
