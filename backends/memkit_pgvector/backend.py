"""The backend on PostgreSQL: memkit's contract on a server's tables."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from memkit.backing.compatibility import refuse_write
from memkit.errors import StoreClosed
from memkit.filters import Filter
from memkit.protocols import (
    Capabilities,
    Change,
    Fingerprint,
    IndexData,
    Operation,
    Order,
    ScanPage,
    SearchLeg,
    SearchResult,
    Stored,
    StoreInfo,
    StoreSpec,
    WriteResult,
)
from memkit.types import MemoryRecord, Problem
from memkit_pgvector import alike, feed, reader, reembedding, upkeep
from memkit_pgvector import tokens as token_vectors
from memkit_pgvector.session import Session
from memkit_pgvector.settings import Settings, settings_from

T = TypeVar("T")
_NEWEST_FIRST = Order()
_START = (bytes(16), bytes(16))

_CAPABILITIES = Capabilities(
    lexical=True,
    atomic_batch=True,
    compare_and_set=True,
    multi_process=True,
    durable=True,
    ordered=True,
    change_feed=True,
)


class PgvectorBackend:
    """A store in one schema of a PostgreSQL database, shared by any number of processes.

    Args:
        settings: where it is and how it is used.

    Raises:
        MissingDependency: the driver, psycopg, is not installed.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._session: Session | None = None
        self._spec: StoreSpec | None = None
        self._lock = threading.Lock()
        self._pending_after = _START

    @classmethod
    def from_url(cls, url: str) -> PgvectorBackend:
        """The backend of a ``postgresql://`` or ``postgres-embedded:///`` URL.

        Raises:
            ConfigurationError: it is no such URL, or an option of it cannot be.
            MissingDependency: the driver is not installed.
        """
        return cls(settings_from(url))

    @property
    def capabilities(self) -> Capabilities:
        """All there are."""
        return _CAPABILITIES

    # Opening and closing.

    async def open(self, spec: StoreSpec) -> StoreInfo:
        """Connect; see :meth:`memkit.protocols.Backend.open`."""
        return await asyncio.to_thread(self._open, spec)

    def _open(self, spec: StoreSpec) -> StoreInfo:
        with self._lock:
            self._drop()
            session = Session(self.settings, spec)
            info = session.open()
            self._session, self._spec = session, spec
            return info

    async def close(self) -> None:
        """Finish the accepted writes and disconnect; called again, nothing."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        session, self._session, self._spec = self._session, None, None
        if session is not None and session.here:
            session.close()

    async def _live(self) -> Session:
        """The session of this process: after a fork the child makes its own."""
        session = self._session
        if session is None:
            raise StoreClosed("the store is not open: open it first")
        if not session.here:
            spec = session.database.spec
            await asyncio.to_thread(self._open, spec)
            return await self._live()
        return session

    async def _run(self, work: Callable[[Session], Coroutine[Any, Any, T]]) -> T:
        session = await self._live()
        return await session.run(work(session))

    # Records.

    async def write(self, batch: Sequence[Operation]) -> list[WriteResult]:
        """Carry out operations in order, durably; see :class:`memkit.protocols.Backend`."""
        operations = list(batch)
        session = await self._live()
        if session.database.spec.read_only:
            raise refuse_write(session.database.location)
        if not operations:
            return []
        return await self._run(lambda session: session.writer.write(operations))

    async def get(
        self, namespace: str, ids: Sequence[str], *, vectors: bool = False
    ) -> dict[str, Stored]:
        """The records with these ids."""
        wanted = list(ids)
        return await self._run(
            lambda session: reader.get(session.database, namespace, wanted, vectors=vectors)
        )

    async def scan(
        self,
        namespace: str,
        filter: Filter,
        *,
        order: Order = _NEWEST_FIRST,
        cursor: str | None = None,
        limit: int = 100,
        vectors: bool = False,
    ) -> ScanPage:
        """A page of the records that match, in order."""
        return await self._run(
            lambda session: reader.scan(
                session.database, namespace, filter,
                order=order, cursor=cursor, limit=limit, vectors=vectors,
            )
        )  # fmt: skip

    async def count(self, namespace: str, filter: Filter, by: str | None = None) -> dict[str, int]:
        """How many records match, in all or by the values of a field."""
        return await self._run(
            lambda session: reader.count(session.database, namespace, filter, by)
        )

    async def namespaces(self) -> dict[str, int]:
        """Every namespace that holds records, and how many."""
        return await self._run(lambda session: reader.namespaces(session.database))

    async def sharing(
        self, namespace: str, signature: Sequence[str], filter: Filter, limit: int
    ) -> list[Stored]:
        """The newest records that share a key of a signature."""
        return await self._run(
            lambda session: alike.sharing(session.database, namespace, signature, filter, limit)
        )

    async def tokens(self, namespace: str, ids: Sequence[str]) -> dict[str, bytes]:
        """The token vectors that are kept of these records."""
        wanted = list(ids)
        return await self._run(
            lambda session: token_vectors.read(session.database, namespace, wanted)
        )

    async def search(
        self, namespace: str, legs: Sequence[SearchLeg], filter: Filter, limit: int
    ) -> SearchResult:
        """Each leg's best ``limit`` among the records that match."""
        return await self._run(
            lambda session: session.searcher.search(namespace, legs, filter, limit)
        )

    async def ranks_words_by(self) -> str:
        """``tsvector``, or ``bm25`` where pg_textsearch ranks the words of large namespaces."""
        return (await self._live()).database.state.text_search

    async def warm(self, namespaces: Sequence[str] | None = None) -> None:
        """Build the vector indexes that these namespaces, or all, need before the first search."""
        await self._run(lambda session: session.growth.warm(namespaces))

    # The change feed.

    async def changes(self, namespace: str, after: int = 0, limit: int = 1000) -> list[Change]:
        """Up to ``limit`` changes of a namespace with a position greater than ``after``."""
        return await self._run(
            lambda session: feed.changes(session.database, namespace, after, limit)
        )

    async def position(self) -> int:
        """The position of the newest change; 0 in a new store."""
        return await self._run(lambda session: feed.position(session.database))

    async def oldest(self) -> int:
        """The position up to which changes may have been dropped."""
        return await self._run(lambda session: feed.oldest(session.database))

    async def wait_for_change(self, after: int, seconds: float) -> int:
        """The newest position, as soon as it is greater than ``after``.

        Args:
            after: a position that was seen before.
            seconds: after which the newest position is returned whatever it is.
        """
        return await self._run(lambda session: session.listener.wait(after, seconds))

    # Maintenance.

    async def check(self) -> list[Problem]:
        """All that is wrong with the store."""
        return await self._run(lambda session: upkeep.check(session.database))

    async def compact(self) -> None:
        """Give unused space back to the system; each table is locked while it is rewritten."""
        await self._run(lambda session: session.writer.trim_changes())
        await self._run(lambda session: upkeep.compact(session.database))

    async def purge(self) -> bool:
        """Clear deleted rows out of the tables; false, since PostgreSQL's log still has them."""
        await self._run(lambda session: session.writer.trim_changes())
        return await self._run(lambda session: upkeep.purge(session.database))

    # Re-embedding.

    async def begin_reembed(self, target: Fingerprint, analyzer: str) -> tuple[int, int]:
        """Start or resume; how many records are done, and how many there are."""
        self._pending_after = _START
        return await self._run(
            lambda session: reembedding.begin(session.database, target, analyzer)
        )

    async def pending_reembed(self, limit: int) -> list[Stored]:
        """Up to ``limit`` records that are not yet done."""
        after = self._pending_after
        found, self._pending_after = await self._run(
            lambda session: reembedding.pending(session.database, limit, after)
        )
        return found

    async def stage_reembed(self, items: Sequence[tuple[MemoryRecord, IndexData]]) -> None:
        """Keep new index data for these records, unless they changed meanwhile."""
        await self._run(lambda session: reembedding.stage(session.database, items))

    async def finish_reembed(self) -> bool:
        """Put the new index data in place; false if some are pending."""
        return await self._run(lambda session: reembedding.finish(session.database)) is not None
