"""A run at work: begun, told how far it is, finished or interrupted."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Final

from memkit.clock import utc_now
from memkit.errors import MemkitError, RunActive, StoreError
from memkit.protocols import Duplicate
from memkit.runs.keeping import (
    Run,
    RunState,
    new_run,
    patch_of,
    prune,
    put_of,
    run_from,
    unfinished,
)
from memkit.runs.leases import Lease
from memkit.scope import Scope
from memkit.types import MemoryRecord

if TYPE_CHECKING:
    from memkit.engine import Engine, Progress

#: After so many seconds of silence a run is taken to be dead.
LEASE_SECONDS: Final = 60.0


def begin(
    engine: Engine,
    scope: Scope,
    operation: str,
    *,
    progress: Progress | None = None,
    resume: bool = True,
    lease_seconds: float = LEASE_SECONDS,
) -> ActiveRun:
    """A run of an operation, for ``async with``: one at a time in a namespace.

    Entered, it goes on with the run of the same scope and operation that was interrupted last,
    if ``resume``, else it is a new one. Left, it is done; left by an exception or a cancellation,
    it is interrupted.

    Args:
        engine: the engine of the store.
        scope: where the run works.
        operation: a short name.
        progress: told ``(done, total)`` at each step.
        resume: go on with what was interrupted.
        lease_seconds: after so long without a sign of life another process may take over.

    Raises:
        RunActive: on entering, another run of the operation is at work in the namespace.
    """
    return ActiveRun(engine, scope, operation, progress, resume, lease_seconds)


class ActiveRun:
    """A run at work, as :func:`begin` gives it.

    Attributes:
        run: the run, as it was last written.
        resumed: whether it goes on with one that was interrupted.
    """

    run: Run
    resumed: bool = False

    def __init__(
        self,
        engine: Engine,
        scope: Scope,
        operation: str,
        progress: Progress | None,
        resume: bool,
        lease_seconds: float,
    ) -> None:
        self._engine = engine
        self._scope = scope
        self._operation = operation
        self._progress = progress
        self._resume = resume
        self._seconds = lease_seconds
        self._lease = Lease(engine, scope.namespace, operation, lease_seconds)
        self._lock = asyncio.Lock()
        self._record: MemoryRecord
        self._over = asyncio.Event()
        self._beat: asyncio.Task[None] | None = None
        self._lost: RunActive | None = None

    @property
    def id(self) -> str:
        """The run's id: ``archived_by`` and ``run`` of the records it touches."""
        return self.run.id

    async def __aenter__(self) -> ActiveRun:
        self._engine.require_open()
        await self._lease.take()
        try:
            await self._start()
        except BaseException:
            with suppress(MemkitError):
                await self._lease.release()
            raise
        self._beat = asyncio.create_task(self._keep_alive())
        return self

    async def _start(self) -> None:
        before = await unfinished(self._engine, self._scope, self._operation)
        if before is not None and self._resume:
            self.resumed = True
            self._record = before
            await self._write(replace(run_from(before), state=RunState.RUNNING.value))
            return
        self.run = new_run(self._scope, self._operation)
        put = put_of(self.run, self._scope.author)
        (result,) = await self._engine.backend.write((put,))
        if isinstance(result, Duplicate):
            raise RunActive(f"a run of {self._operation} has just begun: try again")
        self._record = put.record
        await self._write(self.run)

    async def advance(
        self,
        *,
        done: int | None = None,
        total: int | None = None,
        cursor: str | None = None,
        counts: Mapping[str, int] | None = None,
    ) -> None:
        """Keep how far the run is, and its lease; what is not given stays as it is.

        Args:
            done: how far it is, from the beginning.
            total: out of how many.
            cursor: where it goes on if it is interrupted now.
            counts: what it has done since the beginning, by name; other names stay.

        Raises:
            RunActive: it was silent for too long, and another process has taken over.
        """
        run = self.run
        run = replace(
            run,
            done=run.done if done is None else done,
            total=run.total if total is None else total,
            cursor=run.cursor if cursor is None else cursor,
            counts=run.counts if counts is None else {**run.counts, **counts},
        )
        async with self._lock:
            self._require_held()
            await self._write(run)
        if self._progress is not None:
            self._progress(run.done, run.total)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        if self._beat is not None:
            await asyncio.wait({self._beat})
        if error is None:
            self._require_held()
            await self._finish(replace(self.run, state=RunState.DONE.value, cursor=None))
            # It is done, whatever becomes of old ones.
            with suppress(StoreError):
                await prune(self._engine, self._scope.namespace)
        elif self._lost is None:
            # What went wrong is told, not that it could not be noted.
            with suppress(MemkitError):
                await self._finish(replace(self.run, state=RunState.INTERRUPTED.value))

    async def _write(self, run: Run) -> None:
        # Seen through to its end when cancelled: what is stored must be known to go on from.
        task = asyncio.create_task(self._written(run))
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait({task})
            raise

    async def _written(self, run: Run, *, last: bool = False) -> None:
        patch = patch_of(self._record, replace(run, updated_at=_later(run.updated_at)))
        try:
            if last:
                await self._lease.release(patch)
            else:
                await self._lease.renew(run.id, patch)
        except RunActive as error:
            self._lost = error
            raise
        self._record, self.run = patch.record, run_from(patch.record)

    async def _finish(self, run: Run) -> None:
        async with self._lock:
            await self._written(run, last=True)

    def _require_held(self) -> None:
        if self._lost is not None:
            raise self._lost

    async def _keep_alive(self) -> None:
        """Renew the lease while one step takes long."""
        while self._lost is None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), self._seconds / 3)
                return
            # The store may be back before the lease runs out; its failure shows at a step.
            with suppress(MemkitError):
                async with self._lock:
                    await self._written(self.run)


def _later(before: datetime) -> datetime:
    """Now, or a clock set back shows as no time gone by."""
    return max(before, utc_now())
