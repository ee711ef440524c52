"""Time in a query: what it asks about, which records' times fit, and what that is worth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from memkit.filters import And, Exists, Filter, Gte, Lt, Not, Or
from memkit.protocols import Scored
from memkit.temporal import Span, closeness
from memkit.types import MemoryRecord

#: What a record gains whose time fits all but certainly.
_FITS = 0.5
#: Less certain spans and anchors are not looked for, though spans still weigh.
CERTAIN = 0.5


def time_factor(record: MemoryRecord, spans: Sequence[Span]) -> float:
    """The factor of a record by its time: ``1 + 0.5 * max(certainty * closeness)``.

    It boosts and never hides: whatever the query seems to say of time may be meant otherwise.
    """
    fits = max(
        (span.certainty * closeness(span, record.created_at, record.occurred_at) for span in spans),
        default=0.0,
    )
    return 1 + _FITS * fits


def within(spans: Iterable[Span]) -> Filter | None:
    """The filter of records inside any span that is certain and has both its bounds.

    ``None`` if there is no such span: then what the legs find anyway has to do.
    """
    parts = [
        _inside(span.start, span.end)
        for span in spans
        if span.start is not None and span.end is not None and span.certainty >= CERTAIN
    ]
    return Or(tuple(parts)) if parts else None


def _inside(start: datetime, end: datetime) -> Filter:
    return Or(
        (
            And((Gte("occurred_at", start), Lt("occurred_at", end))),
            And((Not(Exists("occurred_at")), Gte("created_at", start), Lt("created_at", end))),
        )
    )


def with_arm(
    lists: Mapping[str, Sequence[Scored]], arm: Mapping[str, Sequence[Scored]], depth: int
) -> dict[str, Sequence[Scored]]:
    """Each leg's list with those of a search within a time appended that it was too short for.

    They were beyond the end of the list, so they score at most what stands there.

    Args:
        lists: each leg's list among all records.
        arm: the same legs' lists among the records of that time.
        depth: how many entries were asked for: a shorter list lacks nothing.
    """
    joined: dict[str, Sequence[Scored]] = {}
    for name, entries in lists.items():
        joined[name] = entries
        if len(entries) >= depth:
            held = {entry.id for entry in entries}
            most = entries[-1].score
            joined[name] = [
                *entries,
                *(
                    Scored(id_, min(score, most))
                    for id_, score in arm.get(name, ())
                    if id_ not in held
                ),
            ]
    return joined
