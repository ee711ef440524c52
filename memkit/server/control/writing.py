"""Writing the audit: concurrent entries share one transaction, reads wait for company."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, insert, select, update

from memkit.errors import MemkitError, StoreClosed, StoreError
from memkit.server.control.database import Database
from memkit.server.control.entries import AuditEntry
from memkit.server.control.failures import persistently
from memkit.server.control.tables import audit, audit_records, tokens

#: So many entries wait at most before those who bring more have to wait too.
CAPACITY: Final = 10_000
_BATCH: Final = 1_000
# How long what may wait does; it is on disk within a second.
_PATIENCE_SECONDS = 0.5
_RETRY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class TokenUse:
    """That a token was used at a time."""

    token: str
    at: datetime


# Nothing stands for what is there to be waited for alone.
Item = AuditEntry | TokenUse | None
_Queued = tuple[Item, Future[None] | None]


class AuditWriter:
    """Writes in a thread of its own, one transaction after the other.

    Args:
        database: the control store's.
        capacity: how many entries may wait.
    """

    def __init__(self, database: Database, capacity: int = CAPACITY) -> None:
        self._database = database
        self._capacity = capacity
        self._condition = threading.Condition()
        self._queue: deque[_Queued] = deque()
        # How many somebody waits for, and since when the oldest of the others is there.
        self._urgent = 0
        self._since = 0.0
        self._closing = False
        self._failure: MemkitError | None = None
        self._thread = threading.Thread(target=self._run, name="memkit-audit", daemon=True)
        self._thread.start()

    async def write(self, entry: AuditEntry) -> None:
        """Keep an entry: at once if it is to be durable or the queue is full, else soon.

        Raises:
            StoreError: it could not be written, or the writer is closed.
        """
        future: Future[None] | None = None
        with self._condition:
            self._check_open()
            if entry.durable or len(self._queue) >= self._capacity:
                future = Future()
            self._put(entry, future)
        if future is not None:
            await asyncio.wrap_future(future)

    async def flush(self) -> None:
        """Wait until all that was brought so far is on disk.

        Raises:
            StoreError: it could not be written.
        """
        future: Future[None] = Future()
        with self._condition:
            self._check_open()
            self._put(None, future)
        await asyncio.wrap_future(future)

    def note(self, use: TokenUse) -> None:
        """Keep that a token was used, if there is room."""
        with self._condition:
            if not self._closing and len(self._queue) < self._capacity:
                self._put(use, None)

    def _put(self, item: Item, future: Future[None] | None) -> None:
        if not self._queue:
            self._since = time.monotonic()
            self._condition.notify()
        self._queue.append((item, future))
        if future is not None:
            self._urgent += 1
        if future is not None or len(self._queue) == _BATCH:
            self._condition.notify()

    def close(self) -> None:
        """Write what is left, then end.

        Raises:
            StoreError: it could not be written.
        """
        with self._condition:
            self._closing = True
            self._condition.notify()
        self._thread.join()
        if self._queue and self._failure is not None:
            raise StoreError(
                f"{len(self._queue)} entries of the audit could not be written: {self._failure}"
            )

    def _check_open(self) -> None:
        if self._closing:
            raise StoreClosed("the control store has been closed")

    def _run(self) -> None:
        try:
            while batch := self._next():
                if not self._write(batch) and self._closing:
                    return
        finally:
            # Only an error in here ends it early: nobody must wait for ever then.
            with self._condition:
                self._closing = True
                for _, future in self._queue:
                    if future is not None and not future.done():
                        future.set_exception(StoreError("the audit's writer failed"))

    def _next(self) -> list[_Queued]:
        with self._condition:
            while not self._due():
                left = self._since + _PATIENCE_SECONDS - time.monotonic()
                self._condition.wait(max(left, 0.001) if self._queue else None)
            size = min(len(self._queue), _BATCH)
            batch = [self._queue.popleft() for _ in range(size)]
            self._urgent -= sum(future is not None for _, future in batch)
            self._since = time.monotonic()
            return batch

    def _due(self) -> bool:
        if self._closing or self._urgent or len(self._queue) >= _BATCH:
            return True
        return bool(self._queue) and time.monotonic() >= self._since + _PATIENCE_SECONDS

    def _write(self, batch: list[_Queued]) -> bool:
        kept = [(item, self._awaited(future)) for item, future in batch]
        try:
            persistently(lambda: write_items(self._database, [item for item, _ in kept]))
        except MemkitError as error:
            self._keep(kept, error)
            return False
        self._failure = None
        for _, future in kept:
            if future is not None:
                future.set_result(None)
        return True

    @staticmethod
    def _awaited(future: Future[None] | None) -> Future[None] | None:
        """Whom to tell; whoever was cancelled is not told, and takes no entry back."""
        waits = future is not None and future.set_running_or_notify_cancel()
        return future if waits else None

    def _keep(self, batch: list[_Queued], error: MemkitError) -> None:
        """Tell all that wait; put back what nobody was told about, for another try in a while."""
        with self._condition:
            self._failure = error
            # Those behind a batch that cannot be written would never get their turn.
            rest = [(item, self._awaited(future)) for item, future in self._queue]
            waiting = [future for _, future in (*batch, *rest) if future is not None]
            untold = [(item, None) for item, future in (*batch, *rest) if future is None]
            self._queue = deque(untold)
            self._urgent = 0
            for future in waiting:
                future.set_exception(error)
            if not self._closing:
                self._condition.wait(_RETRY_SECONDS)
            self._since = time.monotonic()


def write_items(database: Database, items: Sequence[Item]) -> None:
    """Write entries and uses of tokens, all or none; entries that are there stay as they are."""
    entries = {item.id: item for item in items if isinstance(item, AuditEntry)}
    uses = {item.token: item.at for item in items if isinstance(item, TokenUse)}
    if not entries and not uses:
        return
    with database.writing() as connection:
        if entries:
            # A try whose answer was lost may have been done.
            there = select(audit.c.id).where(audit.c.id.in_(list(entries)))
            for id_ in connection.execute(there).scalars():
                del entries[id_]
        if entries:
            connection.execute(insert(audit), [_row(entry) for entry in entries.values()])
        records = [
            {"record": record, "entry": entry.id}
            for entry in entries.values()
            for record in entry.records
        ]
        if records:
            connection.execute(insert(audit_records), records)
        if uses:
            # No change of what a token may do: the revision stays.
            connection.execute(
                update(tokens).where(tokens.c.id == bindparam("token")),
                [{"token": token, "last_used_at": at} for token, at in sorted(uses.items())],
            )


def _row(entry: AuditEntry) -> dict[str, Any]:
    return {**asdict(entry), "records": json.dumps(entry.records)}
