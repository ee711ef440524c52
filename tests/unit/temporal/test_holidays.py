"""Holidays as times."""

from __future__ import annotations

from datetime import datetime

import pytest

from memkit.temporal.holidays import easter
from tests.unit.temporal.moments import Bounds, bounds, found


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("what did we cook last Christmas", ("2025-12-24", "2025-12-27")),
        ("at Christmas 2023", ("2023-12-24", "2023-12-27")),
        ("on Christmas Eve", ("2025-12-24", "2025-12-25")),
        ("since Easter", ("2026-04-03", "2026-11-21T10:00")),
        ("during Thanksgiving", ("2025-11-27", "2025-12-01")),
        ("on New Year's Eve", ("2025-12-31", "2026-01-01")),
        ("on Valentine's Day last year", ("2025-02-14", "2025-02-15")),
        ("the week before Halloween", ("2026-10-24", "2026-10-31")),
        ("what will we do at Christmas", ("2026-12-24", "2026-12-27")),
    ],
)
def test_a_holiday_is_a_time(query: str, expected: Bounds) -> None:
    assert bounds(query) == [expected]


@pytest.mark.parametrize("query", ["a new car", "new year", "Valentine called", "the new yearly"])
def test_words_of_a_holiday_are_none(query: str) -> None:
    assert found(query).spans == ()


# From the table of the United States Census Bureau.
@pytest.mark.parametrize(
    ("year", "month", "day"),
    [
        (1961, 4, 2),
        (1981, 4, 19),
        (2000, 4, 23),
        (2008, 3, 23),
        (2024, 3, 31),
        (2025, 4, 20),
        (2026, 4, 5),
        (2038, 4, 25),
    ],
)
def test_easter_is_when_the_tables_say(year: int, month: int, day: int) -> None:
    assert easter(year) == datetime(year, month, day)
