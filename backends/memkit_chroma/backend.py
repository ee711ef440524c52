"""The Chroma backend: memkit's contract on Chroma's collections."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from memkit.backing.compatibility import refuse_write
from memkit.errors import StoreClosed, StoreUnavailable
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
from memkit_chroma import reading, upkeep
from memkit_chroma.driver import require_driver
from memkit_chroma.places import Place, place_of
from memkit_chroma.store import OpenStore
from memkit_chroma.writer import Writer

T = TypeVar("T")
_NEWEST_FIRST = Order()


class ChromaBackend:
    """A store in Chroma: a server's, a folder's, or a folder's that is served to processes.

    Args:
        place: where it is; a path is the folder of an embedded store.

    Raises:
        MissingDependency: chromadb is not installed.
    """

    def __init__(self, place: Place | str | os.PathLike[str]) -> None:
        require_driver()
        if not isinstance(place, Place):
            place = Place(Path(place).expanduser().absolute())
        self._place = place
        self._store: OpenStore | None = None
        self._lock = threading.Lock()

    @classmethod
    def from_url(cls, url: str) -> ChromaBackend:
        """The backend of a ``chroma://``, ``chromas://`` or ``chroma+serve://`` URL.

        Raises:
            ConfigurationError: it is no such URL.
        """
        return cls(place_of(url))

    @property
    def capabilities(self) -> Capabilities:
        """All there are; only a folder that nobody serves belongs to one process."""
        return Capabilities(
            lexical=True,
            atomic_batch=True,
            compare_and_set=True,
            multi_process=self._place.shared,
            durable=True,
            ordered=True,
            change_feed=True,
        )

    # Opening and closing.

    async def open(self, spec: StoreSpec) -> StoreInfo:
        """Connect; see :meth:`memkit.protocols.Backend.open`."""
        return await asyncio.to_thread(self._open, spec)

    def _open(self, spec: StoreSpec) -> StoreInfo:
        with self._lock:
            if self._store is not None and self._store.here:
                self._store.close()
            self._store = None
            self._store = OpenStore(self._place, spec)
            return self._store.info()

    async def close(self) -> None:
        """Finish the accepted writes and disconnect; called again, nothing."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        with self._lock:
            store, self._store = self._store, None
        if store is not None and store.here:
            store.close()

    def _live(self) -> OpenStore:
        store = self._store
        if store is None:
            raise StoreClosed("the store is not open: open it first")
        if not store.here:
            raise StoreUnavailable(
                "the store was opened before this process was forked: open it again here"
            )
        return store

    async def _read(self, work: Callable[[OpenStore], T]) -> T:
        return await self._live().in_thread(work)

    # Records.

    async def write(self, batch: Sequence[Operation]) -> list[WriteResult]:
        """Carry out operations in order, durably; see :class:`memkit.protocols.Backend`."""
        store = self._live()
        operations = list(batch)
        if not operations:
            return []
        if store.writer is None:
            raise refuse_write(self._place.location)
        return await asyncio.wrap_future(store.writer.submit(operations))

    async def _alone(self, work: Callable[[OpenStore, Writer], T]) -> T:
        """Do something between two commits."""
        store = self._live()
        writer = store.writer
        if writer is None:
            raise refuse_write(self._place.location)
        result: T = await asyncio.wrap_future(writer.run(lambda: work(store, writer)))
        return result

    async def get(
        self, namespace: str, ids: Sequence[str], *, vectors: bool = False
    ) -> dict[str, Stored]:
        """The records with these ids."""
        wanted = list(ids)
        return await self._read(
            lambda store: reading.get(store.session, namespace, wanted, vectors=vectors)
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
        return await self._read(
            lambda store: store.listings.scan(
                namespace, filter, order=order, cursor=cursor, limit=limit, vectors=vectors
            )
        )

    async def count(self, namespace: str, filter: Filter, by: str | None = None) -> dict[str, int]:
        """How many records match, in all or by the values of a field."""
        return await self._read(lambda store: reading.count(store.session, namespace, filter, by))

    async def namespaces(self) -> dict[str, int]:
        """Every namespace that holds records, and how many."""
        return await self._read(lambda store: store.session.namespaces())

    async def sharing(
        self, namespace: str, signature: Sequence[str], filter: Filter, limit: int
    ) -> list[Stored]:
        """The newest records that share a key of a signature."""
        keys = list(signature)
        return await self._read(
            lambda store: reading.sharing(store.session, namespace, keys, filter, limit)
        )

    async def search(
        self, namespace: str, legs: Sequence[SearchLeg], filter: Filter, limit: int
    ) -> SearchResult:
        """Each leg's best ``limit`` among the records that match."""
        return await self._read(lambda store: store.session.search(namespace, legs, filter, limit))

    # The change feed.

    async def changes(self, namespace: str, after: int = 0, limit: int = 1000) -> list[Change]:
        """Up to ``limit`` changes of a namespace with a position greater than ``after``."""
        return await self._read(
            lambda store: reading.changes(store.session, namespace, after, limit)
        )

    async def position(self) -> int:
        """The position of the newest change; 0 in a new store."""
        return await self._read(lambda store: store.session.newest_change())

    async def oldest(self) -> int:
        """The position up to which changes may have been dropped."""
        return await self._read(lambda store: store.session.dropped())

    # Maintenance.

    async def check(self) -> list[Problem]:
        """All that is wrong with the store."""
        return await self._read(lambda store: upkeep.check(store.session))

    async def compact(self) -> None:
        """Write everything anew without what was deleted, and give the space back.

        A server's files are its own: there Chroma keeps the space, and may overwrite it later.
        """
        await self._alone(lambda store, writer: upkeep.compact(store.session, writer.flusher))

    async def purge(self) -> bool:
        """Remove what was deleted from the log too.

        Always false: what Chroma's own files hold of it goes with :meth:`compact` only.
        """
        await self._alone(lambda _, writer: writer.flusher.flush())
        return False

    # Re-embedding.

    async def begin_reembed(self, target: Fingerprint, analyzer: str) -> tuple[int, int]:
        """Start or resume; how many records are done, and how many there are."""
        return await self._alone(lambda _, writer: writer.reembedding.begin(target, analyzer))

    async def pending_reembed(self, limit: int) -> list[Stored]:
        """Up to ``limit`` records that are not yet done."""
        return await self._alone(lambda _, writer: writer.reembedding.pending(limit))

    async def stage_reembed(self, items: Sequence[tuple[MemoryRecord, IndexData]]) -> None:
        """Keep new index data for these records, unless they changed meanwhile."""
        held = list(items)
        await self._alone(lambda _, writer: writer.reembedding.stage(held))

    async def finish_reembed(self) -> bool:
        """Put the new index data in place; false if some are pending."""
        return await self._alone(lambda _, writer: writer.reembedding.finish())
