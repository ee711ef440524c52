"""What strength a record has left: by its age, its use and what was said of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memkit.lifecycle.decay import faded, strength_of
from memkit.policy import DEFAULT_POLICY
from memkit.types import MemoryRecord

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
NOTE = MemoryRecord("0", "a note", "n", None, None, None, NOW, NOW)


def test_strength_halves_with_each_half_life() -> None:
    told = [strength_of(NOTE, NOW + days * DAY, DEFAULT_POLICY).value for days in (0, 60, 120)]
    assert told == pytest.approx([0.5, 0.25, 0.125])


def test_what_does_not_age_keeps_its_strength() -> None:
    decision = replace(NOTE, kind="decision", confidence=0.85)
    strength = strength_of(decision, NOW + 10_000 * DAY, DEFAULT_POLICY)
    assert (strength.value, strength.half_life_days) == (0.85, None)
    assert "does not age" in str(strength)


def test_strength_counts_from_the_last_use_or_change() -> None:
    late = NOW + 100 * DAY
    for touched in (replace(NOTE, used_at=late), replace(NOTE, updated_at=late)):
        assert strength_of(touched, late, DEFAULT_POLICY).value == 0.5
    ancient = replace(NOTE, occurred_at=NOW - 9999 * DAY)
    assert strength_of(ancient, NOW, DEFAULT_POLICY).value == 0.5


def test_feedback_moves_strength() -> None:
    liked, disliked = replace(NOTE, useful=1), replace(NOTE, useless=1)
    values = [strength_of(each, NOW, DEFAULT_POLICY).value for each in (liked, NOTE, disliked)]
    assert values == pytest.approx([0.75, 0.5, 0.25])
    assert strength_of(replace(NOTE, useful=99, confidence=1.0), NOW, DEFAULT_POLICY).value == 1


def test_a_clock_set_back_ages_nothing() -> None:
    assert strength_of(NOTE, NOW - 500 * DAY, DEFAULT_POLICY).value == 0.5
    assert faded(NOTE, NOW - 500 * DAY, DEFAULT_POLICY) is None


def test_low_confidence_alone_makes_nothing_old() -> None:
    unsure = replace(NOTE, confidence=0.01)
    assert faded(unsure, NOW + 59 * DAY, DEFAULT_POLICY) is None
    assert faded(unsure, NOW + 61 * DAY, DEFAULT_POLICY) is not None


@given(
    st.floats(0, 1), st.integers(0, 50), st.integers(0, 9), st.integers(0, 9), st.floats(0, 5000)
)
def test_strength_never_grows_with_age_and_never_leaves_its_bounds(
    confidence: float, uses: int, useful: int, useless: int, days: float
) -> None:
    record = replace(NOTE, confidence=confidence, uses=uses, useful=useful, useless=useless)
    told = [
        strength_of(record, NOW + timedelta(days=days * part), DEFAULT_POLICY).value
        for part in (0, 0.5, 1, 2)
    ]
    assert all(0 <= value <= 1 for value in told)
    assert all(later <= earlier for earlier, later in pairwise(told))
    more = strength_of(replace(record, uses=uses + 1), NOW + timedelta(days=days), DEFAULT_POLICY)
    assert more.value >= told[2]
