"""The factors of a record's score: what each is, and what leaves a score alone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from memkit.config import load_settings
from memkit.policy import DEFAULT_POLICY, KindPolicy, Policy
from memkit.retrieval.factors import factors_of, quality
from memkit.types import MemoryRecord

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SETTINGS = load_settings().settings
NOTE = MemoryRecord("0", "a note", "n", None, None, None, NOW, NOW)


def factors(record: MemoryRecord, days: float = 0, **settings: float) -> dict[str, float]:
    given = SETTINGS.model_copy(update=settings)
    return factors_of(record, NOW + timedelta(days=days), given)


def test_a_new_plain_record_is_left_alone() -> None:
    assert factors(NOTE) == {"recency": 1.0}
    assert factors(replace(NOTE, kind="decision")) == {}


def test_recency_costs_half_of_its_weight_at_the_half_life_that_use_extends() -> None:
    assert factors(NOTE, 60)["recency"] == pytest.approx(0.975)
    assert factors(replace(NOTE, uses=10), 120)["recency"] == pytest.approx(0.975)
    assert factors(replace(NOTE, uses=20), 180)["recency"] == pytest.approx(0.975)
    assert factors(replace(NOTE, uses=999), 180)["recency"] == pytest.approx(0.975)
    assert factors(NOTE, -60)["recency"] == 1.0
    assert factors(NOTE, 60, recency_weight=0) == {}


def test_a_policy_says_how_a_kind_ages() -> None:
    kinds = {**DEFAULT_POLICY.kinds, "note": KindPolicy(0.5, 6, archive=True)}
    found = factors_of(NOTE, NOW + timedelta(days=6), SETTINGS, Policy(kinds))
    assert found["recency"] == pytest.approx(0.975)


@pytest.mark.parametrize(
    ("useful", "useless", "share"),
    [(0, 0, 0.5), (1, 0, 0.75), (0, 1, 0.25), (3, 3, 0.5), (99, 0, 0.995)],
)
def test_quality_is_a_smoothed_share(useful: int, useless: int, share: float) -> None:
    record = replace(NOTE, useful=useful, useless=useless)
    assert quality(record) == pytest.approx(share)
    assert factors(record).get("use", 1.0) == pytest.approx(1 + 0.05 * (2 * share - 1))


def test_what_a_summary_speaks_for_is_demoted_unless_it_is_pinned() -> None:
    told = replace(NOTE, summarized_by="1")
    assert factors(told)["summarized"] == 0.6
    assert factors(told, summarized_weight=0.2)["summarized"] == 0.2
    assert "summarized" not in factors(told, summarized_weight=1.0)
    assert factors(replace(told, pinned=True)) == {"recency": 1.0, "pin": 1.15}
