"""Times as whole microseconds since 1970: exact, ordered, and a number everywhere."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(moment: datetime) -> int:
    """Microseconds since 1970 of an aware time."""
    since = moment - EPOCH
    return (since.days * 86400 + since.seconds) * 1_000_000 + since.microseconds


def moment(value: int) -> datetime:
    """The UTC time of :func:`micros`."""
    return EPOCH + timedelta(microseconds=value)
