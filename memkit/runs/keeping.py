"""Runs as they are kept: one small record each, in memkit's own namespace."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from memkit.clock import new_id, utc_now
from memkit.errors import InvalidInput, RunNotFound, StoreCorrupt
from memkit.filters import And, ContainsAny, Eq, Exists, Filter, Not, predicate
from memkit.own import changed, created
from memkit.protocols import Delete, Order, Patch, Put
from memkit.runs.leases import working
from memkit.scope import SYSTEM_NAMESPACE, Reach, Scope
from memkit.types import MemoryRecord, Visibility
from memkit.validation import check_count, check_id

if TYPE_CHECKING:
    from memkit.engine import Engine

#: A namespace keeps so many runs; older ones can be neither listed nor undone.
KEPT: Final = 200
_KIND: Final = "run"
_OLDEST: Final = Order("created_at", descending=False)


class RunState(StrEnum):
    """Where a run stands."""

    RUNNING = "running"
    #: It failed, was cancelled or its process died: beginning it again goes on with it.
    INTERRUPTED = "interrupted"
    DONE = "done"
    UNDONE = "undone"


@dataclass(frozen=True, slots=True)
class Run:
    """A pass over many records.

    Attributes:
        id: UUIDv7. What the run archived has it as ``archived_by``, what it made as ``run``.
        operation: what it does: ``sweep``, ``consolidation``, ``extraction``, ``reconciliation``.
        namespace, project, task, agent: the scope it was started in.
        state: see :class:`RunState`.
        started_at, updated_at: when it began, and when it was last heard of.
        done: how far it is, in what its operation counts.
        total: out of how many, where that is known.
        counts: what it has done so far, by name.
        cursor: where it goes on; what that means is its operation's matter.
    """

    id: str
    operation: str
    namespace: str
    project: str | None
    task: str | None
    agent: str | None
    state: str
    started_at: datetime
    updated_at: datetime
    done: int = 0
    total: int | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    cursor: str | None = None


def new_run(scope: Scope, operation: str) -> Run:
    """A run that starts now."""
    now = utc_now()
    place = (scope.namespace, scope.project, scope.task, scope.agent)
    return Run(new_id(), operation, *place, RunState.RUNNING.value, now, now)


async def runs(
    engine: Engine, scope: Scope, *, operation: str | None = None, limit: int = 20
) -> list[Run]:
    """The runs that were started in the scope or below it, newest first.

    Those that an agent started are shown to that agent alone.

    Raises:
        InvalidInput: ``limit`` is not 1 to 200, or the operation is no text.
    """
    engine.require_open()
    check_count(limit, "limit", 1, KEPT)
    if operation is not None and not isinstance(operation, str):
        raise InvalidInput("operation is the name of one, or None for all")
    wanted = _shown(scope)
    if operation is not None:
        wanted = And((wanted, Eq("speaker", operation)))
    page = await engine.backend.scan(SYSTEM_NAMESPACE, wanted, limit=limit)
    found = [_run(item.record) for item in page.items]
    return await _as_they_are(engine, scope, found)


async def run_of(engine: Engine, scope: Scope, id_: str) -> Run:
    """A run that the scope shows.

    Raises:
        RunNotFound: it shows none with this id.
    """
    (run,) = await _as_they_are(engine, scope, [_run(await stored(engine, scope, id_))])
    return run


async def stored(engine: Engine, scope: Scope, id_: str) -> MemoryRecord:
    """The record of a run that the scope shows.

    Raises:
        RunNotFound: it shows none with this id.
    """
    engine.require_open()
    check_id(id_)
    item = (await engine.backend.get(SYSTEM_NAMESPACE, (id_,))).get(id_)
    if item is None or not predicate(_shown(scope))(item.record.value_of):
        raise RunNotFound(f"no run {id_} is visible from this scope")
    return item.record


async def unfinished(engine: Engine, scope: Scope, operation: str) -> MemoryRecord | None:
    """The newest run of exactly this scope that was not finished; nobody may work on it."""
    labels = {"project": scope.project, "task": scope.task, "agent": scope.agent}
    wanted = And(
        (
            _of(scope.namespace),
            Eq("speaker", operation),
            ContainsAny("tags", (RunState.RUNNING.value, RunState.INTERRUPTED.value)),
            *(
                Not(Exists(name)) if value is None else Eq(name, value)
                for name, value in labels.items()
            ),
        )
    )
    page = await engine.backend.scan(SYSTEM_NAMESPACE, wanted, limit=1)
    return page.items[0].record if page.items else None


async def prune(engine: Engine, namespace: str) -> None:
    """Let the oldest runs go, beyond those that are kept."""
    wanted = _of(namespace)
    spare = (await engine.backend.count(SYSTEM_NAMESPACE, wanted)).get("", 0) - KEPT
    if spare <= 0:
        return
    page = await engine.backend.scan(SYSTEM_NAMESPACE, wanted, order=_OLDEST, limit=spare)
    oldest = [_run(item.record) for item in page.items]
    active = await working(engine, namespace, {run.operation for run in oldest})
    gone = [run.id for run in oldest if run.id not in active]
    await engine.backend.write([Delete(SYSTEM_NAMESPACE, id_) for id_ in gone])


def put_of(run: Run, author: str | None) -> Put:
    """What stores a new run."""
    private = Visibility.PRIVATE if run.agent is not None else Visibility.SHARED
    return created(
        run.id,
        _KIND,
        _content(run),
        run.started_at,
        project=run.project,
        task=run.task,
        agent=run.agent,
        updated_at=run.updated_at,
        tags=(run.state,),
        visibility=private.value,
        speaker=run.operation,
        source=run.namespace,
        author=author,
    )


def patch_of(record: MemoryRecord, run: Run) -> Patch:
    """What stores a run as it stands now."""
    return changed(record, _content(run), run.updated_at, tags=(run.state,))


def _content(run: Run) -> str:
    told = {
        "done": run.done,
        "total": run.total,
        "counts": dict(run.counts),
        "cursor": run.cursor,
    }
    return json.dumps(told, ensure_ascii=False)


def _run(record: MemoryRecord) -> Run:
    try:
        told = json.loads(record.content)
        return Run(
            id=record.id,
            operation=record.speaker or "",
            namespace=record.source or "",
            project=record.project,
            task=record.task,
            agent=record.agent,
            state=RunState(record.tags[0]).value,
            started_at=record.created_at,
            updated_at=record.updated_at,
            done=told["done"],
            total=told["total"],
            counts=dict(told["counts"]),
            cursor=told["cursor"],
        )
    except (ValueError, KeyError, TypeError, IndexError):
        raise StoreCorrupt(
            "what the store keeps of a run cannot be read: restore a backup"
        ) from None


#: The run that a record holds, as it was last written.
run_from = _run


async def _as_they_are(engine: Engine, scope: Scope, found: list[Run]) -> list[Run]:
    """Those of which nobody is heard any more are interrupted."""
    running = {run.operation for run in found if run.state == RunState.RUNNING}
    active = await working(engine, scope.namespace, running)
    return [
        replace(run, state=RunState.INTERRUPTED.value)
        if run.state == RunState.RUNNING and run.id not in active
        else run
        for run in found
    ]


def _of(namespace: str) -> Filter:
    return And((Eq("kind", _KIND), Eq("source", namespace)))


def _shown(scope: Scope) -> Filter:
    return And((_of(scope.namespace), scope.readable(Reach.SUBTREE)))
