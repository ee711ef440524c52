"""Days with names: those by which people commonly tell times."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from memkit.temporal import calendar as cal
from memkit.temporal.calendar import DAY, Period
from memkit.temporal.reading import Reader, Reading, fixed

#: What their names begin with.
HOLIDAYS = frozenset("christmas xmas easter halloween thanksgiving valentine new".split())


def holiday(reader: Reader, at: int, lead: str) -> Reading | None:
    """The holiday that begins at a token.

    Christmas is 24 to 26 December, Easter from Good Friday to Monday, Thanksgiving (of the
    United States) from the fourth Thursday of November to Sunday.
    """
    found = _named(reader, at)
    if found is None:
        return None
    make, stop = found
    dated = reader.year(stop)
    if dated is not None:
        return fixed(dated[1], make(dated[0]), 0.9, "holiday")
    return Reading(stop, 0.75 if lead else 0.4, (), cal.yearly(make), "holiday")


def _named(reader: Reader, at: int) -> tuple[Callable[[int], Period], int] | None:
    word, following = reader.word(at), reader.word(at + 1)
    if word in {"christmas", "xmas"}:
        if following in {"eve", "day"}:
            return _on(12, 24 if following == "eve" else 25), at + 2
        return _on(12, 24, 3), at + 1
    if word == "halloween":
        return _on(10, 31), at + 1
    if word == "valentine":
        return (_on(2, 14), at + 2) if following == "day" else None
    if word == "new":
        last = reader.word(at + 2)
        if following != "year" or last not in {"eve", "day"}:
            return None
        return (_on(12, 31) if last == "eve" else _on(1, 1)), at + 3
    stop = at + 2 if following in {"day", "sunday"} else at + 1
    if word == "easter":
        return (lambda year: Period(easter(year) - 2 * DAY, easter(year) + 2 * DAY)), stop
    return _thanksgiving, stop


def _on(month: int, day: int, days: int = 1) -> Callable[[int], Period]:
    def make(year: int) -> Period:
        start = datetime(year, month, day)
        return Period(start, start + days * DAY)

    return make


def _thanksgiving(year: int) -> Period:
    first = cal.weekday(3).earliest(datetime(year, 11, 1)).start
    return Period(first + 21 * DAY, first + 25 * DAY)


def easter(year: int) -> datetime:
    """Easter Sunday of the Gregorian calendar (Meeus, Astronomical Algorithms, chapter 8)."""
    century, rest = divmod(year, 100)
    golden = year % 19
    leaps, odd = divmod(century, 4)
    shift = (century - (century + 8) // 25 + 1) // 3
    epact = (19 * golden + century - leaps - shift + 15) % 30
    weekday = (32 + 2 * odd + 2 * (rest // 4) - epact - rest % 4) % 7
    late = (golden + 11 * epact + 22 * weekday) // 451
    month, day = divmod(epact + weekday - 7 * late + 114, 31)
    return datetime(year, month, day + 1)
