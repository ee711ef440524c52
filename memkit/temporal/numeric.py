"""Times written in digits: ISO 8601, dates with points and slashes, "Q3/2025"."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

from memkit.temporal import calendar as cal
from memkit.temporal.calendar import Period
from memkit.temporal.reading import Reader, Reading, fixed

_ISO = re.compile(
    r"([0-9]{4})-([0-9]{2})(?:-([0-9]{2})"
    r"(?:t([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.[0-9]+)?)?(z|[+-][0-9]{2}:?[0-9]{2})?)?)?\Z"
)
_ISO_WEEK = re.compile(r"([0-9]{4})-w([0-9]{2})\Z")
_QUARTER = re.compile(r"(?:q([1-4])(?:[/-]?([0-9]{4}))?|([0-9]{4})-?q([1-4]))\Z")
_HALF = re.compile(r"(?:h([12])(?:[/-]?([0-9]{4}))?|([0-9]{4})-?h([12]))\Z")
# "2024.2.1" is a version.
_FIRST_YEAR = re.compile(
    r"([0-9]{4})(?:(?:\.|-)([0-9]{2})[.-]([0-9]{2})|/([0-9]{1,2})/([0-9]{1,2}))\Z"
)
_LAST_YEAR = re.compile(r"([0-9]{1,2})([/.-])([0-9]{1,2})\2([0-9]{4}|[0-9]{2})\Z")
_VERSIONED = frozenset({"version", "release", "build", "v"})


def numeric(reader: Reader, at: int, lead: str) -> Reading | None:
    """The time in digits at a token; ValueError where no calendar has it."""
    word = reader.word(at)
    if match := _ISO.match(word):
        return _iso(match, at, lead)
    if match := _ISO_WEEK.match(word):
        start = datetime.fromisocalendar(int(match[1]), int(match[2]), 1)
        return fixed(at + 1, Period(start, start + 7 * cal.DAY), 0.98, "week")
    if match := _QUARTER.match(word):
        return _part_of_year(reader, at, match, 3, 0.85)
    if match := _HALF.match(word):
        return _part_of_year(reader, at, match, 6, None)
    if match := _FIRST_YEAR.match(word):
        day = _day(match[1], match[2] or match[4], match[3] or match[5])
        return fixed(at + 1, day, 0.95, "day")
    if match := _LAST_YEAR.match(word):
        return _day_and_month(reader, at, match)
    return None


def _iso(match: re.Match[str], at: int, lead: str) -> Reading | None:
    if match[3] is None:
        if not 1900 <= int(match[1]) <= 2100:
            return None
        first = int(match[1]) * 12 + int(match[2]) - 1
        if not 1 <= int(match[2]) <= 12:
            return None
        return fixed(at + 1, cal.months_from(first, 1), 0.9 if lead else 0.8, "month")
    day = _day(match[1], match[2], match[3])
    if match[4] is None:
        return fixed(at + 1, day, 1.0, "day")
    start = day.start.replace(hour=int(match[4]), minute=int(match[5]), second=int(match[6] or 0))
    zone = match[7]
    if zone == "z":
        start = start.replace(tzinfo=UTC)
    elif zone is not None:
        away = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
        start = start.replace(tzinfo=timezone(away if zone[0] == "+" else -away)).astimezone(UTC)
    width = timedelta(minutes=1) if match[6] is None else timedelta(seconds=1)
    return fixed(at + 1, Period(start, start + width), 1.0, "minute")


def _part_of_year(
    reader: Reader, at: int, match: re.Match[str], months: int, bare: float | None
) -> Reading | None:
    part = int(match[1] or match[4])

    def make(number: int) -> Period:
        return cal.months_from(number * 12 + months * (part - 1), months)

    written = match[2] or match[3]
    found = (int(written), at + 1) if written else reader.year(at + 1)
    if found is not None:
        return fixed(found[1], make(found[0]), 0.97, "quarter")
    if bare is None:
        # "H1" is a heading as well.
        return None
    return Reading(at + 1, bare, (), cal.yearly(make), "quarter")


def _day_and_month(reader: Reader, at: int, match: re.Match[str]) -> Reading | None:
    first, last, year = int(match[1]), int(match[3]), match[4]
    certainty = 0.95
    if len(year) == 2:
        # "3.4.26" may be a version.
        if match[2] == ".":
            return None
        year = str(reader.full_year(int(year)))
        certainty = 0.7
    elif not 1900 <= int(year) <= 2100:
        return None
    if match[2] == ".":
        if reader.word(at - 1) in _VERSIONED:
            return None
        # Points go with the day first, wherever they are used.
        return fixed(at + 1, _day(year, last, first), 0.9, "day")
    if first > 12 or last > 12 or first == last:
        month, day = (last, first) if first > 12 else (first, last)
        return fixed(at + 1, _day(year, month, day), certainty, "day")
    # Day or month first: both are offered, at half the certainty.
    options = (_day(year, last, first), _day(year, first, last))
    half = certainty / 2
    return Reading(at + 1, half, tuple((option, half) for option in options), None, "day")


def _day(year: str, month: str | int, day: str | int) -> Period:
    return cal.day_of(datetime(int(year), int(month), int(day)))
