"""What is found in a query: spans of time, anchors in the memory, and the words that remain."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from memkit.errors import InvalidInput

Relation = Literal["before", "after", "since", "during", "until"]

# How long an event may have lasted around the moment that is known of it, and how fast
# records beside what an anchor means lose: an event is dated by the day at best.
_EVENT_HALF = timedelta(hours=12)
_EVENT_BLUR = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Span:
    """A time that a query names.

    Attributes:
        start, end: aware UTC, half-open; ``None`` where it has no bound on that side.
        text: the words that name it, as the query has them.
        position: where they begin and end in the query, in characters.
        certainty: 0 to 1, how sure it is that they name this time. Readings of one ambiguous
            expression are spans with the same position that share the certainty.
        blur: outside of the span closeness halves with each ``blur``.
    """

    start: datetime | None
    end: datetime | None
    text: str
    position: tuple[int, int]
    certainty: float
    blur: timedelta


@dataclass(frozen=True, slots=True)
class Anchor:
    """A time that a query names by an event: whoever knows when that was can resolve it.

    Attributes:
        relation: how the time lies to the event.
        phrase: the event, as the query has it: ``"I moved"``, ``"the release"``.
        text, position: the words with their relation, and where they stand in the query.
        certainty: 0 to 1, how sure it is that they speak of a time ("after" may not).
        now: the reference time, aware UTC: where ``since`` ends.
        window: where the time lies relative to the event, if the query says how far from it
            ("two weeks after the launch").
    """

    relation: Relation
    phrase: str
    text: str
    position: tuple[int, int]
    certainty: float
    now: datetime
    window: tuple[timedelta, timedelta] | None = None

    def resolve(self, moment: datetime) -> Span:
        """The span that is meant if the event was at ``moment`` (aware).

        ``during`` is half a day to either side, since an event's length is not known.

        Raises:
            InvalidInput: ``moment`` has no zone.
        """
        if moment.utcoffset() is None:
            raise InvalidInput("the moment of an event has no zone: make it aware")
        moment = moment.astimezone(UTC)
        start: datetime | None = None
        end: datetime | None = None
        blur = _EVENT_BLUR
        if self.window is not None:
            start, end = moved(moment, self.window[0]), moved(moment, self.window[1])
            blur = max(blur, (self.window[1] - self.window[0]) / 4)
        elif self.relation == "during":
            start, end = moved(moment, -_EVENT_HALF), moved(moment, _EVENT_HALF)
        elif self.relation in {"before", "until"}:
            end = moment
        else:
            start = moment
            if self.relation == "since":
                end = max(moment, self.now)
        return Span(start, end, self.text, self.position, self.certainty, blur)


@dataclass(frozen=True, slots=True)
class TimeQuery:
    """A query taken apart.

    Attributes:
        spans: the times that it names outright, in the order of their words.
        anchors: the times that it names by an event, likewise.
        rest: the query without the words of its spans, but for those that are hardly times
            (a certainty below 0.5, all readings together). The words of anchors stay, since
            they tell of something that the memory may hold.
    """

    spans: tuple[Span, ...]
    anchors: tuple[Anchor, ...]
    rest: str


def moved(moment: datetime, by: timedelta) -> datetime:
    """``moment + by``, or the end of the calendar where that lies beyond it."""
    try:
        return moment + by
    except OverflowError:
        edge = datetime.max if by > timedelta() else datetime.min
        return edge.replace(tzinfo=moment.tzinfo)
