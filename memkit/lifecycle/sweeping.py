"""Sweeps: what has decayed is archived, page by page, as a run that can be undone."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import nsmallest
from typing import TYPE_CHECKING, Final

from memkit.clock import utc_now
from memkit.errors import InvalidInput
from memkit.filters import And, Eq, Filter, In, Lt, Not, Or
from memkit.lifecycle.archiving import put_away
from memkit.lifecycle.decay import Strength, faded
from memkit.policy import Policy
from memkit.protocols import Order
from memkit.retrieval.gating import gate
from memkit.runs import begin
from memkit.scope import Scope
from memkit.selection import Labels, living, selection
from memkit.types import DEFAULT_KIND, MemoryRecord, State
from memkit.validation import canonical_json, check_count, check_flag, check_time

if TYPE_CHECKING:
    from memkit.engine import Engine, Progress
    from memkit.runs import ActiveRun

#: The name of the runs.
OPERATION: Final = "sweep"
#: So many records are told of by name; all are counted.
LISTED: Final = 100
_PAGE: Final = 1000
_EXCERPT: Final = 200
_OLDEST: Final = Order("created_at", descending=False)


@dataclass(frozen=True, slots=True)
class Faded:
    """A record that has decayed: its strength, and why.

    ``excerpt`` is the beginning of its text, at most 200 characters.
    """

    id: str
    kind: str
    strength: float
    why: Mapping[str, float]
    age_days: float
    half_life_days: float
    excerpt: str


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep archived, or would have.

    Attributes:
        dry_run: whether it only looked.
        run: the id of the run, to undo it by; ``None`` of a dry run.
        examined: how many records were old enough to be looked at.
        archived: how many had decayed.
        counts: how many by kind.
        records: the weakest of them, at most 100.
    """

    dry_run: bool
    run: str | None
    examined: int
    archived: int
    counts: Mapping[str, int]
    records: tuple[Faded, ...]


async def sweep(
    engine: Engine,
    scope: Scope,
    *,
    dry_run: bool = True,
    now: datetime | None = None,
    kinds: Labels = None,
    reach: str = "subtree",
    limit: int | None = None,
    progress: Progress | None = None,
) -> Swept:
    """Archive what has less strength left than the namespace's policy asks for.

    Args:
        engine: the engine of the store.
        scope: where to sweep.
        dry_run: only tell what would be archived.
        now: the moment that strength is told for (aware); one to come takes a dry run.
        kinds: these alone.
        reach: how far from the scope.
        limit: archive at most so many, the oldest first.
        progress: told ``(done, total)`` in records looked at.

    Raises:
        InvalidInput: an argument cannot be accepted.
        RunActive: another sweep is at work in the namespace.
    """
    engine.require_open()
    check_flag(dry_run, "dry_run")
    moment = check_time(now, "now") or utc_now()
    if not dry_run and moment > utc_now():
        raise InvalidInput("what will have decayed by then can only be looked at: dry_run=True")
    if limit is not None:
        check_count(limit, "limit", 1, 2**31 - 1)
    chosen = None if kinds is None else [kinds] if isinstance(kinds, str) else list(kinds)
    # What was recalled a moment ago is in use.
    await engine.usage.flush()
    policy = await engine.policies.of(scope.namespace)
    wanted = And(
        (
            scope.readable(reach),
            Eq("state", State.ACTIVE.value),
            Eq("pinned", False),
            living(utc_now()),
            _old_enough(moment, policy),
            selection(kinds=chosen),
        )
    )
    sweep = _Sweep(engine, scope, wanted, moment, policy, limit)
    if dry_run:
        await sweep.look(progress)
        return sweep.report(None)
    arguments = canonical_json([sorted(chosen or ()), reach])
    async with begin(engine, scope, OPERATION, progress=progress) as run:
        await sweep.archive(run, arguments)
    return sweep.report(run)


class _Sweep:
    """A sweep at work: what it has looked at and found so far."""

    def __init__(
        self,
        engine: Engine,
        scope: Scope,
        wanted: Filter,
        now: datetime,
        policy: Policy,
        limit: int | None,
    ) -> None:
        self._engine = engine
        self._scope = scope
        self._wanted = wanted
        self._now = now
        self._policy = policy
        self._limit = limit
        self._allowed = gate(scope, wanted)
        self._examined = 0
        self._found: list[Faded] = []
        self._counts: Counter[str] = Counter()

    def report(self, run: ActiveRun | None) -> Swept:
        """What came of it."""
        return Swept(
            run is None,
            None if run is None else run.id,
            self._examined,
            self._counts.total(),
            dict(sorted(self._counts.items())),
            tuple(self._found),
        )

    async def look(self, progress: Progress | None) -> None:
        """Find all that has decayed."""
        total, cursor = await self._total(), None
        while not self._full():
            weak, cursor, seen = await self._page(cursor)
            self._examined += seen
            self._note(weak)
            if progress is not None:
                progress(self._examined, max(total, self._examined))
            if cursor is None:
                return

    async def archive(self, run: ActiveRun, arguments: str) -> None:
        """Archive all that has decayed, from where the run was left."""
        cursor = _resumed(run.run.cursor, arguments)
        self._counts.update(run.run.counts)
        self._examined = run.run.done if cursor is not None else 0
        total = self._examined + await self._total()
        while not self._full():
            weak, cursor, seen = await self._page(cursor)
            gone = {record.id for record in await self._put_away(run.id, weak)}
            self._examined += seen
            self._note([each for each in weak if each[0].id in gone])
            await run.advance(
                done=self._examined,
                total=max(total, self._examined),
                cursor=json.dumps([arguments, cursor]),
                counts=dict(self._counts),
            )
            if cursor is None:
                return

    async def _total(self) -> int:
        counted = await self._engine.backend.count(self._scope.namespace, self._wanted)
        return counted.get("", 0)

    def _full(self) -> bool:
        return self._limit is not None and self._counts.total() >= self._limit

    async def _page(
        self, cursor: str | None
    ) -> tuple[list[tuple[MemoryRecord, Strength]], str | None, int]:
        """What has decayed of the next page, where that ends, and how many it had."""
        page = await self._engine.backend.scan(
            self._scope.namespace, self._wanted, order=_OLDEST, cursor=cursor, limit=_PAGE
        )
        weak = [
            (item.record, strength)
            for item in page.items
            if self._allowed(item.record)
            and (strength := faded(item.record, self._now, self._policy)) is not None
        ]
        if self._limit is not None:
            weak = weak[: self._limit - self._counts.total()]
        return weak, page.cursor, len(page.items)

    async def _put_away(
        self, run: str, weak: Sequence[tuple[MemoryRecord, Strength]]
    ) -> list[MemoryRecord]:
        if not weak:
            return []
        ids = [record.id for record, _ in weak]
        stored = await self._engine.backend.get(self._scope.namespace, ids, vectors=True)
        # As they are now: one that was used, pinned or changed meanwhile stays.
        due = [
            item
            for item in stored.values()
            if self._allowed(item.record)
            and faded(item.record, self._now, self._policy) is not None
        ]
        return await put_away(self._engine, due, run, utc_now())

    def _note(self, weak: Sequence[tuple[MemoryRecord, Strength]]) -> None:
        self._counts.update(record.kind for record, _ in weak)
        found = [*self._found, *(_told(record, strength) for record, strength in weak)]
        self._found = nsmallest(LISTED, found, key=lambda each: (each.strength, each.id))


def _told(record: MemoryRecord, strength: Strength) -> Faded:
    return Faded(
        record.id,
        record.kind,
        strength.value,
        strength.factors,
        strength.age_days,
        strength.half_life_days or 0.0,
        record.content[:_EXCERPT],
    )


def _old_enough(now: datetime, policy: Policy) -> Filter:
    """The filter of what may have decayed, by kind and last change alone."""
    by_days: dict[float, list[str]] = {}
    for kind, each in policy.kinds.items():
        if each.archive and each.half_life_days is not None:
            by_days.setdefault(each.half_life_days, []).append(kind)
    parts: list[Filter] = [
        And((In("kind", tuple(sorted(kinds))), _untouched(now, policy, days)))
        for days, kinds in sorted(by_days.items())
    ]
    rest = policy.of(DEFAULT_KIND)
    if rest.archive and rest.half_life_days is not None:
        unknown = Not(In("kind", tuple(sorted(policy.kinds))))
        parts.append(And((unknown, _untouched(now, policy, rest.half_life_days))))
    return Or(tuple(parts))


def _untouched(now: datetime, policy: Policy, days: float) -> Filter:
    try:
        since = now - timedelta(days=days * policy.archive_after)
    except OverflowError:
        # Older than any time that can be told.
        return Or(())
    return Lt("updated_at", since) if policy.archive_after else And(())


def _resumed(cursor: str | None, arguments: str) -> str | None:
    """Where an interrupted sweep goes on, if it was about the same."""
    if cursor is None:
        return None
    about, at = json.loads(cursor)
    return at if about == arguments else None
