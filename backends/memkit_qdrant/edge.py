"""The embedded backend: memkit's contract on the real engine, in this process."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

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
from memkit_qdrant.edge_driver import require_edge
from memkit_qdrant.edge_folder import Folder
from memkit_qdrant.edge_options import EdgeOptions, options_from

if TYPE_CHECKING:
    from memkit_qdrant.edge_store import EdgeStore
    from memkit_qdrant.edge_upkeep import Builder

T = TypeVar("T")
_SYNC_SECONDS = 1.0


class QdrantEdgeBackend(CollectionBackend):
    """A store in a folder, served by the Qdrant engine embedded in this one process.

    Args:
        path: the folder; it is made.
        options: the settings; see :class:`~memkit_qdrant.edge_options.EdgeOptions`.

    Raises:
        MissingDependency: qdrant-edge-py or filelock is not installed.
    """

    def __init__(self, path: str | os.PathLike[str], *, options: EdgeOptions | None = None) -> None:
        require_edge()
        self._path = Path(path).expanduser().absolute()
        self._options = options or EdgeOptions()
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._store: EdgeStore | None = None
        self._builder: Builder | None = None
        self._folder: Folder | None = None
        self._writer: ThreadPoolExecutor | None = None
        self._closed = threading.Event()
        self._pending_after: str | None = None

    @classmethod
    def from_url(cls, url: str) -> QdrantEdgeBackend:
        """The backend of ``qdrant+edge:///path/to/folder?option=value``.

        Raises:
            ConfigurationError: it is no such URL.
        """
        path, options = options_from(url)
        return cls(path, options=options)

    @property
    def capabilities(self) -> Capabilities:
        """All but several processes and a change feed."""
        return Capabilities(
            lexical=True,
            atomic_batch=True,
            compare_and_set=True,
            durable=self._options.flush == "on_acknowledge",
            ordered=True,
        )

    # Opening and closing.

    async def open(self, spec: StoreSpec) -> StoreInfo:
        """Connect; see :meth:`memkit.protocols.Backend.open`."""
        return await asyncio.to_thread(self._open, spec)

    def _open(self, spec: StoreSpec) -> StoreInfo:
        from memkit_qdrant.edge_store import EdgeStore
        from memkit_qdrant.edge_upkeep import Builder

        self._close()
        with self._lock:
            self._process = os.getpid()
            folder = Folder(self._path)
            folder.acquire(create=not spec.read_only)
            try:
                store = EdgeStore(folder, self._options, spec)
            except BaseException:
                folder.release()
                raise
            self._writer = ThreadPoolExecutor(1, "memkit-qdrant-write")
            self._builder = Builder(store, self._writer.submit)
            self._store, self._folder = store, folder
            self._closed = threading.Event()
            if self._options.flush == "interval" and not spec.read_only:
                threading.Thread(
                    target=self._sync_now_and_then,
                    args=(self._writer, store, self._closed),
                    name="memkit-qdrant-sync",
                    daemon=True,
                ).start()
            return store.state.info(folder.location, spec, folder.size())

    @staticmethod
    def _sync_now_and_then(
        writer: ThreadPoolExecutor, store: EdgeStore, closed: threading.Event
    ) -> None:
        while not closed.wait(_SYNC_SECONDS):
            try:
                writer.submit(store.journal.sync)
            except RuntimeError:
                return

    async def close(self) -> None:
        """Finish the accepted writes and disconnect; called again, nothing."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        with self._lock:
            store, self._store = self._store, None
            writer, self._writer = self._writer, None
            builder, self._builder = self._builder, None
            folder, self._folder = self._folder, None
        if store is None or writer is None or folder is None or builder is None:
            return
        self._closed.set()
        if self._process != os.getpid():
            # A fork's child: the store is its parent's.
            return
        builder.stop()
        writer.shutdown(wait=True)
        try:
            store.close()
        finally:
            folder.release()

    def _live(self) -> EdgeStore:
        store = self._store
        if store is None:
            raise StoreClosed("the store is not open: open it first")
        if self._process != os.getpid():
            raise StoreUnavailable(
                "the store was opened before this process was forked off, and serves one process "
                "alone: open it after the fork"
            )
        return store

    async def _read(self, work: Reading[T], *, brief: bool) -> T:
        from memkit_qdrant.edge_store import drive

        store = self._live()

        def read() -> T:
            while True:
                view = View(shard := store.shard, store.state)
                try:
                    with proper_text():
                        return drive(work(view))
                except StoreClosed:
                    # Its files were built anew meanwhile, unless the store itself was closed.
                    if self._store is not store or store.shard is shard:
                        raise

        # The engine keeps Python to itself while it works, so that a thread does not help.
        return read() if brief else await asyncio.to_thread(read)

    async def _write(self, step: Callable[[EdgeStore], T]) -> T:
        return await asyncio.wrap_future(self._submit(step))

    def _submit(self, step: Callable[[EdgeStore], T]) -> Future[T]:
        store = self._live()
        with self._lock:
            if self._writer is None:
                raise StoreClosed("the store is being closed")
            return self._writer.submit(_step, step, store)

    # Records.

    async def write(self, batch: Sequence[Operation]) -> list[WriteResult]:
        """Carry out operations in order; see :class:`memkit.protocols.Backend`."""
        operations = list(batch)
        if not operations:
            self._live()
            return []

        def step(store: EdgeStore) -> list[WriteResult]:
            results = store.write(operations)
            if self._builder is not None and self._builder.due():
                self._builder.start(anew=False)
            return results

        return await self._write(step)

    async def indexed(self) -> None:
        """Wait until no graph is being built."""
        while True:
            running = await self._write(self._running)
            if running is None:
                return
            # Whether it succeeded is told to who asked for it; the old files serve on.
            await asyncio.gather(asyncio.wrap_future(running), return_exceptions=True)

    def _running(self, _: EdgeStore) -> Future[None] | None:
        return None if self._builder is None else self._builder.running

    # Maintenance.

    async def check(self) -> list[Problem]:
        """All that is wrong with the store."""
        from memkit_qdrant.edge_upkeep import checked

        return await self._write(checked)

    async def compact(self) -> None:
        """Build the files anew: what was deleted is in none of them."""
        building = await self._write_idle(self._rebuild)
        if building is not None:
            await asyncio.wrap_future(building)

    async def _write_idle(self, step: Callable[[EdgeStore], T]) -> T:
        """The result of a step that must not be taken while files are being built."""

        def unless_building(store: EdgeStore) -> list[T]:
            return [] if self._running(store) is not None else [step(store)]

        while True:
            await self.indexed()
            if done := await self._write(unless_building):
                return done[0]

    def _rebuild(self, store: EdgeStore) -> Future[None] | None:
        from memkit_qdrant.edge_upkeep import SMALL, rebuild_here

        store.check_writable()
        if store.shard.points <= SMALL or self._builder is None:
            rebuild_here(store)
            return None
        return self._builder.start(anew=True)

    async def purge(self) -> bool:
        """Build the files of a small store anew; a large one is left to :meth:`compact`."""
        from memkit_qdrant.edge_upkeep import PURGED_AT_ONCE

        def small(store: EdgeStore) -> bool:
            store.check_writable()
            return store.shard.points <= PURGED_AT_ONCE

        if not await self._write(small):
            return False
        await self.compact()
        return True

    # Re-embedding.

    async def begin_reembed(self, target: Fingerprint, analyzer: str) -> tuple[int, int]:
        """Start or resume; how many records are done, and how many there are."""
        from memkit_qdrant import edge_reembedding as reembedding

        self._pending_after = None
        return await self._write_idle(lambda store: reembedding.begin(store, target, analyzer))

    async def pending_reembed(self, limit: int) -> list[Stored]:
        """Up to ``limit`` records that are not yet done."""
        from memkit_qdrant import edge_reembedding as reembedding

        def step(store: EdgeStore) -> list[Stored]:
            found, self._pending_after = reembedding.pending(store, limit, self._pending_after)
            return found

        return await self._write(step)

    async def stage_reembed(self, items: Sequence[tuple[MemoryRecord, IndexData]]) -> None:
        """Keep new index data for these records, unless they changed meanwhile."""
        from memkit_qdrant import edge_reembedding as reembedding

        kept = list(items)
        await self._write(lambda store: reembedding.stage(store, kept))

    async def finish_reembed(self) -> bool:
        """Put the new index data in place; false if some are pending."""
        from memkit_qdrant import edge_reembedding as reembedding

        def step(store: EdgeStore) -> bool:
            done = reembedding.finish(store)
            if done is not None:
                store.spec = replace(store.spec, fingerprint=done[0], analyzer=done[1])
            return done is not None

        return await self._write(step)


def _step(step: Callable[[EdgeStore], T], store: EdgeStore) -> T:
    with proper_text():
        return step(store)
