"""The reranker's relevance and the fused scores as one ranking."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memkit.errors import InvalidInput
from memkit.reranking.blending import blend

FUSED = [0.9, 0.8, 0.6, 0.3, 0.2]


def order(scores: list[float]) -> list[int]:
    return sorted(range(len(scores)), key=lambda at: -scores[at])


def test_without_weight_or_candidates_nothing_changes() -> None:
    assert blend(FUSED, [0.1, 0.9, 0.5], 0.0) == FUSED
    assert blend(FUSED, [], 0.7) == FUSED
    assert blend([], [], 0.7) == []


def test_with_all_the_weight_the_reranker_orders_the_candidates() -> None:
    scores = blend(FUSED, [0.1, 0.9, 0.5], 1.0)
    assert order(scores) == [1, 2, 0, 3, 4]
    assert scores[1] == FUSED[0]
    assert scores[0] == FUSED[2]
    assert scores[3:] == FUSED[3:]


def test_between_them_a_candidate_stands_where_both_put_it() -> None:
    # Fused places: 1, 2/3, 0. Log-odds 0, ln 9, -ln 9: places 1/2, 1, 0.
    scores = blend(FUSED, [0.5, 0.9, 0.1], 0.25)
    places = [0.75 + 0.25 / 2, 0.75 * 2 / 3 + 0.25, 0.0]
    assert scores[:3] == pytest.approx([0.6 + 0.3 * place for place in places])


def test_candidates_that_the_reranker_finds_all_alike_keep_their_order() -> None:
    assert order(blend(FUSED, [0.5, 0.5, 0.5], 0.9)) == [0, 1, 2, 3, 4]
    # Small differences are not stretched into great ones.
    assert order(blend(FUSED, [0.50, 0.51, 0.52], 0.5)) == [0, 1, 2, 3, 4]


def test_low_relevances_are_told_apart_as_well_as_high_ones() -> None:
    assert order(blend([1.0, 0.99, 0.5], [0.00001, 0.001, 0.00001], 0.5))[0] == 1


def test_certain_relevances_are_taken() -> None:
    assert order(blend(FUSED, [0.0, 1.0, 0.0], 1.0))[0] == 1


def test_candidates_that_fusion_cannot_tell_apart_are_spread() -> None:
    scores = blend([0.8, 0.8, 0.8, 0.8, 0.4], [0.1, 0.5, 0.9], 1.0)
    assert order(scores) == [2, 1, 0, 3, 4]
    assert scores[2] == 0.8
    assert scores[0] == pytest.approx(0.6)
    # What is beyond them is lowered with them, in proportion.
    assert scores[3:] == pytest.approx([0.6, 0.3])


def test_one_candidate_keeps_its_score() -> None:
    assert blend([0.7], [0.01], 1.0) == [0.7]


@pytest.mark.parametrize(
    ("fused", "reranked", "weight"),
    [
        (FUSED, [0.1], 1.1),
        (FUSED, [0.1], -0.1),
        (FUSED, [0.1], math.nan),
        (FUSED, [1.1], 0.5),
        (FUSED, [math.nan], 0.5),
        ([0.5], [0.5, 0.5], 0.5),
        ([0.5, 0.6], [0.5], 0.5),
        ([0.5, -0.1], [0.5], 0.5),
        ([math.inf, 0.5], [0.5], 0.5),
    ],
)
def test_what_makes_no_sense_is_refused(
    fused: list[float], reranked: list[float], weight: float
) -> None:
    with pytest.raises(InvalidInput, match="blend: "):
        blend(fused, reranked, weight)


_shares = st.floats(0.0, 1.0)


@given(st.lists(_shares, min_size=1, max_size=30), st.data(), _shares)
def test_candidates_stay_in_their_band_and_above_the_rest(
    numbers: list[float], data: st.DataObject, weight: float
) -> None:
    fused = sorted(numbers, reverse=True)
    reranked = data.draw(st.lists(_shares, max_size=len(fused)))
    scores = blend(fused, reranked, weight)
    candidates, rest = scores[: len(reranked)], scores[len(reranked) :]
    assert all(0.0 <= score <= fused[0] for score in scores)
    assert rest == sorted(rest, reverse=True)
    if candidates and rest:
        assert min(candidates) >= max(rest)
    if weight == 1.0:
        best = max(range(len(reranked)), key=reranked.__getitem__, default=None)
        assert best is None or candidates[best] == max(candidates)
