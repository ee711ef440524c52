"""An open store in one process: its writer, readers, index and threads."""

from __future__ import annotations

import asyncio
import os
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from memkit.backing.compatibility import check_compatible
from memkit.errors import StoreClosed
from memkit.protocols import StoreSpec
from memkit_sqlite.driver import told
from memkit_sqlite.index import MemoryIndex
from memkit_sqlite.reader import Reader
from memkit_sqlite.records import Records
from memkit_sqlite.store import StoreFile, StoreState, read_identity, read_state
from memkit_sqlite.tables import Tables
from memkit_sqlite.writer import Writer

T = TypeVar("T")
_THREADS = 4
# Sessions that a fork left in the child. SQLite's connections must not cross a fork, not even
# to be closed, so the child keeps them for good.
_abandoned: list[Session] = []


class Session:
    """The store ``file`` as opened with ``spec``.

    Raises:
        StoreError: its kinds say why it cannot be opened.
    """

    def __init__(self, file: StoreFile, spec: StoreSpec) -> None:
        self.file = file
        self.spec = spec
        self._process = os.getpid()
        file.create_or_check(read_only=spec.read_only)
        self.reader = Reader(file, read_only=spec.read_only)
        self.writer: Writer | None = None
        if spec.read_only:
            self.state = self.reader.fully(read_state)
            if not spec.migrating:
                check_compatible(self.state.fingerprint, self.state.analyzer, spec)
        else:
            tables = Tables(file.connect(writer=True), spec)
            try:
                with told(file.location, tables.connection):
                    self.state = _claim(tables)
            except BaseException:
                tables.connection.close()
                raise
            self._tables = tables
            self.writer = Writer(tables, file.location)
        self.identity = self.reader.fully(read_identity)
        self.records = Records(self.reader, file.location)
        self.index = MemoryIndex(self.reader, spec, file.location)
        self._threads = ThreadPoolExecutor(_THREADS, "memkit-sqlite-read")
        # Also at the interpreter's exit, and if the backend is dropped without being closed.
        self._finalizer = weakref.finalize(
            self,
            _close,
            self._process,
            self.writer,
            self._threads,
            (self.index, self.records, self.reader),
        )

    @property
    def here(self) -> bool:
        """Whether this process made it; one inherited over a fork is of no use."""
        if self._process == os.getpid():
            return True
        if self not in _abandoned:
            self._finalizer.detach()
            _abandoned.append(self)
        return False

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Run ``work`` where it does not hold up the event loop."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, work)
        except RuntimeError as error:
            if self._finalizer.alive:
                raise
            raise StoreClosed("the store is closed: open it again") from error

    def adopt(self, spec: StoreSpec) -> None:
        """Go on with another fingerprint or analyzer."""
        self.spec = self.index.spec = self._tables.spec = spec

    def close(self) -> None:
        """Finish the accepted writes and free everything; called again, nothing."""
        self._finalizer()


def _close(
    process: int,
    writer: Writer | None,
    threads: ThreadPoolExecutor,
    others: tuple[MemoryIndex, Records, Reader],
) -> None:
    if process != os.getpid():
        return
    if writer is not None:
        writer.close()
    threads.shutdown(wait=True)
    for other in others:
        other.close()


def _claim(tables: Tables) -> StoreState:
    """See that the store fits what is expected; one that holds nothing takes it on."""
    tables.begin()
    try:
        spec, state, run = tables.spec, tables.state, tables.connection.execute
        held, wanted = state.fingerprint, spec.fingerprint
        if state.analyzer != spec.analyzer and (
            state.analyzer is None or run("SELECT 1 FROM records LIMIT 1").fetchone() is None
        ):
            run("UPDATE store SET analyzer = ?, epoch = epoch + 1", (spec.analyzer,))
        if (
            held is not None
            and (wanted is None or not held.matches(wanted))
            and run("SELECT 1 FROM indexed WHERE vector IS NOT NULL LIMIT 1").fetchone() is None
        ):
            run(
                "UPDATE store SET model = NULL, dimension = NULL, normalized = NULL, "
                "epoch = epoch + 1"
            )
        state = read_state(tables.connection)
        if not spec.migrating:
            check_compatible(state.fingerprint, state.analyzer, spec)
        tables.commit()
    except BaseException:
        tables.rollback()
        raise
    return state
