"""Comparisons, summaries and cross-validation of evaluations whose ranks are known."""

from __future__ import annotations

import pytest

from memkit.errors import InvalidInput
from memkit.evaluation import compare, cross_validate
from memkit.evaluation.summary import estimates, latency, rank_counts, unanswerable
from tests.evaluation.samples import evaluation


def test_a_comparison_tells_each_difference_and_what_moved() -> None:
    a = evaluation({"up": 5, "down": 1, "same": 2, "lost": 3})
    b = evaluation({"up": 1, "down": 2, "same": 2, "lost": None})

    found = compare(a, b)

    difference = found.differences["all"]["any@1"]
    assert (difference.a, difference.b, difference.mean) == (0.25, 0.25, 0)
    assert found.differences["all"]["any@10"].mean == -0.25
    assert [(move.question.id, move.rank_a, move.rank_b) for move in found.better] == [("up", 5, 1)]
    assert [move.question.id for move in found.worse] == ["lost", "down"]
    assert found.clusters == 4


def test_a_comparison_with_itself_finds_nothing() -> None:
    a = evaluation({"one": 1, "two": 7})

    found = compare(a, a)

    assert {difference.p for difference in found.differences["all"].values()} == {1.0}
    assert not found.better
    assert not found.worse


def test_questions_of_one_group_are_resampled_together() -> None:
    ranks_a = {f"q{number}": 2 for number in range(40)}
    ranks_b = {f"q{number}": 1 if number < 20 else 3 for number in range(40)}
    groups = {f"q{number}": f"g{number // 10}" for number in range(40)}

    alone = compare(evaluation(ranks_a), evaluation(ranks_b)).differences["all"]["mrr"]
    grouped = compare(evaluation(ranks_a, groups=groups), evaluation(ranks_b, groups=groups))

    assert grouped.clusters == 4
    wide = grouped.differences["all"]["mrr"]
    assert wide.mean == alone.mean
    assert wide.high - wide.low > 2 * (alone.high - alone.low)


def test_what_cannot_be_compared_is_refused() -> None:
    a = evaluation({"one": 1})
    with pytest.raises(InvalidInput, match="different questions"):
        compare(a, evaluation({"two": 1}))
    with pytest.raises(InvalidInput, match="no such measure: it is one of any@1"):
        compare(a, a, by="accuracy")
    with pytest.raises(InvalidInput, match="resamples must lie between 2,000"):
        compare(a, a, resamples=100)
    nothing = evaluation({}, unanswerable=[0.5])
    with pytest.raises(InvalidInput, match="no question has relevant ids"):
        compare(nothing, nothing)


def test_estimates_hold_the_mean_and_bounds_around_it() -> None:
    found = estimates(evaluation({f"q{number}": 1 + number % 2 for number in range(100)}))

    estimate = found["all"]["any@1"]
    assert (estimate.mean, estimate.count) == (0.5, 100)
    assert 0.38 < estimate.low < 0.42
    assert 0.58 < estimate.high < 0.62
    assert found["all"]["any@3"].low == 1


def test_unanswerable_questions_are_measured_apart() -> None:
    one = evaluation({"known": 1, "also": 1}, unanswerable=[None, 0.2, 0.8, 0.9])

    told = unanswerable(one)

    assert told is not None
    assert (told.count, told.nothing) == (4, 0.25)
    assert told.relevance == pytest.approx((0.2 + 0.8 + 0.9) / 3)
    # Of 0.8 against none, 0.2, 0.8 and 0.9: won, won, even, lost.
    assert told.separation == pytest.approx(2.5 / 4)
    assert estimates(one)["all"]["any@1"].count == 2
    assert unanswerable(evaluation({"known": 1})) is None


def test_ranks_and_times_are_summed_up() -> None:
    one = evaluation({"a": 1, "b": 1, "c": 10, "d": 11, "e": None}, unanswerable=[0.1])

    counts = rank_counts(one)

    assert (counts[1], counts[10], counts[None]) == (2, 1, 2)
    assert latency(one).wall_p50 == 2
    assert latency(one).cpu_p95 > 1


def test_other_evidence_judges_the_same_rankings_anew() -> None:
    one = evaluation({"a": 3})

    again = one.with_relevant({"a": {"x0"}})

    assert again.answers[0].rank == 1
    assert again.answers[0].ranked == one.answers[0].ranked
    assert not one.with_relevant({"a": set()}).answerable


def test_cross_validation_judges_each_fold_by_what_the_others_chose() -> None:
    groups = {f"q{number}": f"g{number % 4}" for number in range(40)}
    # The first wins everywhere but in one group, the second there alone.
    first = evaluation({q: 9 if g == "g3" else 1 for q, g in groups.items()}, groups=groups)
    second = evaluation({q: 1 if g == "g3" else 2 for q, g in groups.items()}, groups=groups)

    found = cross_validate({"first": first, "second": second}, "any@1", folds=4)

    assert found.choice == "first"
    assert [fold.choice for fold in found.folds] == ["first"] * 4
    assert found.scores == {"first": 0.75, "second": 0.25}
    assert found.held_out == 0.75
    assert sorted(fold.held_out for fold in found.folds) == [0, 1, 1, 1]
    assert [fold.first for fold in found.folds] == [fold.held_out for fold in found.folds]
    assert found.gain == 0
    assert found.agreement == 1
    assert {fold.groups for fold in found.folds} == {1}


def test_cross_validation_sees_through_a_lucky_candidate() -> None:
    # Each candidate is perfect in one group and useless elsewhere: chosen on the others, none of
    # them is any good where it is held out.
    groups = {f"q{number}": f"g{number % 5}" for number in range(50)}
    candidates = {
        f"only g{lucky}": evaluation(
            {q: 1 if g == f"g{lucky}" else None for q, g in groups.items()}, groups=groups
        )
        for lucky in range(5)
    }

    found = cross_validate(candidates, "mrr")

    assert max(found.scores.values()) == 0.2
    assert found.held_out == 0
    assert found.optimism == pytest.approx(0.2)
    # Leaving the first alone would have been right in its own group.
    assert found.gain == pytest.approx(-0.2)
    assert sorted(fold.first for fold in found.folds) == [0, 0, 0, 0, 1]


def test_cross_validation_needs_candidates_groups_and_a_measure() -> None:
    one = evaluation({"a": 1, "b": 2})
    with pytest.raises(InvalidInput, match="no candidate"):
        cross_validate({}, "mrr")
    with pytest.raises(InvalidInput, match="no such measure"):
        cross_validate({"one": one}, "accuracy")
    with pytest.raises(InvalidInput, match="different questions"):
        cross_validate({"one": one, "two": evaluation({"c": 1})}, "mrr")
    with pytest.raises(InvalidInput, match="two groups"):
        cross_validate({"one": evaluation({"a": 1, "b": 1}, groups={"a": "g", "b": "g"})}, "mrr")
