"""Times told from now: "yesterday", "last week", "two months ago", "the past three days"."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from memkit.temporal import calendar as cal
from memkit.temporal.absolute import absolute
from memkit.temporal.calendar import DAY, EXACT, Calendar, Cycle, Period
from memkit.temporal.quantities import Quantity, quantity
from memkit.temporal.reading import Reader, Reading, fixed
from memkit.temporal.vocabulary import DAYS, LAST, NEXT, THIS, UNITS, WEEKDAYS

_OVER = frozenset("in during over within for throughout".split())
# What "recently" and "the other day" mean is anybody's guess; these are ours, in days.
_RECENT_DAYS = 14
_OTHER = {"day": 10, "night": 10, "week": 28, "month": 120, "year": 1200}
_RECENT_COUNT = 5
# How many days ago at most, and at least.
_AGES: list[tuple[list[str], int | None, int]] = [
    (["a", "while", "ago"], 365, 14),
    (["a", "while", "back"], 365, 14),
    (["some", "time", "ago"], 365, 14),
    (["a", "long", "time", "ago"], None, 180),
    (["long", "ago"], None, 180),
    (["ages", "ago"], None, 180),
]
_WEEKENDS = frozenset("over at on during in since for after before until by of part".split())
#: What begins one of the times without bounds.
SOFT = frozenset(
    "recently lately late recent nowadays these tonight earlier later other now a some long"
    " ages".split()
)
# "Two months ago" may be off by a quarter of that.
_VAGUE = 0.25


def relative(reader: Reader, at: int, lead: str, the: bool) -> Reading | None:
    """The time that begins at a token and is told from now."""
    word = reader.word(at)
    if word in DAYS:
        return fixed(at + 1, reader.calendar.day(DAYS[word]), 0.97, "day")
    if word in LAST:
        return _last(reader, at, lead, the)
    if word in THIS:
        return _this(reader, at, lead)
    if word in NEXT:
        return _next(reader, at)
    if word in UNITS or word in WEEKDAYS:
        return _beyond(reader, at) or (_current(reader, at, lead) if the else None)
    found = quantity(reader, at)
    if found is not None:
        return _ago(reader, found, lead)
    return _soft(reader, at, lead, the)


def day_part(calendar: Calendar, part: str, offset: int) -> Period:
    """A part of a day, by that day's distance from today."""
    return part_of(calendar.day(offset), part)


def part_of(day: Period, part: str) -> Period:
    """The morning, afternoon ... of a day."""
    first, last = cal.PARTS[part]
    start = cal.midnight(day.start)
    return Period(start + timedelta(hours=first), start + timedelta(hours=last), day.vague)


def _last(reader: Reader, at: int, lead: str, the: bool) -> Reading | None:
    word, calendar = reader.word(at), reader.calendar
    following = reader.word(at + 1)
    if following in {"night", "evening"}:
        return fixed(at + 2, day_part(calendar, following, -1), 0.95, "part")
    unit = UNITS.get(following)
    if unit is None:
        found = quantity(reader, at + 1)
        if found is not None and (the or found.high > 1):
            return _rolling(reader, found, 0.9)
        return _nearest(reader, at + 1, lambda cycle: cycle.ended(calendar.today), "last")
    if following.endswith("s") and following != "hours":
        # "over the past weeks"
        return _rolling(reader, Quantity(2, _RECENT_COUNT, unit, at + 2), 0.6) if the else None
    if unit != "weekend":
        if (the and lead in _OVER) or word == "past" or unit == "fortnight":
            return _rolling(reader, Quantity(1, 1, unit, at + 2), 0.9)
        if the and word == "last" and unit not in EXACT:
            return _rolling(reader, Quantity(1, 1, unit, at + 2), 0.7)
    if unit in EXACT or unit == "day":
        # "a last minute change"
        return None
    period = calendar.around(calendar.local, unit, -1)
    return _in_week(reader, fixed(at + 2, period, 0.95 if word == "last" else 0.85, unit))


def _in_week(reader: Reader, week: Reading) -> Reading:
    """Such as "last week on Monday"."""
    at = week.stop + 1 if reader.word(week.stop) == "on" else week.stop
    if week.kind != "week" or reader.word(at) not in WEEKDAYS:
        return week
    index = WEEKDAYS[reader.word(at)]
    return week.mapped(lambda p: cal.day_of(p.start + index * DAY), at + 1, "day")


def _this(reader: Reader, at: int, lead: str) -> Reading | None:
    calendar = reader.calendar
    following = reader.word(at + 1)
    if following in LAST and reader.word(at) == "this":
        # "this past weekend"
        return _last(reader, at + 1, lead, False)
    if following in cal.PARTS:
        return fixed(at + 2, day_part(calendar, following, 0), 0.95, "part")
    if following in NEXT:
        return _next(reader, at + 1)
    unit = UNITS.get(following)
    if unit is None:
        return _nearest(reader, at + 1, lambda c: c.make(c.number(calendar.local)), "this")
    if unit in EXACT or unit in {"day", "fortnight"} or following.endswith("s"):
        return None
    return _in_week(reader, fixed(at + 2, calendar.around(calendar.local, unit), 0.95, unit))


def _next(reader: Reader, at: int) -> Reading | None:
    calendar = reader.calendar
    following = reader.word(at + 1)
    unit = UNITS.get(following)
    if unit is None:
        found = quantity(reader, at + 1)
        if found is not None and found.high > 1:
            end = calendar.shifted(found.unit, found.high)
            start = calendar.now if found.unit in EXACT else calendar.local
            return fixed(found.stop, Period(start, end), 0.9)
        tomorrow = calendar.today + DAY
        return _nearest(reader, at + 1, lambda cycle: cycle.earliest(tomorrow), "next")
    if unit in EXACT or unit == "day" or following.endswith("s"):
        return None
    return _in_week(reader, fixed(at + 2, calendar.around(calendar.local, unit, 1), 0.95, unit))


def _nearest(reader: Reader, at: int, turn: Callable[[Cycle], Period], lead: str) -> Reading | None:
    """The words "last", "this" or "next" with a name: a weekday, a month, a season, a quarter."""
    if reader.word(at)[:1].isdecimal():
        return None
    named = absolute(reader, at, lead, False)
    if named is None or named.cycle is None:
        return None
    period = turn(named.cycle)
    if named.kind != "weekday" or lead == "this":
        certainty = max(named.certainty, 0.85)
        return fixed(named.stop, period, certainty, named.kind)
    this_week = reader.calendar.around(reader.calendar.local, "week")
    if not this_week.start <= period.start < this_week.end:
        return fixed(named.stop, period, 0.9, "day")
    # "Last Monday" said on a Thursday: three days ago, or ten.
    week = timedelta(days=7 if lead == "next" else -7)
    other = Period(period.start + week, period.end + week)
    return Reading(named.stop, 0.75, ((period, 0.75), (other, 0.4)), None, "day")


def _beyond(reader: Reader, at: int) -> Reading | None:
    """Such as "(the) day before yesterday", "week before last", "Friday after next"."""
    word, calendar = reader.word(at), reader.calendar
    side, pivot = reader.word(at + 1), reader.word(at + 2)
    if side == "before" and pivot in {"yesterday", "last"}:
        offset = -2
    elif side == "after" and pivot in {"tomorrow", "next"}:
        offset = 2
    else:
        return None
    if word in {"night", "evening"} and pivot == "last":
        return fixed(at + 3, day_part(calendar, word, offset), 0.95, "part")
    if pivot in {"yesterday", "tomorrow"}:
        return fixed(at + 3, calendar.day(offset), 0.97, "day") if word == "day" else None
    if word in WEEKDAYS:
        cycle = cal.weekday(WEEKDAYS[word])
        week = timedelta(days=7 if offset > 0 else -7)
        near = cycle.earliest(calendar.today + DAY) if offset > 0 else cycle.ended(calendar.today)
        return fixed(at + 3, Period(near.start + week, near.end + week), 0.85, "day")
    unit = UNITS[word]
    if unit in EXACT or unit == "day":
        return None
    return fixed(at + 3, calendar.around(calendar.local, unit, offset), 0.95, unit)


def _current(reader: Reader, at: int, lead: str) -> Reading | None:
    """Such as "(the end of the) week", "(over the) weekend"."""
    unit, calendar = UNITS.get(reader.word(at), ""), reader.calendar
    if unit == "weekend" and lead in _WEEKENDS:
        cycle = cal.weekday(5)
        weekend = Reading(at + 1, 0.8, (), cycle, "day")
        return weekend.mapped(lambda p: Period(p.start, p.start + 2 * DAY), at + 1, unit)
    if lead == "part" and unit in {"week", "month", "quarter", "year"}:
        if reader.word(at + 1) in {"before", "after", "of"}:
            return None
        return fixed(at + 1, calendar.around(calendar.local, unit), 0.8, unit)
    return None


def _ago(reader: Reader, found: Quantity, lead: str) -> Reading | None:
    """Such as "two months ago", "3 days from now"."""
    calendar, at = reader.calendar, found.stop
    at_least = found.bound == "more" or lead == "over"
    ending = reader.word(at)
    if ending in {"ago", "back"} or (ending == "earlier" and reader.word(at + 1) != "than"):
        certainty = 0.95 if ending == "ago" else 0.5
        if at_least and ending == "ago":
            return fixed(at + 1, Period(datetime.min, _floor(calendar, found, -found.low)), 0.6)
        if found.bound == "less":
            return _rolling(reader, found, 0.7, at + 1)
        return fixed(at + 1, _centred(calendar, found, -1), certainty, found.unit)
    if reader.words[at : at + 2] == ["from", "now"]:
        return fixed(at + 2, _centred(calendar, found, 1), 0.9, found.unit)
    if lead == "in" and reader.future:
        return fixed(at, _centred(calendar, found, 1), 0.6, found.unit)
    return None


def _floor(calendar: Calendar, found: Quantity, count: float) -> datetime:
    moment = calendar.shifted(found.unit, count)
    return moment if found.unit in EXACT else cal.midnight(moment)


def _centred(calendar: Calendar, found: Quantity, sign: int) -> Period:
    """So many units from now, half a unit more or less; days whole."""
    near, far = sign * found.low, sign * found.high
    unit = cal.length(found.unit)
    vague = _VAGUE * (found.low + found.high) / 2 * unit
    if found.unit in EXACT:
        # "Half an hour ago" is no hour wide.
        first, last = sorted(
            (calendar.shifted(found.unit, near), calendar.shifted(found.unit, far))
        )
        half = unit * min(1.0, found.low) / 2
        start, end = first - half, last + half
        return Period(start, min(end, calendar.now) if sign < 0 else end, vague)
    if found.unit == "weekend":
        return calendar.around(calendar.local, "weekend", round(near))
    first, last = sorted((_floor(calendar, found, near), _floor(calendar, found, far)))
    days = (unit * min(1.0, found.low) / 2).days
    start, end = first - days * DAY, last + (days + 1) * DAY
    if sign < 0:
        end = min(end, calendar.local)
    return Period(min(start, end), end, vague)


def _rolling(reader: Reader, found: Quantity, certainty: float, stop: int | None = None) -> Reading:
    """The units up to now, from the midnight that begins the first."""
    calendar = reader.calendar
    start = _floor(calendar, found, -found.high)
    end = calendar.now if found.unit in EXACT else calendar.local
    return fixed(found.stop if stop is None else stop, Period(start, end), certainty)


def _soft(reader: Reader, at: int, lead: str, the: bool) -> Reading | None:
    """Words for times that have no bounds."""
    if reader.word(at) not in SOFT:
        return None
    word, following, calendar = reader.word(at), reader.word(at + 1), reader.calendar
    recent = Period(calendar.local - _RECENT_DAYS * DAY, calendar.local, _RECENT_DAYS / 2 * DAY)
    if word in {"recently", "lately"} or (word == "late" and lead == "of"):
        return fixed(at + 1, recent, 0.5)
    if word == "recent" and following in UNITS and lead in _OVER:
        return _rolling(reader, Quantity(2, _RECENT_COUNT, UNITS[following], at + 2), 0.6)
    if word == "nowadays":
        return fixed(at + 1, recent, 0.3)
    if word == "these":
        if following == "days":
            return fixed(at + 2, recent, 0.3)
        return _last(reader, at + 1, "over", True) if following in LAST else None
    if word == "tonight":
        return fixed(at + 1, day_part(calendar, "night", 0), 0.95, "part")
    if word in {"earlier", "later"}:
        return _rest_of(reader, at)
    if word == "other" and the and following in _OTHER:
        days = _OTHER[following]
        start = calendar.today - days * DAY
        return fixed(at + 2, Period(start, calendar.today, days / 2 * DAY), 0.6)
    for words, most, least in _AGES:
        if reader.words[at : at + len(words)] == words and reader.word(at - 1) != "how":
            first = datetime.min if most is None else calendar.today - most * DAY
            return fixed(at + len(words), Period(first, calendar.today - least * DAY), 0.3)
    if word == "now" and lead in {"until", "till", "to", "between", "through", "from", "since"}:
        return fixed(at + 1, Period(calendar.local, calendar.local), 0.9, "now")
    return None


def _rest_of(reader: Reader, at: int) -> Reading | None:
    """Such as "earlier today", "later this week"."""
    word, following, local = reader.word(at), reader.word(at + 1), reader.calendar.local
    whole = (
        relative(reader, at + 1, "", False) if following == "today" or following in THIS else None
    )
    if whole is None or not whole.periods or whole.kind not in UNITS:
        return None
    if word == "earlier":
        return whole.mapped(lambda p: Period(p.start, max(p.start, min(p.end, local))), whole.stop)
    return whole.mapped(lambda p: Period(min(p.end, max(p.start, local)), p.end), whole.stop)
