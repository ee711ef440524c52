"""One time with all that narrows it: "early June", "the first week of May", "Monday evening"."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from memkit.temporal import calendar as cal
from memkit.temporal.absolute import absolute
from memkit.temporal.calendar import DAY, EXACT, HOUR, Calendar, Period
from memkit.temporal.holidays import HOLIDAYS
from memkit.temporal.quantities import quantity
from memkit.temporal.reading import Reader, Reading
from memkit.temporal.relative import SOFT, part_of, relative
from memkit.temporal.vocabulary import (
    COUNTS,
    DAYS,
    LAST,
    MONTHS,
    NEXT,
    NINETIES,
    ORDINALS,
    THIS,
    UNITS,
    VAGUE_COUNTS,
    WEEKDAYS,
)

# Terms within terms that are looked at: "the end of the first week of early May" has three.
_DEPTH = 3

_THIRDS = {"early": (0, 1 / 3), "mid": (1 / 3, 2 / 3), "late": (2 / 3, 1)}
_ENDS = {
    "beginning": (0, 0.25), "start": (0, 0.25), "middle": (1 / 3, 2 / 3), "end": (0.75, 1),
    "close": (0.75, 1),
}  # fmt: skip
_HALVES = {"first": (0, 0.5), "second": (0.5, 1), "latter": (0.5, 1), "last": (0.5, 1)}
_DAYS = frozenset({"day", "weekday", "week"})
_ORDINAL = re.compile(r"([1-9])(?:st|nd|rd|th)\Z")
_THE = frozenset("the dem den der le el il".split())
# What a term may begin with, so that most words are passed over at once; and what begins it
# where digits are part of the word: "8th", "'90s", "Q3", "H1".
_FIRST = frozenset(
    {
        *_THIRDS, *_ENDS, *_HALVES, *ORDINALS, *UNITS, *WEEKDAYS, *MONTHS, *NINETIES, *COUNTS,
        *VAGUE_COUNTS, *DAYS, *LAST, *THIS, *NEXT, *cal.PARTS, *cal.SEASONS, *SOFT, *HOLIDAYS,
        *"final half more less".split(),
    }
)  # fmt: skip
_FIRST_LETTERS = frozenset("0123456789'qh")
_CLOCK = re.compile(r"([0-9]{1,2})(?::([0-9]{2})(?::[0-9]{2})?)?(am|pm)?\Z")


def term(reader: Reader, at: int, lead: str, depth: int = 0) -> Reading | None:
    """The time that begins at a token, after the word ``lead`` (empty for none).

    Raises:
        ValueError, OverflowError: no calendar has it.
    """
    if depth > _DEPTH:
        return None
    the = reader.word(at) in _THE
    start = at + 1 if the else at
    word = reader.word(start)
    if word not in _FIRST and word[:1] not in _FIRST_LETTERS:
        return None
    # What stands in front of a part says nothing of the whole.
    found = (
        _fraction(reader, start, depth)
        or _nth(reader, start, depth)
        or _part_first(reader, start, lead, depth)
        or _beside(reader, start, the, depth)
        or relative(reader, start, lead, the)
        or absolute(reader, start, lead, the)
    )
    return None if found is None else _with_clock(reader, _with_part(reader, found))


def _fraction(reader: Reader, at: int, depth: int) -> Reading | None:
    """Such as "early June", "the end of last year", "the first half of 2024"."""
    word, joint = reader.word(at), reader.word(at + 1)
    if word in _THIRDS:
        first, last = _THIRDS[word]
        at += 2 if joint in {"in", "on"} else 1
    elif word in _ENDS and joint == "of":
        first, last = _ENDS[word]
        at += 2
    elif word in _HALVES and joint == "half" and reader.word(at + 2) in {"of", "in"}:
        first, last = _HALVES[word]
        at += 3
    else:
        return None
    whole = term(reader, at, "part", depth + 1)
    if whole is None or whole.kind in EXACT or whole.kind == "now":
        return None
    return whole.mapped(lambda p: _share(p, first, last), whole.stop, "part")


def _share(period: Period, first: float, last: float) -> Period:
    width = period.end - period.start
    start, end = period.start + width * first, period.start + width * last
    if width > 4 * DAY and start.tzinfo is None:
        # Days whole; its own end stays.
        start = cal.midnight(start)
        end = period.end if last == 1 else cal.midnight(end)
    return Period(start, end, period.vague)


def _nth(reader: Reader, at: int, depth: int) -> Reading | None:
    """Such as "the first week of May", "the last two weeks of 2023", "the first Monday of June"."""
    word = reader.word(at)
    if word in {"last", "final"}:
        number = -1
    elif word in ORDINALS:
        number = ORDINALS[word] - 1
    elif match := _ORDINAL.match(word):
        number = int(match[1]) - 1
    else:
        return None
    count = 1
    if reader.word(at + 1) in WEEKDAYS:
        unit, stop = reader.word(at + 1), at + 2
    elif (unit := UNITS.get(reader.word(at + 1), "")) and unit not in EXACT:
        stop = at + 2
    else:
        several = quantity(reader, at + 1)
        if several is None or several.unit in EXACT:
            return None
        unit, stop, count = several.unit, several.stop, round(several.high)
    if reader.word(stop) not in {"of", "in"}:
        return None
    whole = term(reader, stop + 1, "part", depth + 1)
    if whole is None or whole.kind in EXACT or whole.kind in {"day", "weekday", "now"}:
        return None
    return whole.mapped(lambda p: _nth_of(p, unit, number, count), whole.stop, "part")


def _nth_of(whole: Period, unit: str, number: int, count: int) -> Period:
    if whole.start.tzinfo is not None:
        raise ValueError("hours have no weeks")
    if unit in WEEKDAYS or unit == "weekend":
        index = WEEKDAYS.get(unit, 5)
        width = (2 if unit == "weekend" else 1) * DAY
        if number < 0:
            start = cal.weekday(index).latest(whole.end - DAY).start
        else:
            start = cal.weekday(index).earliest(whole.start).start + 7 * number * DAY
        period = Period(start, start + width)
    else:
        first, last = (-count, 0) if number < 0 else (number * count, (number + 1) * count)
        base = whole.end if number < 0 else whole.start
        period = Period(stepped(base, unit, first), stepped(base, unit, last))
    if not whole.start <= period.start < whole.end:
        raise ValueError("that lies outside")
    return period


def stepped(moment: datetime, unit: str, count: int) -> datetime:
    """A local time so many units later: calendar months, and days for the rest."""
    months = {"month": 1, "quarter": 3, "year": 12, "decade": 120, "century": 1200}.get(unit)
    if months is None:
        return moment + count * cal.length(unit)
    first = moment.year * 12 + moment.month - 1 + count * months
    day = min(moment.day, (cal.months_from(first, 1).end - DAY).day)
    return moment.replace(year=first // 12, month=first % 12 + 1, day=day)


def _part_first(reader: Reader, at: int, lead: str, depth: int) -> Reading | None:
    """Such as "the evening of 7 July", "morning on Monday", "at 3pm yesterday"."""
    word = reader.word(at)
    if word in cal.PARTS and reader.word(at + 1) in {"of", "on"}:
        day = term(reader, at + 2, "on", depth + 1)
        if day is not None and day.kind in {"day", "weekday"}:
            return day.mapped(lambda p: part_of(p, word), day.stop)
        return None
    clock = _clock(reader, at) if lead == "at" else None
    if clock is None:
        return None
    change, stop = clock
    day = term(reader, stop + 1 if reader.word(stop) == "on" else stop, "on", depth + 1)
    if day is None or day.kind not in {"day", "weekday"}:
        return None
    return day.mapped(change, day.stop)


@dataclass(frozen=True, slots=True)
class Step:
    """Such as "two weeks before", "the Friday after": a step to the side of something."""

    unit: str
    count: int
    #: Whether the count was said: "one week before" is a point, "the week before" a period.
    counted: bool
    side: str
    stop: int


def step(reader: Reader, at: int, the: bool) -> Step | None:
    """The step that begins at a token."""
    word = reader.word(at)
    unit = word if word in WEEKDAYS else UNITS.get(word, "")
    if unit and the:
        stop, count, counted = at + 1, 1, False
    else:
        found = quantity(reader, at)
        if found is None or found.bound:
            return None
        unit, stop, count, counted = found.unit, found.stop, max(1, round(found.high)), True
    side = reader.word(stop)
    if side not in {"before", "after", "following", "preceding", "of"} or unit in EXACT:
        return None
    if side == "of" and (counted or unit not in {"week", "weekend", "day"}):
        return None
    side = {"following": "after", "preceding": "before"}.get(side, side)
    return Step(unit, count, counted, side, stop + 1)


def _beside(reader: Reader, at: int, the: bool, depth: int) -> Reading | None:
    found = step(reader, at, the)
    if found is None:
        return None
    target = term(reader, found.stop, "on", depth + 1)
    if target is None or target.kind in EXACT or target.kind == "now":
        return None
    calendar = reader.calendar
    return target.mapped(lambda p: _taken(calendar, p, found), target.stop, "part")


def _taken(calendar: Calendar, period: Period, by: Step) -> Period:
    """The period a step away from another."""
    if period.start.tzinfo is not None:
        raise ValueError("hours have no weeks")
    if by.side == "of":
        return period if by.unit == "day" else calendar.around(period.start, by.unit)
    before = by.side == "before"
    if by.unit in WEEKDAYS or (by.unit == "weekend" and not by.counted):
        cycle = cal.weekday(WEEKDAYS.get(by.unit, 5))
        width = (2 if by.unit == "weekend" else 1) * DAY
        near = cycle.latest(period.start - width) if before else cycle.earliest(period.end)
        return Period(near.start, near.start + width)
    sign = -1 if before else 1
    edge = period.start if before else period.end
    if not by.counted:
        start, end = sorted((edge, stepped(edge, by.unit, sign)))
        return Period(start, end)
    centre = stepped(period.start, by.unit, sign * by.count)
    half = (cal.length(by.unit) / 2).days * DAY
    return Period(centre - half, centre + half + DAY)


def _with_part(reader: Reader, found: Reading) -> Reading:
    """Such as "Monday evening", "8 May in the morning"."""
    if found.kind not in {"day", "weekday"}:
        return found
    at = found.stop
    if reader.words[at : at + 2] in (["in", "the"], ["during", "the"]):
        at += 2
    elif reader.word(at) == "at" and reader.word(at + 1) in {"night", "noon", "midday"}:
        at += 1
    part = reader.word(at)
    if part not in cal.PARTS:
        return found
    return found.mapped(lambda p: part_of(p, part), at + 1)


def _with_clock(reader: Reader, found: Reading) -> Reading:
    """Such as "yesterday at 3pm", "on 8 May at 10:30"."""
    if found.kind not in {"day", "weekday"} or reader.word(found.stop) not in {"at", "around"}:
        return found
    clock = _clock(reader, found.stop + 1)
    if clock is None:
        return found
    change, stop = clock
    return found.mapped(change, stop)


def _clock(reader: Reader, at: int) -> tuple[Callable[[Period], Period], int] | None:
    """The time of day at a token, as what it makes of a day, and where it ends."""
    match = _CLOCK.match(reader.word(at))
    if match is None:
        return None
    stop, half = at + 1, match[3]
    if half is None and reader.word(stop) in {"am", "pm"}:
        half, stop = reader.word(stop), stop + 1
    elif reader.word(stop) in {"o'clock", "uhr"}:
        stop += 1
    hour, minute = int(match[1]), int(match[2] or 0)
    if half is not None and 1 <= hour <= 12:
        hour = hour % 12 + (12 if half == "pm" else 0)
    if hour > 23 or minute > 59:
        return None
    width = HOUR if match[2] is None else timedelta(minutes=15)

    def change(day: Period) -> Period:
        start = cal.midnight(day.start) + timedelta(hours=hour, minutes=minute)
        return Period(start, start + width, HOUR)

    return change, stop
