"""The one thread of a process that writes to a store: what waits is committed as a group."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

from memkit.errors import StoreClosed
from memkit_sqlite.driver import store_error
from memkit_sqlite.tables import Tables

T = TypeVar("T")
# A group is closed once it holds this many operations, so that those who wait are not kept
# waiting by those who come.
_GROUP_OPERATIONS = 4000


@dataclass(slots=True)
class _Job(Generic[T]):
    work: Callable[[Tables], T]
    future: Future[T]
    weight: int
    alone: bool


class Writer:
    """Runs jobs on a store's tables, in order, each wholly or not at all.

    Jobs that wait together share one transaction, with a savepoint for each: a job that fails
    undoes itself only; if the transaction fails, all of them fail and nothing is kept.
    """

    def __init__(self, tables: Tables, location: str) -> None:
        self._tables = tables
        self._location = location
        self._queue: SimpleQueue[_Job[Any] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._closing = False
        # A daemon: a program that ends without closing the store is not kept alive by it.
        self._thread = threading.Thread(target=self._run, name="memkit-sqlite", daemon=True)
        self._thread.start()

    def submit(
        self, work: Callable[[Tables], T], weight: int = 1, *, alone: bool = False
    ) -> Future[T]:
        """Have a job run; its result comes once it is durable.

        A job that is cancelled before its turn is not run. ``alone``: outside a transaction.

        Raises:
            StoreClosed: it is closed.
        """
        future: Future[T] = Future()
        with self._lock:
            if self._closing:
                raise StoreClosed("the store is closed: open it again")
            self._queue.put(_Job(work, future, weight, alone))
        return future

    def close(self) -> None:
        """Finish what was submitted, then free the connection; waits for it."""
        with self._lock:
            if not self._closing:
                self._closing = True
                self._queue.put(None)
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        job = self._queue.get()
        while job is not None:
            group, following = self._group(job)
            group = [member for member in group if member.future.set_running_or_notify_cancel()]
            if group and group[0].alone:
                self._run_alone(group[0])
            elif group:
                self._run_group(group)
            del group
            job = self._queue.get() if following is _NOTHING else following
        self._tables.connection.close()

    def _group(self, first: _Job[Any]) -> tuple[list[_Job[Any]], _Job[Any] | None]:
        """The jobs to run together, and what was taken from the queue beyond them."""
        group = [first]
        weight = first.weight
        while not first.alone and weight < _GROUP_OPERATIONS:
            try:
                job = self._queue.get_nowait()
            except Empty:
                break
            if job is None or job.alone:
                return group, job
            group.append(job)
            weight += job.weight
        return group, _NOTHING

    def _run_alone(self, job: _Job[Any]) -> None:
        # Whatever goes wrong belongs to who submitted the job, and must not end the thread.
        try:
            result = job.work(self._tables)
        except BaseException as error:  # noqa: BLE001 - raised where it is awaited
            job.future.set_exception(self._told(error))
        else:
            job.future.set_result(result)

    def _run_group(self, group: list[_Job[Any]]) -> None:
        try:
            self._tables.begin()
            outcomes = self._in_transaction(group)
            self._tables.commit()
        except BaseException as error:  # noqa: BLE001 - raised where it is awaited
            self._tables.rollback()
            for job in group:
                job.future.set_exception(self._told(error))
            return
        for job, (result, failure) in zip(group, outcomes, strict=True):
            if failure is None:
                job.future.set_result(result)
            else:
                job.future.set_exception(failure)

    def _in_transaction(self, group: list[_Job[Any]]) -> list[tuple[Any, BaseException | None]]:
        if len(group) == 1:
            return [(group[0].work(self._tables), None)]
        outcomes: list[tuple[Any, BaseException | None]] = []
        for job in group:
            self._tables.savepoint()
            try:
                outcomes.append((job.work(self._tables), None))
            except BaseException as error:
                if not self._tables.connection.in_transaction or _is_the_stores(error):
                    raise
                self._tables.undo()
                outcomes.append((None, self._told(error)))
            else:
                self._tables.release()
        return outcomes

    def _told(self, error: BaseException) -> BaseException:
        import apsw

        if isinstance(error, apsw.Error | UnicodeEncodeError | OverflowError):
            told = store_error(error, self._location, self._tables.connection)
            told.__cause__ = error
            return told
        return error


_NOTHING: _Job[Any] = _Job(lambda tables: None, Future(), 0, True)


def _is_the_stores(error: BaseException) -> bool:
    """Whether the failure is the store's, so that no other job can succeed either."""
    import apsw

    return isinstance(error, apsw.Error) and not isinstance(
        error, apsw.ConstraintError | apsw.TooBigError | apsw.MismatchError | apsw.SQLError
    )
