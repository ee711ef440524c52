"""Times as cron writes them."""

from __future__ import annotations

import re
from typing import Any, Final
from zoneinfo import ZoneInfo

from memkit.errors import ConfigurationError
from memkit.providers.requirements import require

_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_STEPS: Final = re.compile(r"(?P<first>\w+|\*)(?:-(?P<last>\w+))?(?:/(?P<step>\d+))?")


def trigger_of(expression: str, timezone: str, setting: str) -> Any:
    """When an expression of cron's is due, as APScheduler has it.

    Days of the week are cron's: 0 and 7 are Sunday.

    Raises:
        ConfigurationError: it is none, or the time zone is unknown.
    """
    require("apscheduler", "the server's schedule", "server")
    from apscheduler.triggers.cron import CronTrigger

    try:
        zone = ZoneInfo(timezone)
    except (KeyError, ValueError, OSError):
        raise ConfigurationError(
            f"schedule_timezone should be a time zone, as Europe/Berlin is, not {timezone!r}"
        ) from None
    parts = expression.split()
    try:
        if len(parts) != 5:
            raise ValueError
        minute, hour, day, month, weekday = parts
        if day != "*" and weekday != "*":
            # cron takes either of them, others both: nobody should have to know.
            raise ConfigurationError(
                f"{setting} names days of the month and of the week: give one of them, and * for "
                "the other"
            )
        return CronTrigger(
            minute=minute,
            hour=hour,
            day=day,
            month=month,
            day_of_week=_weekdays(weekday),
            timezone=zone,
        )
    except ValueError:
        raise ConfigurationError(
            f"{setting} should be five fields as cron has them, minute hour day month weekday: "
            '"0 3 * * *" is every day at three'
        ) from None


def _weekdays(field: str) -> str:
    """Days of the week of cron's by their names: APScheduler counts from Monday."""
    if field == "*":
        return field
    named: list[str] = []
    for part in field.split(","):
        found = _STEPS.fullmatch(part)
        if found is None:
            raise ValueError
        step = int(found["step"] or 1)
        if found["first"] == "*":
            first, last = 0, 6
        else:
            first = _weekday(found["first"])
            # 3/2 is every second day from Wednesday on.
            last = first if found["step"] is None else 6
            if found["last"] is not None:
                last = _weekday(found["last"])
        if step < 1 or last < first:
            raise ValueError
        named += [_DAYS[day % 7] for day in range(first, last + 1, step)]
    return ",".join(dict.fromkeys(named))


def _weekday(text: str) -> int:
    if text.isdecimal():
        number = int(text)
        if number > 7:
            raise ValueError
        return number
    return _DAYS.index(text.casefold())
