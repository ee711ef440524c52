"""What follows from assertions: which value held when, as was known at some moment.

Nothing is closed when something new is asserted: what held on a day is worked out from all that
was asserted by then. A document that arrives late falls into its place by itself, to withdraw an
assertion is to leave it out, and two writers at once cannot leave two current values. What the
store keeps beside that (the state of a fact's record) is derived too, and can be made anew.

The rule for a predicate that has one value at a time: of the assertions that cover a moment the one
that begins last holds; of those that begin at the same moment the one recorded last.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import heappop, heappush
from typing import TypeAlias

from memkit.types import MemoryRecord

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


def segments(records: Sequence[MemoryRecord], *, single: bool) -> list[Segment]:
    """When each assertion of one subject and predicate holds, in the order of time.

    Args:
        records: the assertions, as known at some moment.
        single: whether one value at a time holds.
    """
    if not single:
        found = [Segment(record, begins(record), record.valid_to) for record in records]
        return sorted(found, key=lambda each: (each.start, strength(each.record)))
    return _swept(sorted(records, key=strength))


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
    records: Sequence[MemoryRecord], moment: datetime, *, single: bool
) -> list[MemoryRecord]:
    """The assertions that hold at a moment, the strongest first."""
    covering = [
        record for record in records if begins(record) <= moment and not _over(record, moment)
    ]
    covering.sort(key=strength, reverse=True)
    return covering[:1] if single else covering
