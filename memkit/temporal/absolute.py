"""Times with a name of their own: dates, weekdays, months, quarters, seasons, years, decades."""

from __future__ import annotations

import re
from datetime import datetime
from functools import partial

from memkit.temporal import calendar as cal
from memkit.temporal.calendar import DAY, Period
from memkit.temporal.holidays import HOLIDAYS, holiday
from memkit.temporal.numeric import numeric
from memkit.temporal.reading import Reader, Reading, fixed
from memkit.temporal.vocabulary import (
    AMBIGUOUS_MONTHS,
    AMBIGUOUS_WEEKDAYS,
    EACH,
    FOREIGN_MONTHS,
    MONTHS,
    NAME_MONTHS,
    NINETIES,
    ORDINALS,
    PLURAL_WEEKDAYS,
    SPEAKING,
    WEEKDAYS,
)
from memkit.temporal.years import decade, year

_DAY = re.compile(r"([0-9]{1,2})(st|nd|rd|th)?\Z")

_ENGLISH_IN = frozenset({"in", "on", "at"})
#: What a first name follows as well as a month does.
_NAMES_FOLLOW = frozenset("by from to with after before for around about of and at on near".split())
_WEEKDAYS_FOLLOW = frozenset(
    "on by until till since before after from to between last next this am le el il op by of"
    " through".split()
)
_FALLS = frozenset({"fall", "spring"})


def absolute(reader: Reader, at: int, lead: str, the: bool) -> Reading | None:
    """The named time that begins at a token, after ``lead`` and perhaps "the"."""
    word = reader.word(at)
    if not word:
        return None
    if word in MONTHS:
        return _month(reader, at, lead)
    if word in WEEKDAYS:
        return _weekday(reader, at, lead)
    if word in HOLIDAYS:
        return holiday(reader, at, lead)
    if word in cal.SEASONS:
        return _season(reader, at, lead, the)
    if word[0].isdecimal() or word[0] in "'qh":
        return (
            _numbered_day(reader, at, lead, the)
            or year(reader, at, lead, the)
            or decade(reader, at, the)
            or numeric(reader, at, lead)
        )
    if word in NINETIES:
        return decade(reader, at, the or lead == "part")
    if word == "week":
        return _week(reader, at)
    if word == "year":
        return year(reader, at, lead, the)
    if word in ORDINALS and reader.word(at + 1) == "quarter":
        return _quarter(reader, at + 2, ORDINALS[word], 0.8)
    if word in ORDINALS and reader.word(at + 1) == "of" and reader.word(at + 2) in MONTHS:
        return _of_year(reader, at + 3, MONTHS[reader.word(at + 2)], ORDINALS[word], 0.9, None)
    return None


def day_number(word: str) -> int | None:
    """The day of a month that a word like "8" or "8th" may be."""
    match = _DAY.match(word)
    return int(match[1]) if match and 1 <= int(match[1]) <= 31 else None


def _date(month: int, day: int, weekday: int | None, number: int) -> Period:
    start = datetime(number, month, day)
    if weekday is not None and start.weekday() != weekday:
        raise ValueError("that day has another weekday")
    return cal.day_of(start)


def _month_of(month: int, number: int) -> Period:
    return cal.months_from(number * 12 + month - 1, 1)


def _month(reader: Reader, at: int, lead: str, weekday: int | None = None) -> Reading | None:
    word = reader.word(at)
    month = MONTHS[word]
    doubtful = word in AMBIGUOUS_MONTHS and reader.token(at).raw.islower()
    day_at = at + 2 if reader.word(at + 1) == "the" else at + 1
    day = day_number(reader.word(day_at))
    # "June 3 to 5" has a day; "May 2 users" does too, alas.
    if day is not None and not reader.token(at).comma:
        return _of_year(reader, day_at + 1, month, day, 0.6 if doubtful else 0.95, weekday)
    found = reader.year(at + 1)
    if found is not None:
        number, stop = found
        return fixed(stop, _month_of(month, number), 0.85 if doubtful else 0.98, "month")
    certainty = _bare_month(reader, at, lead)
    if certainty is None:
        return None
    return Reading(at + 1, certainty, (), cal.yearly(partial(_month_of, month)), "month")


def _bare_month(reader: Reader, at: int, lead: str) -> float | None:
    word, token, following = reader.word(at), reader.token(at), reader.word(at + 1)
    speaks = following in SPEAKING
    if word in FOREIGN_MONTHS:
        # Mars, mayo, mai: months in their own language's company.
        return 0.8 if lead and lead not in _ENGLISH_IN else 0.25 if lead else None
    if word not in AMBIGUOUS_MONTHS:
        return 0.9 if lead else 0.7
    name = word in NAME_MONTHS
    if lead:
        certainty = 0.5 if name and lead in _NAMES_FOLLOW else 0.9
        if name and lead == "with":
            certainty = 0.25
        return certainty * 0.5 if token.owner or (speaks and name) else certainty
    if token.raw.islower() or (word in {"may", "march", "mar"} and (speaks or at == 0)):
        return None
    return 0.2 if speaks or token.owner or name else 0.4


def _of_year(
    reader: Reader, at: int, month: int, day: int, certainty: float, weekday: int | None
) -> Reading:
    """A day of a month, with the year that may follow at ``at``."""
    found = reader.year(at)
    if found is not None:
        period = _date(month, day, None, found[0])
        return fixed(found[1], period, min(1.0, certainty + 0.05), "day")
    cycle = cal.yearly(partial(_date, month, day, None))
    if weekday is not None:
        matching = cal.yearly(partial(_date, month, day, weekday))
        try:
            matching.latest(reader.calendar.local)
            cycle = matching
        except ValueError:
            certainty *= 0.8
    return Reading(at, certainty, (), cycle, "day")


def _weekday(reader: Reader, at: int, lead: str) -> Reading | None:
    word = reader.word(at)
    index = WEEKDAYS[word]
    next_at = at + 2 if reader.word(at + 1) == "the" else at + 1
    dated = _dated(reader, next_at, index)
    if dated is not None:
        return dated
    if word in AMBIGUOUS_WEEKDAYS and lead not in _WEEKDAYS_FOLLOW:
        return None
    week_at = at + 2 if reader.word(at + 1) in {"of", "in"} else at + 1
    offset = {"last": -1, "this": 0, "next": 1}.get(reader.word(week_at))
    if offset is not None and reader.word(week_at + 1) == "week":
        week = reader.calendar.around(reader.calendar.local, "week", offset)
        return fixed(week_at + 2, cal.day_of(week.start + index * DAY), 0.95, "day")
    # "Sunday roast", "the Monday team".
    certainty = 0.9 if lead else 0.45 if reader.word(at - 1) == "the" else 0.6
    if word in AMBIGUOUS_WEEKDAYS:
        certainty = 0.6
    if word in PLURAL_WEEKDAYS or reader.word(at - 1) in EACH:
        certainty = 0.3
    return Reading(at + 1, certainty, (), cal.weekday(index), "weekday")


def _week(reader: Reader, at: int) -> Reading | None:
    """Such as "week 19 of 2026", by ISO 8601; without its year it may count anything."""
    number = reader.word(at + 1)
    found = reader.year(at + 2)
    if found is None or not number.isdecimal():
        return None
    start = datetime.fromisocalendar(found[0], int(number), 1)
    return fixed(found[1], Period(start, start + 7 * DAY), 0.95, "week")


def _dated(reader: Reader, at: int, weekday: int) -> Reading | None:
    """The date that follows a weekday: "Monday, 8 May", "Monday the 8th"."""
    word = reader.word(at)
    if word in MONTHS and day_number(reader.word(at + 1)) is not None:
        return _month(reader, at, "on", weekday)
    day = day_number(word)
    if day is not None:
        month_at = at + 2 if reader.word(at + 1) == "of" else at + 1
        if reader.word(month_at) in MONTHS:
            return _of_year(reader, month_at + 1, MONTHS[reader.word(month_at)], day, 0.95, weekday)
        if not word.isdecimal():
            return Reading(at + 1, 0.8, (), cal.monthday(day), "day")
        return None
    found = numeric(reader, at, "on") if word[:1].isdecimal() else None
    return found if found is not None and found.kind == "day" else None


def _numbered_day(reader: Reader, at: int, lead: str, the: bool) -> Reading | None:
    word = reader.word(at)
    day = day_number(word)
    if day is None:
        return None
    following = reader.word(at + 1)
    if not word.isdecimal() and following == "quarter" and day <= 4:
        return _quarter(reader, at + 2, day, 0.8)
    if not word.isdecimal() and following == "century":
        return fixed(at + 2, cal.months_from((day - 1) * 1200 + 12, 1200), 0.8, "century")
    month_at = at + 2 if following in {"of", "de"} else at + 1
    month = reader.word(month_at)
    if month in MONTHS:
        # "2 may be", "the 3 march on": lower case and no ordinal.
        doubtful = month in {"may", "march", "mars"} and reader.token(month_at).raw.islower()
        if doubtful and word.isdecimal() and reader.word(month_at + 1) in SPEAKING:
            return None
        return _of_year(reader, month_at + 1, MONTHS[month], day, 0.8 if doubtful else 0.95, None)
    if the and not word.isdecimal() and lead:
        if following == "of" and reader.words[at + 2 : at + 4] == ["this", "month"]:
            month_ = reader.calendar.around(reader.calendar.local, "month")
            return fixed(at + 4, _date(month_.start.month, day, None, month_.start.year), 0.95)
        if following == "of" and reader.words[at + 2 : at + 4] == ["last", "month"]:
            month_ = reader.calendar.around(reader.calendar.local, "month", -1)
            return fixed(at + 4, _date(month_.start.month, day, None, month_.start.year), 0.95)
        if lead == "on" or lead in {"since", "until", "by"}:
            return Reading(at + 1, 0.6, (), cal.monthday(day), "day")
    return None


def _quarter(reader: Reader, at: int, quarter: int, certainty: float) -> Reading | None:
    if not 1 <= quarter <= 4:
        return None

    def make(number: int) -> Period:
        return cal.months_from(number * 12 + 3 * quarter - 3, 3)

    found = reader.year(at)
    if found is not None:
        return fixed(found[1], make(found[0]), 0.97, "quarter")
    return Reading(at, certainty, (), cal.yearly(make), "quarter")


def _season(reader: Reader, at: int, lead: str, the: bool) -> Reading | None:
    word = reader.word(at)
    first = cal.SEASONS[word]

    def make(number: int) -> Period:
        return cal.months_from(number * 12 + first - 1, 3)

    found = reader.year(at + 1)
    if found is not None:
        number, stop = found
        if first != 12:
            return fixed(stop, make(number), 0.9, "season")
        # A winter has two years: that in which it begins, or that of most of it.
        return Reading(stop, 0.6, ((make(number - 1), 0.6), (make(number), 0.6)), None, "season")
    if not lead or lead in {"to", "with", "and"}:
        # To spring, to fall.
        return None
    certainty = 0.6 if the or lead in {"last", "this", "next", "part"} else 0.5
    if word in _FALLS and not the:
        certainty -= 0.1
    return Reading(at + 1, certainty, (), cal.yearly(make, first), "season")
