"""How well a record's time fits a span."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memkit.backing.times import micros
from memkit.temporal import UNDATED, Span, closeness, closenesses
from tests.unit.temporal.moments import found

DAY = timedelta(days=1)
START = datetime(2026, 5, 1, tzinfo=UTC)
MAY = Span(START, START + 31 * DAY, "in May", (0, 6), 0.9, 8 * DAY)
SINCE = Span(START, None, "since May", (0, 9), 0.9, 8 * DAY)
BEFORE = Span(None, START, "before May", (0, 10), 0.9, 8 * DAY)

times = st.datetimes(timezones=st.just(UTC))
spans = st.sampled_from([MAY, SINCE, BEFORE])


@pytest.mark.parametrize("days", [0, 15, 30.999, 31])
def test_inside_and_at_its_bounds_it_is_one(days: float) -> None:
    assert closeness(MAY, START, START + days * DAY) == 1


@pytest.mark.parametrize(("days", "expected"), [(-8, 0.5), (31 + 8, 0.5), (-16, 0.25)])
def test_it_halves_with_each_blur_outside(days: int, expected: float) -> None:
    assert closeness(MAY, START, START + days * DAY) == pytest.approx(expected)


def test_an_open_side_has_no_outside() -> None:
    assert closeness(SINCE, START, datetime(9999, 1, 1, tzinfo=UTC)) == 1
    assert closeness(BEFORE, START, datetime(1, 1, 1, tzinfo=UTC)) == 1
    assert closeness(SINCE, START, START - 8 * DAY) == pytest.approx(0.5)


def test_when_something_was_noted_is_weaker_evidence() -> None:
    noted = START + 3 * DAY
    assert closeness(MAY, noted) == UNDATED < 1
    # What happened long before is not close because it was noted in May.
    assert closeness(MAY, noted, START - 800 * DAY) < 1e-9


@given(spans, times, st.timedeltas(min_value=timedelta(), max_value=9999 * DAY))
def test_farther_is_never_closer(span: Span, time: datetime, further: timedelta) -> None:
    inside = START + DAY if span is not BEFORE else START - DAY
    try:
        beyond = time + further if time >= inside else time - further
    except OverflowError:
        return
    assert 0 <= closeness(span, time, beyond) <= closeness(span, time, time) <= 1


@given(spans, st.lists(st.tuples(times, st.booleans()), max_size=20))
def test_many_at_once_are_as_one_by_one(span: Span, records: list[tuple[datetime, bool]]) -> None:
    many = closenesses(
        span,
        np.array([micros(time) for time, _ in records], np.int64),
        np.array([dated for _, dated in records], np.bool_),
    )
    single = [closeness(span, time, time if dated else None) for time, dated in records]
    assert many.dtype == np.float64
    np.testing.assert_allclose(many, np.array(single), rtol=1e-9, atol=1e-300)


def test_an_empty_list_gives_an_empty_list() -> None:
    assert closenesses(MAY, np.empty(0, np.int64), np.empty(0, np.bool_)).shape == (0,)


@pytest.mark.parametrize(
    ("sharper", "vaguer"),
    [
        ("on 8 May 2026", "two months ago"),
        ("on 8 May 2026", "in May"),
        ("in May", "in 2026"),
        ("2 days ago", "9 days ago"),
        ("on 8 May", "around 8 May"),
        ("last week", "recently"),
        ("5 minutes ago", "yesterday"),
        ("since 3 June", "since 2020"),
    ],
)
def test_vaguer_words_fall_off_more_slowly(sharper: str, vaguer: str) -> None:
    (sharp,), (vague,) = found(sharper).spans, found(vaguer).spans
    assert sharp.start is not None
    assert vague.start is not None
    earlier = timedelta(hours=3)
    sharp_fit = closeness(sharp, START, sharp.start - earlier)
    vague_fit = closeness(vague, START, vague.start - earlier)
    assert sharp_fit < vague_fit < 1
