"""Periods of the calendar around a reference time, in that time's own zone."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from memkit.errors import InvalidInput

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
NONE = timedelta()

#: Hours at which the parts of a day begin and end; past 24 is the next day.
PARTS = {
    "morning": (5, 12),
    "noon": (11, 14),
    "lunchtime": (11, 14),
    "midday": (11, 14),
    "afternoon": (12, 18),
    "evening": (17, 24),
    "night": (18, 30),
}
#: Months at which the seasons of a year begin: those of meteorologists, on the northern half.
SEASONS = {"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12}

_MONTHS = {"month": 1, "quarter": 3, "year": 12, "decade": 120, "century": 1200}
_LENGTHS = {
    "second": timedelta(seconds=1),
    "minute": timedelta(minutes=1),
    "hour": HOUR,
    "day": DAY,
    "week": 7 * DAY,
    "weekend": 7 * DAY,
    "fortnight": 14 * DAY,
    "month": 30.4369 * DAY,
    "quarter": 91.3106 * DAY,
    "year": 365.2425 * DAY,
    "decade": 3652.425 * DAY,
    "century": 36524.25 * DAY,
}
EXACT = frozenset({"second", "minute", "hour"})


@dataclass(frozen=True, slots=True)
class Period:
    """From ``start`` up to ``end``.

    Naive times are local to the calendar's zone, aware ones exact moments. ``vague`` is the
    least blur of the span that comes of it.
    """

    start: datetime
    end: datetime
    vague: timedelta = NONE


@dataclass(frozen=True, slots=True)
class Cycle:
    """Periods that come back: the Mondays, the Mays, the 8ths of a month.

    ``make`` gives the one with a number (ValueError or OverflowError if there is none, as of a
    29 February), ``number`` the number of the one that a local time falls in, or near.
    """

    make: Callable[[int], Period]
    number: Callable[[datetime], int]

    # Tried around the number: leap days are eight years apart at most.
    _TRIES = 10

    def latest(self, moment: datetime) -> Period:
        """The last that begins at ``moment`` or before it."""
        first = self.number(moment) + 1
        for number in range(first, first - self._TRIES, -1):
            period = self._made(number)
            if period is not None and period.start <= moment:
                return period
        raise ValueError("no such period near that time")

    def earliest(self, moment: datetime) -> Period:
        """The first that begins at ``moment`` or after it."""
        first = self.number(moment) - 1
        for number in range(first, first + self._TRIES):
            period = self._made(number)
            if period is not None and period.start >= moment:
                return period
        raise ValueError("no such period near that time")

    def ended(self, moment: datetime) -> Period:
        """The last that is over at ``moment``."""
        first = self.number(moment) + 1
        for number in range(first, first - self._TRIES, -1):
            period = self._made(number)
            if period is not None and period.end <= moment:
                return period
        raise ValueError("no such period near that time")

    def _made(self, number: int) -> Period | None:
        try:
            return self.make(number)
        except (ValueError, OverflowError):
            return None


class Calendar:
    """The calendar around ``now``, whose zone says where days begin.

    What lies beyond the years 1 to 9999 raises ValueError or OverflowError.

    Raises:
        InvalidInput: ``now`` has no zone.
    """

    def __init__(self, now: datetime) -> None:
        if now.utcoffset() is None:
            raise InvalidInput("the reference time has no zone: make it aware")
        self.zone = now.tzinfo
        self.now = now.astimezone(UTC)
        # With its fold: an hour that the clocks repeat is known apart.
        self.local = now.replace(tzinfo=None)
        self.today = midnight(self.local)

    def utc(self, moment: datetime) -> datetime:
        """The exact time of a local one; what the clocks skip is when they skip it."""
        if moment.tzinfo is not None:
            return moment
        try:
            return moment.replace(tzinfo=self.zone).astimezone(UTC)
        except OverflowError:
            # The first or last day of the calendar, of which UTC has only a part.
            return moment.replace(tzinfo=UTC)

    def naive(self, moment: datetime) -> datetime:
        """The local time of a moment."""
        if moment.tzinfo is None:
            return moment
        return moment.astimezone(self.zone).replace(tzinfo=None)

    def day(self, offset: int = 0) -> Period:
        """A day, by its distance from today."""
        return day_of(self.today + offset * DAY)

    def around(self, moment: datetime, unit: str, offset: int = 0) -> Period:
        """The whole day, week, month ... of a local time, or one ``offset`` units away."""
        start = midnight(moment)
        if unit == "day":
            return day_of(start + offset * DAY)
        if unit == "week":
            start += (7 * offset - start.weekday()) * DAY
            return Period(start, start + 7 * DAY)
        if unit == "weekend":
            start += (7 * offset + 5 - start.weekday()) * DAY
            return Period(start, start + 2 * DAY)
        if unit == "fortnight":
            start += (14 * offset - start.weekday()) * DAY
            return Period(start, start + 14 * DAY)
        if unit in EXACT:
            start = moment.replace(
                minute=0 if unit == "hour" else moment.minute, second=0, microsecond=0
            )
            start += offset * _LENGTHS[unit]
            return Period(start, start + _LENGTHS[unit])
        months = _MONTHS[unit]
        if unit == "century":
            # The 20th began with 1901.
            first = (start.year - 1) // 100 * 1200 + 12
        else:
            first = (start.year * 12 + start.month - 1) // months * months
        return months_from(first + offset * months, months)

    def shifted(self, unit: str, count: float) -> datetime:
        """``now``, that many units away: exact for hours and less, else local.

        Whole months keep the day of the month where the other month has it.
        """
        if unit in EXACT:
            return self.now + count * _LENGTHS[unit]
        if unit in _MONTHS:
            months = count * _MONTHS[unit]
            whole = int(months)
            first = self.local.year * 12 + self.local.month - 1 + whole
            year, month = divmod(first, 12)
            if not 1 <= year <= 9999:
                raise ValueError("beyond the calendar")
            last = monthrange(year, month + 1)[1]
            moved = self.local.replace(year=year, month=month + 1, day=min(self.local.day, last))
            return moved + (months - whole) * _LENGTHS["month"]
        return self.local + count * _LENGTHS[unit]


def length(unit: str) -> timedelta:
    """How long a unit is on average."""
    return _LENGTHS[unit]


def midnight(moment: datetime) -> datetime:
    """The start of a local time's day."""
    return moment.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)


def day_of(start: datetime) -> Period:
    """The day that begins at ``start``."""
    return Period(start, start + DAY)


def year(number: int) -> Period:
    """A year."""
    return Period(datetime(number, 1, 1), datetime(number + 1, 1, 1))


def months_from(first: int, count: int) -> Period:
    """``count`` months; the first is counted from January of the year 0."""
    (year_, month), (last_year, last_month) = divmod(first, 12), divmod(first + count, 12)
    return Period(datetime(year_, month + 1, 1), datetime(last_year, last_month + 1, 1))


def yearly(make: Callable[[int], Period], starts: int = 1) -> Cycle:
    """What comes back each year; ``starts`` is the month in which it may begin at the latest
    for January to count as the year before's (12 for winter).
    """

    def number(moment: datetime) -> int:
        return moment.year - (1 if starts == 12 and moment.month <= 2 else 0)

    return Cycle(make, number)


def weekday(index: int) -> Cycle:
    """A day of the week, Monday being 0."""

    def make(number: int) -> Period:
        return day_of(datetime.fromordinal(number * 7 + 1 + index))

    # Day 1 of the year 1 was a Monday.
    return Cycle(make, lambda moment: (moment.toordinal() - 1) // 7)


def monthday(day: int) -> Cycle:
    """A day of the month."""

    def make(number: int) -> Period:
        return day_of(datetime(number // 12, number % 12 + 1, day))

    return Cycle(make, lambda moment: moment.year * 12 + moment.month - 1)
