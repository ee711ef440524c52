"""The state of the control data as of now: one tiny read that concurrent requests share."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future

from memkit.errors import MemkitError, StoreClosed, StoreCorrupt, StoreError
from memkit.server.control.database import Database
from memkit.server.control.failures import persistently
from memkit.server.control.snapshot import Snapshot, renewed


class Watch:
    """Reads in a thread of its own, on behalf of all that asked before the read began."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._snapshot = Snapshot()
        self._condition = threading.Condition()
        self._waiting: list[Future[Snapshot]] = []
        # Those that the read which goes on is for.
        self._asked: list[Future[Snapshot]] = []
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="memkit-control", daemon=True)
        self._thread.start()

    async def current(self) -> Snapshot:
        """The data as they were at some moment after this call.

        Raises:
            StoreError: they cannot be read.
        """
        future: Future[Snapshot] = Future()
        with self._condition:
            if self._closing:
                raise StoreClosed("the control store has been closed")
            self._waiting.append(future)
            self._condition.notify()
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """Answer those that asked, then end."""
        with self._condition:
            self._closing = True
            self._condition.notify()
        self._thread.join()

    def _run(self) -> None:
        try:
            while self._next():
                self._answer()
        finally:
            # Only an error in here ends it early: nobody must wait for ever then.
            with self._condition:
                self._closing = True
                for future in (*self._asked, *self._waiting):
                    if not future.done():
                        future.set_exception(StoreError("the control store failed"))

    def _next(self) -> bool:
        with self._condition:
            while not self._waiting and not self._closing:
                self._condition.wait()
            waiting, self._waiting = self._waiting, []
        self._asked = [future for future in waiting if future.set_running_or_notify_cancel()]
        return bool(waiting)

    def _answer(self) -> None:
        if not self._asked:
            return
        try:
            snapshot = persistently(self._read)
        except MemkitError as error:
            for future in self._asked:
                future.set_exception(error)
            return
        for future in self._asked:
            future.set_result(snapshot)

    def _read(self) -> Snapshot:
        seen = self._snapshot
        if self._database.revisions() != (seen.revision, seen.channels_revision):
            try:
                with self._database.reading() as connection:
                    self._snapshot = renewed(seen, connection)
            except (KeyError, TypeError, ValueError) as error:
                raise StoreCorrupt(
                    "the control store holds what memkit did not write: restore it from a copy"
                ) from error
        return self._snapshot
