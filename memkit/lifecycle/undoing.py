"""Undoing a run: what it archived comes back, what it made goes without a trace."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from memkit.clock import utc_now
from memkit.errors import MemkitError
from memkit.filters import And, Eq, Filter, In
from memkit.lifecycle.archiving import bring_back
from memkit.lifecycle.erasure import erase_found
from memkit.protocols import Maintenance, Stored
from memkit.retrieval.gating import gate
from memkit.runs import Lease, Run, RunState
from memkit.runs.keeping import patch_of, run_from, stored
from memkit.runs.passing import LEASE_SECONDS
from memkit.scope import Reach, Scope
from memkit.types import MemoryRecord, State

if TYPE_CHECKING:
    from memkit.engine import Engine, Progress

#: Brings what follows from facts in line, once some of them are gone or back.
Settle: TypeAlias = Callable[["Engine", Sequence[MemoryRecord]], Awaitable[Any]]

_PAGE: Final = 500


async def undo_run(
    engine: Engine,
    scope: Scope,
    id_: str,
    progress: Progress | None = None,
    *,
    settle: Settle | None = None,
) -> Run:
    """Take a run back: records that it archived are active again, those that it made are erased.

    Called again, or after it was interrupted, it does what is left. An interrupted run that was
    undone is not gone on with.

    Args:
        engine: the engine of the store.
        scope: where the caller stands; it must cover the run's scope.
        id_: the run.
        progress: told ``(done, total)`` in records.
        settle: told of the facts among the records.

    Raises:
        RunNotFound: the scope shows no such run.
        RunActive: a run of the same operation is at work in the namespace.
    """
    operation = run_from(await stored(engine, scope, id_)).operation
    lease = Lease(engine, scope.namespace, operation, LEASE_SECONDS)
    await lease.take(id_)
    try:
        return await _Undoing(engine, scope, lease, id_, progress, settle).run()
    except BaseException:
        with suppress(MemkitError):
            await lease.release()
        raise


class _Undoing:
    """An undo at work."""

    def __init__(
        self,
        engine: Engine,
        scope: Scope,
        lease: Lease,
        id_: str,
        progress: Progress | None,
        settle: Settle | None,
    ) -> None:
        self._engine = engine
        self._scope = scope
        self._lease = lease
        self._id = id_
        self._progress = progress
        self._settle = settle
        self._done = 0
        self._total = 0

    async def run(self) -> Run:
        """Undo it; the run as it is then."""
        # As it was left: somebody may have worked on it until the lease was taken.
        record = await stored(self._engine, self._scope, self._id)
        if record.tags != (RunState.UNDONE.value,):
            # Half undone it must not be gone on with.
            left = replace(run_from(record), state=RunState.DONE.value, cursor=None)
            patch = patch_of(record, left)
            await self._lease.renew(self._id, patch)
            record = patch.record
        archived = self._its(And((Eq("archived_by", self._id), Eq("state", State.ARCHIVED.value))))
        made = self._its(Eq("run", self._id))
        self._total = await self._count(archived) + await self._count(made)
        restored = await self._each(archived, self._restore)
        erased = await self._each(made, self._erase)
        backend = self._engine.backend
        if erased and isinstance(backend, Maintenance):
            await backend.purge()
        run = run_from(record)
        counts = {
            **run.counts,
            "restored": run.counts.get("restored", 0) + restored,
            "erased": run.counts.get("erased", 0) + erased,
        }
        undone = replace(run, state=RunState.UNDONE.value, counts=counts, updated_at=utc_now())
        patch = patch_of(record, undone)
        await self._lease.release(patch)
        return run_from(patch.record)

    def _its(self, what: Filter) -> Filter:
        # Whether they have expired or not: the run touched them.
        return And((what, self._scope.readable(Reach.SUBTREE)))

    async def _count(self, wanted: Filter) -> int:
        counted = await self._engine.backend.count(self._scope.namespace, wanted)
        return counted.get("", 0)

    async def _each(
        self, wanted: Filter, work: Callable[[list[Stored]], Awaitable[list[MemoryRecord]]]
    ) -> int:
        """Do something to all records that match, page by page; to how many it was done."""
        cursor: str | None = None
        done = 0
        allowed = gate(self._scope, wanted)
        while True:
            page = await self._engine.backend.scan(
                self._scope.namespace, wanted, cursor=cursor, limit=_PAGE, vectors=True
            )
            found = [item for item in page.items if allowed(item.record)]
            if found:
                changed = await work(found)
                if self._settle is not None:
                    await self._settle(self._engine, changed)
                done += len(changed)
                self._done += len(found)
            await self._lease.renew(self._id)
            if self._progress is not None:
                self._progress(self._done, max(self._done, self._total))
            cursor = page.cursor
            if cursor is None:
                return done

    async def _restore(self, found: list[Stored]) -> list[MemoryRecord]:
        return await bring_back(self._engine, found)

    async def _erase(self, found: list[Stored]) -> list[MemoryRecord]:
        records = [item.record for item in found]
        await self._free(records)
        await erase_found(self._engine, self._scope, records)
        return records

    async def _free(self, doomed: Sequence[MemoryRecord]) -> None:
        """Make texts active that were merged into what goes, or were replaced by it."""
        behind = In("superseded_by", tuple(record.id for record in doomed))
        cursor: str | None = None
        while True:
            page = await self._engine.backend.scan(
                self._scope.namespace, behind, cursor=cursor, limit=_PAGE, vectors=True
            )
            # Of facts it is worked out anew what holds; what the run made goes itself.
            await bring_back(
                self._engine,
                [
                    item
                    for item in page.items
                    if item.record.subject is None
                    and item.record.run != self._id
                    and item.record.state in (State.MERGED, State.SUPERSEDED)
                ],
            )
            cursor = page.cursor
            if cursor is None:
                return
