"""A time with its preposition: "since 3 June", "between Monday and Wednesday", "in May"."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from memkit.temporal import calendar as cal
from memkit.temporal.absolute import day_number
from memkit.temporal.calendar import Calendar, Period
from memkit.temporal.reading import Reader, Reading, fixed
from memkit.temporal.spans import Span
from memkit.temporal.terms import term
from memkit.temporal.vocabulary import IN, MONTHS, SPEAKING

_SINCE = frozenset({"since", "starting", "seit", "depuis", "desde", "sinds"})
_UNTIL = frozenset({"until", "till", "by", "through", "bis", "hasta", "fino", "tot"})
_TO = frozenset({"to", "until", "till", "through", "-", "–", "—", "and", "bis"})
_BETWEEN = frozenset({"and", "to", "-"})
_SINCE_TO = frozenset({"until", "till", "to"})
# Without "from" or "between", "and" joins two times and does not span them.
_SPANNING = _TO - {"and"}
_ABOUT = frozenset({"around", "about", "circa", "near", "roughly", "approximately", "almost"})
_QUESTIONS = frozenset("what which who how why where when if because until before after or".split())
_LEADS = IN | _ABOUT | {"nearly", "exactly", "just", "only", "to", "with", "and"}
# No span fades faster than this.
_SHARPEST = timedelta(minutes=1)
# Outside of a span closeness halves with each quarter of its length.
_BLUR = 0.25


@dataclass(frozen=True, slots=True)
class Phrase:
    """A time expression from token ``first`` up to token ``stop``.

    ``relation`` is "since", "after", "before" or "until" if it says how the time lies to
    ``reading``, else empty.
    """

    first: int
    stop: int
    reading: Reading
    relation: str = ""
    about: bool = False


def phrase(reader: Reader, at: int) -> Phrase | None:
    """The time expression that begins at a token; one that no calendar has is none."""
    if not reader.word(at):
        return None
    try:
        return _phrase(reader, at)
    except (ValueError, OverflowError):
        return None


def _phrase(reader: Reader, at: int) -> Phrase | None:
    word = reader.word(at)
    relation, start = _relation(reader, at)
    if relation:
        return _related(reader, at, start, relation)
    if word in {"between", "from"}:
        return _from(reader, at, word)
    lead = word if word in _LEADS and reader.word(at + 1) else ""
    start = at + 1 if lead else at
    found = term(reader, start, lead)
    found = _range(reader, start, found, lead, _SPANNING) or found
    if found is None:
        return None
    if lead in {"with", "and", "to"} or reader.word(start) in {"recently", "lately"}:
        # Seen for what they say of the name that follows, but not part of the time.
        return Phrase(start, found.stop, found)
    return Phrase(at, found.stop, found, about=lead in _ABOUT)


def _relation(reader: Reader, at: int) -> tuple[str, int]:
    word, following = reader.word(at), reader.word(at + 1)
    if word in {"before", "after"}:
        return word, at + 1
    if word == "prior" and following == "to":
        return "before", at + 2
    if word == "ever" and following == "since":
        return "since", at + 2
    if word in _SINCE:
        return "since", at + 1
    if word in _UNTIL:
        return "until", at + 1
    if (word, following) in {("up", "to"), ("as", "of"), ("up", "until")}:
        return "until", at + 2
    return "", at


def _related(reader: Reader, first: int, at: int, relation: str) -> Phrase | None:
    lead = reader.word(at - 1) if reader.word(at - 1) in {"by", "through"} else relation
    found = term(reader, at, lead)
    if relation == "since":
        ranged = _range(reader, at, found, "since", _SINCE_TO)
        if ranged is not None:
            return Phrase(first, ranged.stop, ranged)
    if found is None or _names(reader, at, found):
        return None
    return Phrase(first, found.stop, found, relation)


def _names(reader: Reader, at: int, found: Reading) -> bool:
    """Whether a time is but part of an event's name: "since the May release"."""
    if reader.word(at) != "the" or found.stop != at + 2 or reader.token(at + 1).comma:
        return False
    following = reader.word(found.stop)
    return bool(following) and following not in SPEAKING | IN | _TO | _QUESTIONS


def _from(reader: Reader, at: int, word: str) -> Phrase | None:
    found = term(reader, at + 1, word)
    ranged = _range(reader, at + 1, found, word, _BETWEEN if word == "between" else _TO)
    if ranged is not None:
        return Phrase(at, ranged.stop, ranged)
    if found is None or word == "between":
        return None
    if reader.word(found.stop) in {"on", "onward", "onwards"}:
        return Phrase(at, found.stop + 1, found, "since")
    return Phrase(at, found.stop, found)


def _range(
    reader: Reader, at: int, left: Reading | None, lead: str, joints: frozenset[str]
) -> Reading | None:
    """From ``left``, read at a token, to another time if one of the joints stands between."""
    if left is None or reader.word(left.stop) not in joints:
        # "3 to 8 May": the first is a day for what follows alone.
        day_at = at + 1 if reader.word(at) == "the" else at
        day = day_number(reader.word(day_at))
        if day is None or reader.word(day_at + 1) not in joints:
            return None
        right = term(reader, day_at + 2, "on")
        if right is None or right.kind != "day":
            return None
        return _between(reader, Reading(day_at + 1, 0.9, (), cal.monthday(day), "day"), right)
    joint = left.stop
    right_lead = lead if lead in {"between", "from", "since", "in"} else "to"
    right = term(reader, joint + 1, right_lead)
    if right is None:
        return _to_day(reader, left, joint + 1)
    return _between(reader, left, right)


def _to_day(reader: Reader, left: Reading, at: int) -> Reading | None:
    """Such as "May 3 to 8", with the year that may follow."""
    word = reader.word(at)
    day = day_number(word)
    if day is None or left.kind != "day" or left.cycle is None:
        return None
    if reader.word(left.stop - 2) not in MONTHS and reader.word(left.stop - 1) not in MONTHS:
        return None
    found = reader.year(at + 1)
    if found is not None:
        left = fixed(left.stop, left.cycle.make(found[0]), left.certainty, "day")
    right = Reading(found[1] if found else at + 1, left.certainty, (), cal.monthday(day), "day")
    start = reader.resolved(left)[0][0]
    assert right.cycle is not None
    end = right.cycle.earliest(start.start)
    return fixed(right.stop, Period(start.start, end.end), left.certainty)


def _between(reader: Reader, left: Reading, right: Reading) -> Reading:
    """From the start of one reading to the end of another; what the one lacks the other has."""
    calendar = reader.calendar
    certainty = min(left.certainty, right.certainty)
    if left.kind == right.kind:
        # "From March to June": each says that the other is no name or verb.
        certainty = max(certainty, 0.85)
    if right.cycle is None:
        last = right.periods[0][0]
    elif left.cycle is None:
        last = right.cycle.earliest(calendar.naive(left.periods[0][0].start))
    elif reader.future:
        first = reader.resolved(left)[-1][0]
        last = right.cycle.earliest(first.start)
    else:
        last = right.cycle.latest(calendar.local)
    if left.cycle is None:
        first = left.periods[0][0]
    elif right.cycle is None or not reader.future:
        first = left.cycle.latest(calendar.naive(last.start))
    else:
        first = reader.resolved(left)[-1][0]
    start, end = first.start, last.end
    if calendar.utc(start) >= calendar.utc(end):
        start, end = last.start, first.end
    return fixed(right.stop, Period(start, end, max(first.vague, last.vague)), certainty)


def completed(reader: Reader, found: Phrase, following: Phrase | None) -> Phrase:
    """``found`` with the year of what follows it: the August of "in August and May 2023"."""
    if following is None or found.reading.cycle is None or found.relation:
        return found
    joints = reader.words[found.stop : following.first]
    comma = reader.token(found.stop - 1).comma
    if not (joints in (["and"], ["or"]) or (not joints and comma)):
        return found
    other = following.reading
    if other.cycle is not None or other.kind != found.reading.kind:
        return found
    try:
        period = found.reading.cycle.latest(reader.calendar.naive(other.periods[0][0].start))
    except (ValueError, OverflowError):
        return found
    certainty = found.reading.certainty
    return replace(found, reading=fixed(found.stop, period, certainty, found.reading.kind))


def spans_of(reader: Reader, found: Phrase, text: str, position: tuple[int, int]) -> list[Span]:
    """The spans of a phrase: one, or one for each of its readings that the calendar has."""
    calendar = reader.calendar
    try:
        periods = reader.resolved(found.reading)
    except (ValueError, OverflowError):
        return []
    spans = []
    for period, certainty in periods:
        bounds = _bounds(calendar, period, found.relation)
        if bounds is None:
            continue
        start, end = calendar.utc(period.start), calendar.utc(period.end)
        unbounded = period.start == datetime.min
        wide = timedelta() if unbounded else (end - start)
        blur = max(_BLUR * wide, period.vague, _SHARPEST)
        if found.about:
            blur = max(blur, wide)
        if unbounded:
            blur = max(blur, _BLUR * (calendar.now - end) / 2)
        spans.append(Span(*bounds, text, position, certainty, blur))
    return spans


def _bounds(
    calendar: Calendar, period: Period, relation: str
) -> tuple[datetime | None, datetime | None] | None:
    start: datetime | None = calendar.utc(period.start)
    end: datetime | None = calendar.utc(period.end)
    if period.start == datetime.min.replace(tzinfo=period.start.tzinfo):
        start = None
    if relation == "before":
        return (None, start) if start is not None else (None, end)
    if relation == "until":
        return None, end
    if relation == "after":
        return end, None
    if relation == "since":
        # Open-ended to now; of what lies ahead, to its own end.
        end = max(calendar.now, start) if start is not None else calendar.now
        return (start, end) if start != end else (start, None)
    if start is not None and end is not None and end <= start:
        return None
    return start, end
