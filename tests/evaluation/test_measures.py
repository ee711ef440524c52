"""The measures of a ranking, against values worked out by hand."""

from __future__ import annotations

from math import log2

import pytest

from memkit.evaluation.measures import alone, first_rank, measures_of, session_measures, sessions_of


def test_ranks_two_and_five_of_two_relevant_ids() -> None:
    measures = measures_of(["x", "a", "y", "z", "b", "w"], {"a", "b"})

    assert {name: measures[f"any@{name}"] for name in (1, 3, 5, 10)} == {1: 0, 3: 1, 5: 1, 10: 1}
    assert {name: measures[f"all@{name}"] for name in (1, 3, 5, 10)} == {1: 0, 3: 0, 5: 1, 10: 1}
    assert measures["recall@3"] == 0.5
    assert measures["recall@5"] == 1
    assert measures["mrr"] == 0.5
    ideal = 1 + 1 / log2(3)
    assert measures["ndcg@10"] == pytest.approx((1 / log2(3) + 1 / log2(6)) / ideal)


def test_a_perfect_ranking_has_one_everywhere() -> None:
    assert set(measures_of(["a"], {"a"}).values()) == {1.0}


def test_a_ranking_without_relevant_ids_has_nothing() -> None:
    assert set(measures_of(["x", "y"], {"a"}).values()) == {0.0}
    assert set(measures_of([], {"a"}).values()) == {0.0}


def test_gain_stops_at_ten_and_the_reciprocal_rank_does_not() -> None:
    measures = measures_of([*"0123456789", "a"], {"a"})

    assert measures["ndcg@10"] == 0
    assert measures["any@10"] == 0
    assert measures["mrr"] == pytest.approx(1 / 11)


def test_more_relevant_ids_than_places_can_still_gain_everything() -> None:
    relevant = {f"r{number}" for number in range(12)}
    ranked = sorted(relevant)

    measures = measures_of(ranked, relevant)

    assert measures["ndcg@10"] == pytest.approx(1)
    assert measures["all@10"] == 0
    assert measures["recall@10"] == pytest.approx(10 / 12)


def test_an_id_that_comes_twice_counts_once() -> None:
    measures = measures_of(["a", "a", "b"], {"a", "b"})

    assert measures["recall@1"] == 0.5
    assert measures["all@3"] == 1
    assert measures["ndcg@10"] == pytest.approx((1 + 1 / log2(4)) / (1 + 1 / log2(3)))


def test_a_question_without_relevant_ids_has_no_measures() -> None:
    with pytest.raises(ValueError, match="unanswerable"):
        measures_of(["a"], set())


def test_a_session_ranks_by_its_best_record() -> None:
    measures = session_measures(["s1", "s1", "s2", "s1", "s3", "s4"], {"s3", "s4"})

    assert measures["session any@1"] == 0
    assert measures["session any@3"] == 1
    assert measures["session mrr"] == pytest.approx(1 / 3)


def test_a_record_outside_sessions_is_a_session_of_its_own() -> None:
    assert sessions_of(["a", "b"], {"a": "s"}) == ("s", alone("b"))
    assert alone("a") != alone("b")


def test_the_first_rank_counts_from_one() -> None:
    assert first_rank(["x", "a", "b"], {"a", "b"}) == 2
    assert first_rank(["x"], {"a"}) is None
