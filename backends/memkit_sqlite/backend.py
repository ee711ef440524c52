"""The embedded backend: memkit's contract on one SQLite file."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qsl, unquote

from memkit.errors import ConfigurationError, StoreClosed, StoreReadOnly
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
from memkit_sqlite import alike, reembedding, upkeep
from memkit_sqlite import reader as reading
from memkit_sqlite import tokens as token_vectors
from memkit_sqlite.driver import require_driver
from memkit_sqlite.records import read
from memkit_sqlite.session import Session
from memkit_sqlite.store import StoreFile
from memkit_sqlite.tables import Tables
from memkit_sqlite.writing import Batch

T = TypeVar("T")
_NEWEST_FIRST = Order()
# Records that are fetched on the event loop itself: some 5 microseconds each, less than it
# costs to hand the work to a thread and back.
_INLINE_RECORDS = 200

_CAPABILITIES = Capabilities(
    lexical=True,
    atomic_batch=True,
    compare_and_set=True,
    multi_process=True,
    durable=True,
    ordered=True,
    change_feed=True,
)


class SqliteBackend:
    """A store in one SQLite file, searched in memory, shared by any number of processes.

    Args:
        path: the file; its folder is made. ``None``: a store of this object's own that is
            gone when it is closed.
        busy_timeout: how many seconds a write waits for another process's.

    Raises:
        ConfigurationError: an argument cannot be.
        MissingDependency: the driver, apsw, is not installed.
    """

    def __init__(self, path: str | os.PathLike[str] | None, *, busy_timeout: float = 30.0) -> None:
        require_driver()
        if path is not None and not os.fspath(path):
            raise ConfigurationError("the store's path is empty: give that of a file")
        if not 0 <= busy_timeout <= 3600:
            raise ConfigurationError("busy_timeout is 0 to 3600 seconds")
        self._path = None if path is None else Path(path).expanduser().absolute()
        self._busy_timeout = busy_timeout
        self._folder: str | None = None
        self._spec: StoreSpec | None = None
        self._session: Session | None = None
        self._lock = threading.Lock()
        self._pending_after = 0

    @classmethod
    def from_url(cls, url: str) -> SqliteBackend:
        """The backend of ``sqlite:///path/to/file.db``, a path, or ``sqlite://:memory:``.

        The URL takes one parameter, ``busy_timeout`` in seconds.

        Raises:
            ConfigurationError: it is no such URL.
        """
        if "://" not in url:
            return cls(None if url == ":memory:" else url)
        head, _, rest = url.partition("://")
        if head.lower() != "sqlite":
            raise ConfigurationError("an SQLite store's URL starts with sqlite://")
        rest, _, query = rest.partition("?")
        options: dict[str, Any] = {}
        for name, value in parse_qsl(query, keep_blank_values=True):
            if name != "busy_timeout":
                raise ConfigurationError("an SQLite store's URL takes busy_timeout only")
            try:
                options[name] = float(value)
            except ValueError:
                raise ConfigurationError("busy_timeout is a number of seconds") from None
        if rest in (":memory:", "/:memory:"):
            return cls(None, **options)
        if not rest.startswith("/") or rest == "/":
            raise ConfigurationError(
                "an SQLite store's URL is sqlite:///path/to/file.db, with three slashes before "
                "an absolute path"
            )
        return cls(unquote(rest), **options)

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
            if self._session is not None and self._session.here:
                self._session.close()
                self._session = None
            if self._path is None and self._folder is None:
                self._folder = tempfile.mkdtemp(prefix="memkit-")
            path = self._path or Path(str(self._folder)) / "memory.db"
            file = StoreFile(path, self._busy_timeout, durable=self._path is not None)
            self._session = Session(file, spec)
            self._spec = spec
            state = self._session.state
            return StoreInfo(
                location=":memory:" if self._path is None else file.location,
                schema_version=file.schema_version,
                fingerprint=state.fingerprint,
                analyzer=state.analyzer or spec.analyzer,
                size_bytes=file.size(),
                identity=self._session.identity,
            )

    async def close(self) -> None:
        """Finish the accepted writes and disconnect; called again, nothing."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        with self._lock:
            session, self._session, self._spec = self._session, None, None
            folder, self._folder = self._folder, None
        if session is not None:
            session.close()
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)

    def _live(self) -> Session:
        """The session of this process: after a fork the child makes its own."""
        session = self._session
        if session is None:
            raise StoreClosed("the store is not open: open it first")
        if session.here:
            return session
        with self._lock:
            if self._session is session and self._spec is not None:
                self._session = Session(session.file, session.spec)
        return self._live()

    async def _read(self, work: Callable[[Any], T], *, brief: bool = True) -> T:
        """Read on the event loop if that is quickly done, else in a thread."""
        import apsw

        session = self._live()
        if brief:
            try:
                return session.reader.briefly(work)
            except apsw.InterruptError:
                pass
        return await session.in_thread(lambda: session.reader.fully(work))

    async def _write(
        self, work: Callable[[Tables], T], weight: int = 1, *, alone: bool = False
    ) -> T:
        return await asyncio.wrap_future(self._submit(work, weight, alone=alone))

    def _submit(
        self, work: Callable[[Tables], T], weight: int = 1, *, alone: bool = False
    ) -> Future[T]:
        writer = self._live().writer
        if writer is None:
            raise StoreReadOnly("the store was opened read-only: open it for writing")
        return writer.submit(work, weight, alone=alone)

    # Records.

    async def write(self, batch: Sequence[Operation]) -> list[WriteResult]:
        """Carry out operations in order, durably; see :class:`memkit.protocols.Backend`."""
        operations = list(batch)
        if not operations:
            self._live()
            return []
        return await self._write(lambda tables: Batch(tables).apply(operations), len(operations))

    async def get(
        self, namespace: str, ids: Sequence[str], *, vectors: bool = False
    ) -> dict[str, Stored]:
        """The records with these ids."""
        session, wanted = self._live(), list(ids)
        brief = len(wanted) <= _INLINE_RECORDS
        if brief and not vectors:
            return session.records.get(namespace, wanted)
        return await self._read(
            lambda connection: read(session.reader, connection, namespace, wanted, vectors=vectors),
            brief=brief,
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
        reader = self._live().reader
        return await self._read(
            lambda connection: reading.scan(
                reader, connection, namespace, filter,
                order=order, cursor=cursor, limit=limit, vectors=vectors,
            ),
            brief=limit <= _INLINE_RECORDS,
        )  # fmt: skip

    async def count(self, namespace: str, filter: Filter, by: str | None = None) -> dict[str, int]:
        """How many records match, in all or by the values of a field."""
        reader = self._live().reader
        return await self._read(
            lambda connection: reading.count(reader, connection, namespace, filter, by)
        )

    async def namespaces(self) -> dict[str, int]:
        """Every namespace that holds records, and how many."""
        return await self._read(reading.namespaces)

    async def sharing(
        self, namespace: str, signature: Sequence[str], filter: Filter, limit: int
    ) -> list[Stored]:
        """The newest records that share a key of a signature."""
        reader = self._live().reader
        return await self._read(
            lambda connection: alike.sharing(
                reader, connection, namespace, signature, filter, limit
            ),
            brief=limit <= _INLINE_RECORDS,
        )

    async def tokens(self, namespace: str, ids: Sequence[str]) -> dict[str, bytes]:
        """The token vectors that are kept of these records."""
        reader, wanted = self._live().reader, list(ids)
        return await self._read(
            lambda connection: token_vectors.read(reader, connection, namespace, wanted),
            brief=len(wanted) <= _INLINE_RECORDS,
        )

    async def search(
        self, namespace: str, legs: Sequence[SearchLeg], filter: Filter, limit: int
    ) -> SearchResult:
        """Each leg's best ``limit`` among the records that match."""
        session = self._live()
        found = session.index.search_briefly(namespace, legs, filter, limit)
        if found is not None:
            return found
        return await session.in_thread(lambda: session.index.search(namespace, legs, filter, limit))

    async def warm(self, namespaces: Sequence[str] | None = None) -> None:
        """Load the in-memory index of these namespaces, or all, before the first search."""
        session = self._live()
        await session.in_thread(lambda: session.index.warm(namespaces))

    # The change feed.

    async def changes(self, namespace: str, after: int = 0, limit: int = 1000) -> list[Change]:
        """Up to ``limit`` changes of a namespace with a position greater than ``after``."""
        reader = self._live().reader
        return await self._read(
            lambda connection: reading.changes(reader, connection, namespace, after, limit),
            brief=limit <= 10 * _INLINE_RECORDS,
        )

    async def position(self) -> int:
        """The position of the newest change; 0 in a new store."""
        return await self._read(reading.position)

    async def oldest(self) -> int:
        """The position up to which changes may have been dropped."""
        return await self._read(reading.oldest)

    # Maintenance.

    async def check(self) -> list[Problem]:
        """All that is wrong with the store."""
        return await self._read(upkeep.check, brief=False)

    async def compact(self) -> None:
        """Give unused space back; what was deleted leaves no trace in the files."""
        await self._write(upkeep.trim)
        await self._write(upkeep.compact, alone=True)

    async def purge(self) -> bool:
        """Overwrite the traces of deleted records; false if a reader is in the way."""
        await self._write(upkeep.trim)
        file = self._live().file
        return await self._write(lambda tables: upkeep.purge(tables, file), alone=True)

    # Re-embedding.

    async def begin_reembed(self, target: Fingerprint, analyzer: str) -> tuple[int, int]:
        """Start or resume; how many records are done, and how many there are."""
        self._pending_after = 0
        return await self._write(lambda tables: reembedding.begin(tables, target, analyzer))

    async def pending_reembed(self, limit: int) -> list[Stored]:
        """Up to ``limit`` records that are not yet done."""
        after = self._pending_after
        found, self._pending_after = await self._read(
            lambda connection: reembedding.pending(connection, limit, after), brief=False
        )
        return found

    async def stage_reembed(self, items: Sequence[tuple[MemoryRecord, IndexData]]) -> None:
        """Keep new index data for these records, unless they changed meanwhile."""
        await self._write(lambda tables: reembedding.stage(tables, items), len(items))

    async def finish_reembed(self) -> bool:
        """Put the new index data in place; false if some are pending."""
        session = self._live()

        def adopt(future: Future[tuple[Fingerprint, str] | None]) -> None:
            # Also if the caller was cancelled while it was being committed.
            done = None if future.cancelled() or future.exception() else future.result()
            if done is not None:
                session.adopt(replace(session.spec, fingerprint=done[0], analyzer=done[1]))

        future = self._submit(reembedding.finish)
        future.add_done_callback(adopt)
        return await asyncio.wrap_future(future) is not None
