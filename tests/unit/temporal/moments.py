"""How the tests write times."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from memkit.temporal import TimeQuery, find

#: A Saturday morning in the week that began on Monday 16 November; summer time is over.
BERLIN = "2026-11-21T10:00 Europe/Berlin"

Bounds = tuple[str | None, str | None]


def moment(text: str) -> datetime:
    """The time written as "2026-11-21T10:00 Europe/Berlin"."""
    time, zone = text.split()
    return datetime.fromisoformat(time).replace(tzinfo=ZoneInfo(zone))


def found(query: str, now: str = BERLIN) -> TimeQuery:
    return find(query, moment(now))


def bounds(query: str, now: str = BERLIN) -> list[Bounds]:
    """The spans of a query in local time, days without their midnight."""
    zone = moment(now).tzinfo

    def written(time: datetime | None) -> str | None:
        if time is None:
            return None
        local = time.astimezone(zone).replace(tzinfo=None)
        return local.isoformat(timespec="minutes").removesuffix("T00:00")

    return [(written(span.start), written(span.end)) for span in found(query, now).spans]
