"""Days begin where the reference time's zone says."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone, tzinfo

import pytest

from memkit.errors import InvalidInput
from memkit.temporal import find
from tests.unit.temporal.moments import bounds, found, moment


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "start", "end"),
    [
        ("2026-11-21T10:00 UTC", "2026-11-21", "2026-11-22"),
        ("2026-11-21T10:00 Asia/Kolkata", "2026-11-20T18:30", "2026-11-21T18:30"),
        ("2026-11-21T01:00 Pacific/Kiritimati", "2026-11-20T10:00", "2026-11-21T10:00"),
        ("2026-11-20T23:00 Pacific/Pago_Pago", "2026-11-20T11:00", "2026-11-21T11:00"),
        # 25 hours, and 23.
        ("2026-11-01T12:00 America/New_York", "2026-11-01T04:00", "2026-11-02T05:00"),
        ("2026-03-29T12:00 Europe/Berlin", "2026-03-28T23:00", "2026-03-29T22:00"),
        # The clocks skipped its midnight.
        ("2018-11-04T12:00 America/Sao_Paulo", "2018-11-04T03:00", "2018-11-05T02:00"),
    ],
)
def test_today_is_the_day_of_the_zone(now: str, start: str, end: str) -> None:
    (span,) = found("today", now).spans
    assert (span.start, span.end) == (utc(start), utc(end))


@pytest.mark.parametrize("zone", [timezone(timedelta(hours=-3, minutes=-30)), UTC])
def test_any_zone_will_do(zone: tzinfo) -> None:
    now = datetime(2026, 11, 21, 10, tzinfo=zone)
    (span,) = find("yesterday", now).spans
    assert span.start == datetime(2026, 11, 20, tzinfo=zone)
    assert span.start is not None
    assert span.start.tzinfo is UTC


def test_hours_ago_are_hours_when_the_clocks_change() -> None:
    # 02:30 for the second time: three hours before it was 00:30.
    now = moment("2026-10-25T02:30 Europe/Berlin").replace(fold=1)
    (span,) = find("in the last three hours", now).spans
    assert (span.start, span.end) == (utc("2026-10-24T22:30"), utc("2026-10-25T01:30"))


def test_up_to_now_ends_now_in_an_hour_that_comes_twice() -> None:
    now = moment("2026-10-25T02:30 Europe/Berlin").replace(fold=1)
    for query in ("since Monday", "over the past two days", "recently"):
        (span,) = find(query, now).spans
        assert span.end == now.astimezone(UTC)


def test_a_day_that_a_zone_left_out_is_no_time() -> None:
    assert bounds("yesterday", "2011-12-31T12:00 Pacific/Apia") == []


@pytest.mark.parametrize("query", ["last week", "nothing of the sort"])
def test_the_reference_time_needs_a_zone(query: str) -> None:
    with pytest.raises(InvalidInput, match="zone"):
        find(query, datetime(2026, 11, 21))


@pytest.mark.parametrize("year", [1, 2, 9998, 9999])
def test_the_ends_of_the_calendar_are_no_error(year: int) -> None:
    now = datetime(year, 6, 1, tzinfo=timezone(timedelta(hours=13)))
    for query in (
        "last year", "next year", "2 years ago", "in the nineties", "on Monday", "next decade",
        "the century before last", "will it be in May", "since 0001-01-01", "until 9999-12-31",
        "in the year 9999", "recently", "a long time ago", "the other year", "in 9999",
    ):  # fmt: skip
        find(query, now)


PROGRAM = """
import locale, sys
from datetime import datetime, timezone
from memkit.temporal import find
try:
    locale.setlocale(locale.LC_ALL, "")
except locale.Error:
    pass
now = datetime(2026, 11, 21, 10, tzinfo=timezone.utc)
for query in ["on 8 May", "yesterday evening", "since Monday", "03/04/2026", "im Mai", "Q3"]:
    print(ascii(find(query, now)))
"""


def test_the_process_has_no_say() -> None:
    def told(**environment: str) -> str:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", PROGRAM],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
            env={**os.environ, **environment},
        )
        return done.stdout

    here = told(TZ="UTC", LC_ALL="C", PYTHONHASHSEED="1")
    assert here.count("Span") >= 6
    assert told(TZ="Asia/Tokyo", LC_ALL="de_DE.UTF-8", PYTHONHASHSEED="2") == here
    assert told(TZ="America/New_York", LC_ALL="C.UTF-8", LANG="tr_TR.UTF-8") == here
