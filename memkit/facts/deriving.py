"""What follows from assertions: which value held when, as was known at some moment.

Nothing is closed when something new is asserted: what held on a day is worked out from all that
was asserted by then. A document that arrives late falls into its place by itself, to withdraw an
assertion is to leave it out, and two writers at once cannot leave two current values. What the
store keeps beside that (the state of a fact's record) is derived too, and can be made anew.

The rule for a predicate that has one value at a time: of the assertions that cover a moment the one
that begins last holds; of those that begin at the same moment the one recorded last. What a
symmetric predicate says is said of both sides, and both have one value: an assertion holds unless
a stronger one that holds shares a side with it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import heappop, heappush
from typing import TypeAlias

from memkit.types import MemoryRecord, State

#: The state of a fact's record that follows from the assertions, and what took its place.
Outcome: TypeAlias = tuple[str, str | None]

#: What decides between two assertions that cover the same moment; the greater one holds.
Strength: TypeAlias = tuple[datetime, datetime, str]


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of time in which an assertion holds, ``[start, end)``; ``None``: without end.

    ``by`` is the assertion that ends it, where one does.
    """

    record: MemoryRecord
    start: datetime
    end: datetime | None
    by: MemoryRecord | None = None

    def covers(self, moment: datetime) -> bool:
        """Whether the moment lies in it."""
        return self.start <= moment and (self.end is None or moment < self.end)


def begins(record: MemoryRecord) -> datetime:
    """When an assertion begins to hold: when it was made, if it does not say."""
    return record.created_at if record.valid_from is None else record.valid_from


def strength(record: MemoryRecord) -> Strength:
    """What decides between this assertion and another."""
    return begins(record), record.created_at, record.id


def known(records: Iterable[MemoryRecord], moment: datetime | None) -> list[MemoryRecord]:
    """The assertions that were made and not withdrawn by a moment; ``None``: by now."""
    if moment is None:
        return [record for record in records if record.retracted_at is None]
    return [
        record
        for record in records
        if record.created_at <= moment
        and (record.retracted_at is None or moment < record.retracted_at)
    ]


def sides(record: MemoryRecord, symmetric: bool) -> frozenset[str]:
    """Those of whom an assertion says something."""
    said = (record.subject, record.object) if symmetric else (record.subject,)
    return frozenset(name for name in said if name is not None)


def connected(records: Iterable[MemoryRecord]) -> list[list[MemoryRecord]]:
    """Assertions of a symmetric predicate, apart where no chain of sides joins them."""
    by_side: defaultdict[str, list[MemoryRecord]] = defaultdict(list)
    waiting = {record.id: record for record in records}
    for record in waiting.values():
        for side in sides(record, symmetric=True):
            by_side[side].append(record)
    found: list[list[MemoryRecord]] = []
    while waiting:
        _, first = waiting.popitem()
        part, frontier = [first], [first]
        while frontier:
            for side in sides(frontier.pop(), symmetric=True):
                near = [each for each in by_side.pop(side, ()) if waiting.pop(each.id, None)]
                part += near
                frontier += near
        found.append(part)
    return found


def segments(
    records: Sequence[MemoryRecord], *, single: bool, symmetric: bool = False
) -> list[Segment]:
    """When each assertion of a group holds, in the order of time.

    Args:
        records: the assertions of one subject and predicate, as known at some moment; of a
            symmetric predicate all that :func:`connected` joins.
        single: whether one value at a time holds.
        symmetric: whether each says the same of both sides.
    """
    if not single:
        found = [Segment(record, begins(record), record.valid_to) for record in records]
    elif symmetric:
        found = _disputed(records)
    else:
        return _swept(sorted(records, key=strength))
    return sorted(found, key=lambda each: (each.start, strength(each.record)))


def _disputed(records: Sequence[MemoryRecord]) -> list[Segment]:
    """The segments of a symmetric predicate that has one value at a time."""
    ends = {record.valid_to for record in records if record.valid_to is not None}
    found: list[Segment] = []
    running: dict[str, Segment] = {}
    for moment in sorted({begins(record) for record in records} | ends):
        holding = standing(records, moment, single=True, symmetric=True)
        ids = {record.id for record in holding}
        for id_ in [id_ for id_ in running if id_ not in ids]:
            over = running.pop(id_)
            by = None if _over(over.record, moment) else _rival(over.record, holding)
            found.append(Segment(over.record, over.start, moment, by))
        for record in holding:
            running.setdefault(record.id, Segment(record, moment, None))
    return [*found, *running.values()]


def _rival(record: MemoryRecord, holding: Iterable[MemoryRecord]) -> MemoryRecord | None:
    """The strongest of those that hold that shares a side with an assertion."""
    mine = sides(record, symmetric=True)
    return next((each for each in holding if mine & sides(each, symmetric=True)), None)


def _swept(ordered: Sequence[MemoryRecord]) -> list[Segment]:
    """The segments of assertions of which one at a time holds, given by rising strength."""
    # Going through time, the strongest that has begun and has not ended holds.
    running: list[tuple[int, MemoryRecord]] = []
    ends = sorted({record.valid_to for record in ordered if record.valid_to is not None})
    moments = sorted({begins(record) for record in ordered} | set(ends))
    found: list[Segment] = []
    waiting = 0
    for at, start in enumerate(moments):
        while waiting < len(ordered) and begins(ordered[waiting]) <= start:
            heappush(running, (-waiting, ordered[waiting]))
            waiting += 1
        while running and _over(running[0][1], start):
            heappop(running)
        end = moments[at + 1] if at + 1 < len(moments) else None
        last = found[-1] if found else None
        holder = running[0][1] if running else None
        if last is not None and last.end == start and last.record is holder:
            found[-1] = Segment(last.record, last.start, end)
            continue
        if last is not None and last.end == start and not _over(last.record, start):
            found[-1] = Segment(last.record, last.start, start, holder)
        if holder is not None:
            found.append(Segment(holder, start, end))
    return found


def _over(record: MemoryRecord, moment: datetime) -> bool:
    return record.valid_to is not None and record.valid_to <= moment


def standing(
    records: Sequence[MemoryRecord], moment: datetime, *, single: bool, symmetric: bool = False
) -> list[MemoryRecord]:
    """The assertions of a group that hold at a moment, the strongest first."""
    covering = [
        record for record in records if begins(record) <= moment and not _over(record, moment)
    ]
    covering.sort(key=strength, reverse=True)
    if not single:
        return covering
    taken: set[str] = set()
    holding = []
    for record in covering:
        mine = sides(record, symmetric)
        if taken.isdisjoint(mine):
            holding.append(record)
            taken |= mine
    return holding


def outcomes(
    records: Sequence[MemoryRecord], now: datetime, *, single: bool, symmetric: bool = False
) -> Mapping[str, Outcome]:
    """The state in which the record of each assertion of a group must be, by its id.

    What holds is active, and so is what is yet to come. What held is superseded by what ended
    it; what never did, by what stood in its place.
    """
    latest: dict[str, Segment] = {}
    held = segments(records, single=single, symmetric=symmetric)
    for segment in held:
        if segment.start <= now:
            latest[segment.record.id] = segment
    found: dict[str, Outcome] = {}
    for record in records:
        last = latest.get(record.id)
        if begins(record) > now or (last is not None and last.covers(now)):
            found[record.id] = State.ACTIVE.value, None
            continue
        by = last.by if last is not None else _instead(record, held, symmetric)
        found[record.id] = State.SUPERSEDED.value, None if by is None else by.id
    return found


def _instead(record: MemoryRecord, held: Iterable[Segment], symmetric: bool) -> MemoryRecord | None:
    """What held when an assertion that never did would have begun to."""
    start, mine = begins(record), sides(record, symmetric)
    return next(
        (
            each.record
            for each in held
            if each.covers(start) and mine & sides(each.record, symmetric)
        ),
        None,
    )
