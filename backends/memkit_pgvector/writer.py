"""Calls that write, gathered: what waits while one transaction runs is the next one."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence

from memkit.errors import MemkitError, StoreClosed, StoreCorrupt, StoreUnavailable
from memkit.protocols import Operation, WriteResult
from memkit.retrying import Patience
from memkit_pgvector.binding import Raw
from memkit_pgvector.database import Database
from memkit_pgvector.driver import is_lost, is_passing, is_undefined_table, state_of, told
from memkit_pgvector.keys import token_of
from memkit_pgvector.schema import CHANGES_KEPT
from memkit_pgvector.vectors import make_vectors
from memkit_pgvector.writing import Call, Transaction, VectorsNeeded

# While one transaction waits for the disk the next is under way.
_WORKERS = 2
# So many operations at most are gathered into one transaction.
_GATHERED = 256
_PATIENCE = Patience(retries=1_000_000, first_wait=0.01, longest_wait=0.5)
# How many transactions, and changes, pass between two looks at whether old ones can go.
_RECEIPTS_EVERY = 512
_CHANGES_EVERY = 8192
_RECEIPT_SECONDS = 3600.0

# Errors that are not of one call's own making.
_OF_ALL = (StoreUnavailable, StoreClosed, StoreCorrupt)

_TRIM_RECEIPTS = "DELETE FROM @.receipts WHERE token < $1::uuid"
_TRIM_CHANGES = (
    "WITH last AS (SELECT position FROM @.changes "
    f"ORDER BY position DESC OFFSET {CHANGES_KEPT} LIMIT 1), "
    "begun AS (UPDATE @.store SET feed_start = greatest(feed_start, last.position) FROM last) "
    "DELETE FROM @.changes WHERE position <= (SELECT position FROM last)"
)


class Writer:
    """Writes to a database, on its event loop."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: deque[Call] = deque()
        self._workers: set[asyncio.Task[None]] = set()
        self._known: set[bytes] = set()
        self._closed = False
        self._receipts = 0
        self._changes = 0

    async def write(self, operations: Sequence[Operation]) -> list[WriteResult]:
        """Carry out a batch; it is finished even if the caller gives up."""
        if self._closed:
            raise StoreClosed("the store was closed")
        call = Call(operations)
        self._waiting.append(call)
        if len(self._workers) < _WORKERS:
            worker = asyncio.create_task(self._work())
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)
        await call.done
        if call.error is not None:
            raise call.error
        return call.results

    async def close(self) -> None:
        """Finish what was accepted."""
        self._closed = True
        while self._workers:
            await asyncio.wait(self._workers)

    async def _work(self) -> None:
        while self._waiting:
            await self._settle(self._gathered())

    def _gathered(self) -> list[Call]:
        calls = [self._waiting.popleft()]
        size = len(calls[0].operations)
        while self._waiting and size + len(self._waiting[0].operations) <= _GATHERED:
            calls.append(self._waiting.popleft())
            size += len(calls[-1].operations)
        return calls

    async def _settle(self, calls: Sequence[Call]) -> None:
        """Carry calls out and tell those who wait for them."""
        try:
            with told(self._database.location):
                await self._commit(calls)
        except BaseException as error:
            if isinstance(error, MemkitError) and not isinstance(error, _OF_ALL) and len(calls) > 1:
                # One of them cannot be stored: the others are not to suffer for it.
                for call in calls:
                    await self._settle([call])
                return
            for call in calls:
                call.error = error if isinstance(error, Exception) else StoreClosed("closed")
            if not isinstance(error, Exception):
                raise
        finally:
            for call in calls:
                if not call.done.done():
                    call.done.set_result(None)

    async def _commit(self, calls: Sequence[Call]) -> None:
        import psycopg

        database = self._database
        transaction = Transaction(calls, database.names, database.spec)
        deadline = time.monotonic() + database.settings.retry_seconds
        attempt = 0
        while True:
            try:
                await self._try(transaction)
                break
            except VectorsNeeded as needed:
                await make_vectors(database, needed.dimension)
                continue
            except psycopg.Error as error:
                if _is_receipt(error):
                    # An earlier try was committed after all.
                    break
                wait = _PATIENCE.wait(attempt) or 0.0
                if not self._can_pass(error) or time.monotonic() + wait > deadline:
                    raise
            attempt += 1
            await asyncio.sleep(wait)
        await self._trim(transaction)

    def _can_pass(self, error: Exception) -> bool:
        several = self._database.settings.hosts > 1
        return (
            is_lost(error)
            or is_passing(error)
            # Finished or begun re-embeddings: the next try sees the tables as they are.
            or is_undefined_table(error)
            # The primary became a standby: another host is the primary now.
            or (several and state_of(error) == "25006")
        )

    async def _try(self, transaction: Transaction) -> None:
        database = self._database
        async with database.writing() as connection:
            try:
                tell_wal = database.settings.reads == "standby"
                await transaction.run(connection, self._known, tell_wal=tell_wal)
            except BaseException:
                # What is prepared on it is uncertain when a pipeline breaks off.
                await connection.close()
                raise
        if transaction.written is not None:
            database.written = transaction.written

    async def _trim(self, transaction: Transaction) -> None:
        """Let old receipts and changes go, once in a while; it can wait if it fails."""
        import psycopg

        self._receipts += 1
        self._changes += transaction.changes
        names = self._database.names
        try:
            if self._receipts >= _RECEIPTS_EVERY:
                self._receipts = 0
                async with self._database.writing() as connection:
                    token = Raw(token_of(_RECEIPT_SECONDS))
                    await connection.execute(names.sql(_TRIM_RECEIPTS), [token])
            if self._changes >= _CHANGES_EVERY:
                self._changes = 0
                await self.trim_changes()
        except (psycopg.Error, MemkitError):
            return

    async def trim_changes(self) -> None:
        """Keep the newest changes alone."""
        async with self._database.writing() as connection:
            await connection.execute(self._database.names.sql(_TRIM_CHANGES))


def _is_receipt(error: Exception) -> bool:
    import psycopg

    return isinstance(error, psycopg.errors.UniqueViolation) and (
        error.diag.table_name == "receipts"
    )
