"""The states of facts' records: derived from the assertions, and brought in line with them.

A state is written after each change of a group of facts, and again by whoever reads one that is
off: because time passed, or because a writer ended between two writes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from memkit.clock import utc_now
from memkit.errors import RecordNotFound, StoreReadOnly, VersionConflict
from memkit.facts.deriving import connected, known, outcomes, sides, standing
from memkit.facts.predicates import Predicate, rule_of
from memkit.filters import And, Eq, Exists, Filter, In, Not, Or
from memkit.hints import UNSEEN, event_hint
from memkit.places import place_of
from memkit.protocols import Patch
from memkit.selection import living
from memkit.types import EventType, MemoryRecord, State, Visibility
from memkit.validation import MESSAGE_TAG

if TYPE_CHECKING:
    from memkit.engine import Engine

KIND = "fact"
#: The states in which a fact's record is an assertion; what is forgotten was not said.
KEPT = (State.ACTIVE.value, State.SUPERSEDED.value, State.ARCHIVED.value)
ATTEMPTS = 16
#: Values of one condition, at most.
CHUNK = 500
_DERIVED = (State.ACTIVE.value, State.SUPERSEDED.value)


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a group's records: which no longer hold, which hold again, how all stand."""

    closed: tuple[str, ...]
    reopened: tuple[str, ...]
    records: Mapping[str, MemoryRecord]


def is_fact(record: MemoryRecord) -> bool:
    """Whether a record is a fact with its parts, not just a text of that kind."""
    return record.kind == KIND and record.subject is not None and record.predicate is not None


def circle_of(record: MemoryRecord) -> str:
    """The facts among which one decides what holds: those of its place and of its channels.

    Whoever may see one of them may see all.
    """
    channels = sorted(tag for tag in record.tags if tag.startswith(MESSAGE_TAG))
    return " ".join((place_of(record), *channels))


class Group:
    """The assertions in one circle that decide together what holds.

    They are those of one subject and predicate; of a symmetric predicate with one value at a
    time all whom a chain of sides joins.
    """

    def __init__(
        self, engine: Engine, like: MemoryRecord, rule: Predicate, records: Sequence[MemoryRecord]
    ) -> None:
        self._engine = engine
        self._like = like
        self.rule = rule
        #: Its assertions, also those that were withdrawn.
        self.records = list(records)

    @classmethod
    async def of(cls, engine: Engine, like: MemoryRecord, rule: Predicate | None = None) -> Group:
        """The group that a fact belongs to; ``rule`` is that of its predicate, if it is known."""
        if rule is None:
            rule = await rule_of(engine, like.namespace, like.predicate or "")
        return cls(engine, like, rule, await _members(engine, like, rule))

    def standing(self, moment: datetime) -> list[MemoryRecord]:
        """What holds at a moment, as is known now."""
        return standing(
            known(self.records, None),
            moment,
            single=self.rule.single,
            symmetric=self.rule.symmetric,
        )

    def changes(self, *, new: MemoryRecord | None = None) -> list[Patch]:
        """The patches that settle it, and the one of a record that is about to be stored."""
        records = [*self.records, *(() if new is None else (new,))]
        return changes(records, utc_now(), self.rule)

    async def read_again(self) -> None:
        """Read its assertions again."""
        self.records = await _members(self._engine, self._like, self.rule)

    async def settle(self) -> Settled:
        """Bring the states of its records in line with what follows now.

        In a store that is only read the records are told as they would be.
        """
        told = Tally()
        for attempt in range(ATTEMPTS):
            if attempt:
                await self.read_again()
            patches = self.changes()
            if not patches:
                break
            try:
                await self._engine.write(patches)
            except (VersionConflict, RecordNotFound):
                # Somebody else settles it, or changes it further.
                continue
            except StoreReadOnly:
                pass
            told.add(self.records, patches)
            after = {patch.record.id: patch.record for patch in patches}
            self.records = [after.get(record.id, record) for record in self.records]
            break
        return told.settled({record.id: record for record in self.records})


class Tally:
    """Which facts no longer hold, and which hold again, over several writes."""

    def __init__(self) -> None:
        self._closed: list[str] = []
        self._reopened: list[str] = []

    def add(self, before: Iterable[MemoryRecord], patches: Iterable[Patch]) -> None:
        """Count what patches change of records."""
        states = {record.id: record.state for record in before}
        for patch in patches:
            record = patch.record
            if states.get(record.id) != record.state:
                shown = record.state == State.ACTIVE
                (self._reopened if shown else self._closed).append(record.id)

    def settled(self, records: Mapping[str, MemoryRecord]) -> Settled:
        """What came of it."""
        return Settled(tuple(self._closed), tuple(self._reopened), records)


async def settle(engine: Engine, likes: Iterable[MemoryRecord]) -> dict[str, MemoryRecord]:
    """Settle the groups of facts, each once; their records by id."""
    found: dict[str, MemoryRecord] = {}
    done: set[tuple[str, str, str]] = set()
    for like in likes:
        key = (circle_of(like), like.predicate or "", like.subject or "")
        if key in done or not is_fact(like):
            continue
        done.add(key)
        found |= (await (await Group.of(engine, like)).settle()).records
    return found


def changes(records: Sequence[MemoryRecord], now: datetime, rule: Predicate) -> list[Patch]:
    """The patches that make a group's states say which of its facts hold now, or will."""
    # What is archived is believed still; its state is not made anew.
    valid = known(records, None)
    apart = connected(valid) if rule.single and rule.symmetric else [valid]
    patches = []
    for part in apart:
        right = outcomes(part, now, single=rule.single, symmetric=rule.symmetric)
        for record in part:
            state, by = right[record.id]
            differs = (record.state, record.superseded_by) != (state, by)
            if record.state in _DERIVED and differs:
                patches.append(_patch(record, state, by, now))
    return patches


def _patch(record: MemoryRecord, state: str, by: str | None, now: datetime) -> Patch:
    shown = state == State.ACTIVE
    changed = replace(
        record,
        state=state,
        superseded_by=by,
        superseded_at=None if shown else record.superseded_at or now,
        updated_at=now,
        version=record.version + 1,
    )
    event = EventType.RESTORED if shown else EventType.SUPERSEDED
    about = UNSEEN if record.state == state else event_hint(event)
    return Patch(changed, record.version, about=about)


async def groups_of(engine: Engine, likes: Iterable[MemoryRecord]) -> list[list[MemoryRecord]]:
    """The groups of facts of one namespace whose predicates are not symmetric, read at once."""
    wanted: defaultdict[tuple[str, str, str], list[MemoryRecord]] = defaultdict(list)
    namespace = ""
    for like in likes:
        namespace = like.namespace
        wanted[circle_of(like), like.predicate or "", like.subject or ""] = []
    if not wanted:
        return []
    listed = sorted(wanted)
    for at in range(0, len(listed), CHUNK):
        some = listed[at : at + CHUNK]
        asked = And(
            (
                In("subject", tuple({subject for _, _, subject in some})),
                In("predicate", tuple({predicate for _, predicate, _ in some})),
                Eq("kind", KIND),
                In("state", KEPT),
                living(utc_now()),
            )
        )
        for record in await _scanned(engine, namespace, asked):
            key = (circle_of(record), record.predicate or "", record.subject or "")
            if key in wanted:
                wanted[key].append(record)
    return list(wanted.values())


async def _members(engine: Engine, like: MemoryRecord, rule: Predicate) -> list[MemoryRecord]:
    home = And((Eq("predicate", like.predicate or ""), _home(like)))
    if not rule.symmetric:
        return await _read(engine, like, And((Eq("subject", like.subject or ""), home)))
    found: dict[str, MemoryRecord] = {}
    names, frontier = set[str](), sides(like, symmetric=True)
    while frontier:
        names |= frontier
        near: set[str] = set()
        listed = sorted(frontier)
        for at in range(0, len(listed), CHUNK):
            some = tuple(listed[at : at + CHUNK])
            either = Or((In("subject", some), In("object", some)))
            for record in await _read(engine, like, And((either, home))):
                found[record.id] = record
                near |= sides(record, symmetric=True)
        # Where each side has many values, what others have of it decides nothing.
        frontier = frozenset(near - names) if rule.single else frozenset()
    return list(found.values())


def _home(like: MemoryRecord) -> Filter:
    """The filter of the facts in the place that a record stands in."""
    parts: list[Filter] = [
        Eq("kind", KIND),
        In("state", KEPT),
        living(utc_now()),
        Eq("visibility", like.visibility),
    ]
    for name in ("project", "task"):
        value = getattr(like, name)
        parts.append(Not(Exists(name)) if value is None else Eq(name, value))
    if like.visibility == Visibility.PRIVATE and like.agent is not None:
        parts.append(Eq("agent", like.agent))
    return And(tuple(parts))


async def _read(engine: Engine, like: MemoryRecord, wanted: Filter) -> list[MemoryRecord]:
    circle = circle_of(like)
    found = await _scanned(engine, like.namespace, wanted)
    return [record for record in found if circle_of(record) == circle]


async def _scanned(engine: Engine, namespace: str, wanted: Filter) -> list[MemoryRecord]:
    return [record async for record in scanned(engine, namespace, wanted)]


async def scanned(engine: Engine, namespace: str, wanted: Filter) -> AsyncIterator[MemoryRecord]:
    """All records that match, page by page."""
    # Most groups are small: a small page is read sooner than a large one.
    limit, cursor = 100, None
    while True:
        page = await engine.backend.scan(namespace, wanted, cursor=cursor, limit=limit)
        for item in page.items:
            yield item.record
        limit, cursor = 1000, page.cursor
        if cursor is None:
            return
