"""The one thread of a process that writes to a store: what waits is committed as a group."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

from memkit.backing.locks import alone
from memkit.errors import MemkitError, StoreClosed, StoreUnavailable
from memkit.protocols import Operation, WriteResult
from memkit_chroma.drafts import Draft
from memkit_chroma.flushing import Flusher
from memkit_chroma.ledger import Overtaken
from memkit_chroma.partition import Partition
from memkit_chroma.reembedding import Reembedding
from memkit_chroma.session import Session

# A group is closed once it holds this many operations: those who wait are not kept waiting by
# those who come.
_GROUP_OPERATIONS = 1000
# The log is brought into the rows once this much of it waits, or nobody writes for a moment.
_FLUSHED_STEPS = 1000
_QUIET_SECONDS = 0.5
# The longest wait between two tries, if another process is at it or the server is away.
_LONGEST_QUIET = 16.0
# How often a commit is tried when other processes come first, and the longest wait between.
_RACES = 200
_LONGEST_WAIT = 0.5


@dataclass(slots=True)
class _Job:
    """A batch, or (``alone``) something else that must not run beside a commit."""

    batch: Sequence[Operation]
    work: Callable[[], Any] | None
    future: Future[Any]


class Writer:
    """Commits batches in the order they came, each wholly or not at all."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.flusher = Flusher(session)
        self.reembedding = Reembedding(session, self.flusher)
        self._queue: SimpleQueue[_Job | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._closing = False
        self._quiet = _QUIET_SECONDS
        # A daemon: a program that ends without closing the store is not kept alive by it.
        self._thread = threading.Thread(target=self._run, name="memkit-chroma", daemon=True)
        self._thread.start()

    def submit(self, batch: Sequence[Operation]) -> Future[list[WriteResult]]:
        """Have a batch written; a future that is cancelled before its turn is not."""
        return self._put(_Job(batch, None, Future()))

    def run(self, work: Callable[[], Any]) -> Future[Any]:
        """Have something done between two commits."""
        return self._put(_Job((), work, Future()))

    def _put(self, job: _Job) -> Future[Any]:
        with self._lock:
            if self._closing:
                raise StoreClosed("the store is closed: open it again")
            self._queue.put(job)
        return job.future

    def close(self) -> None:
        """Finish what was submitted; waits for it."""
        with self._lock:
            if not self._closing:
                self._closing = True
                self._queue.put(None)
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        following: list[_Job | None] = []
        while True:
            try:
                job = following.pop() if following else self._next()
            except Empty:
                self._flush()
                continue
            if job is None:
                break
            if job.work is not None:
                self._run_alone(job)
            else:
                group = self._group(job, following)
                self._run_group(group)
                del group
                if self._session.memory.waiting > _FLUSHED_STEPS:
                    self._flush()
            del job
        self._flush()

    def _next(self) -> _Job | None:
        if self._session.memory.tail:
            return self._queue.get(timeout=self._quiet)
        return self._queue.get()

    def _group(self, first: _Job, following: list[_Job | None]) -> list[_Job]:
        group = [first]
        weight = len(first.batch)
        while weight < _GROUP_OPERATIONS:
            try:
                job = self._queue.get_nowait()
            except Empty:
                break
            if job is None or job.work is not None:
                following.append(job)
                break
            group.append(job)
            weight += len(job.batch)
        return group

    def _run_alone(self, job: _Job) -> None:
        if not job.future.set_running_or_notify_cancel() or job.work is None:
            return
        # Whatever goes wrong belongs to who submitted the job, and must not end the thread.
        try:
            result = job.work()
        except BaseException as error:  # noqa: BLE001 - raised where it is awaited
            job.future.set_exception(error)
        else:
            job.future.set_result(result)

    def _run_group(self, group: list[_Job]) -> None:
        group = [job for job in group if job.future.set_running_or_notify_cancel()]
        try:
            outcomes = self._commit([job.batch for job in group])
        except BaseException as error:  # noqa: BLE001 - raised where it is awaited
            for job in group:
                job.future.set_exception(error)
            return
        for job, outcome in zip(group, outcomes, strict=True):
            if isinstance(outcome, BaseException):
                job.future.set_exception(outcome)
            else:
                job.future.set_result(outcome)

    def _commit(self, batches: list[Sequence[Operation]]) -> list[list[WriteResult] | MemkitError]:
        """Write batches as one commit; each one's results, or why nothing of it was written."""
        session = self._session
        if not batches:
            return []
        attempt = 0
        while True:
            began = time.monotonic()
            with session.ledger_lock, alone(session.queue):
                if session.shared or session.ledger.unsure:
                    session.catch_up_now()
                draft, outcomes = self._draft(batches)
                if not draft.steps and draft.state is None:
                    return outcomes
                try:
                    if session.ledger.commit(draft.steps, draft.state):
                        return outcomes
                except Overtaken:
                    session.restart()
            attempt += 1
            if attempt == _RACES:
                raise StoreUnavailable(
                    f"{session.gateway.place.location}: other processes write all the time: try "
                    "again"
                )
            # As long as a commit takes, and longer the more often it was lost: others then
            # have theirs done by the time that this one tries again.
            taken = time.monotonic() - began
            time.sleep(random.uniform(0, min(_LONGEST_WAIT, taken * 2.0 ** min(attempt, 4))))

    def _draft(
        self, batches: list[Sequence[Operation]]
    ) -> tuple[Draft, list[list[WriteResult] | MemkitError]]:
        session = self._session
        while True:
            position = session.ledger.position
            with session.memory.lock:
                draft = Draft(_Loading(session), session.state, session.spec)
                outcomes = [_applied(draft, batch) for batch in batches]
            # While a namespace was loaded for it, other processes may have committed.
            if session.ledger.position == position:
                return draft, outcomes

    def _flush(self) -> None:
        """Bring the rows up to the log; if that fails, the log still holds everything."""
        try:
            done = self.flusher.flush()
        except MemkitError:
            # Nothing is lost, and whoever writes or reads next is told if it still fails.
            self._session.gateway.forget()
            done = False
        self._quiet = _QUIET_SECONDS if done else min(2 * self._quiet, _LONGEST_QUIET)


def _applied(draft: Draft, batch: Sequence[Operation]) -> list[WriteResult] | MemkitError:
    try:
        return draft.apply(batch)
    except MemkitError as error:
        return error


class _Loading(dict[str, Partition]):
    """Namespaces by name, loaded when they are first asked for, the same ones all along."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session

    def __missing__(self, name: str) -> Partition:
        partition = self[name] = self._session.look(name, lambda partition: partition)
        return partition
