"""The bootstrap: repeatable, of the right width, and honest about clusters."""

from __future__ import annotations

import numpy as np
import pytest

from memkit.evaluation.bootstrap import interval, paired


def test_the_same_seed_gives_the_same_figures() -> None:
    values = np.random.default_rng(1).normal(size=(60, 2))
    clusters = [number % 20 for number in range(60)]

    first, second = (paired(values, clusters, seed=7) for _ in range(2))
    other = paired(values, clusters, seed=8)

    assert (first.low == second.low).all()
    assert (first.p == second.p).all()
    assert (first.low != other.low).any()


def test_nineteen_of_twenty_intervals_hold_the_true_mean() -> None:
    random = np.random.default_rng(2)
    held = 0
    for trial in range(300):
        values = random.normal(0.3, 1, size=(80, 1))
        found = interval(values, range(80), resamples=400, seed=trial)
        held += bool(found.low[0] <= 0.3 <= found.high[0])
    # Of 300 trials at 95 %, 99.9 % of the time between 272 and 296; percentile intervals of 80
    # values are a little narrow.
    assert 266 <= held <= 297


def test_one_of_twenty_tests_of_nothing_is_significant() -> None:
    random = np.random.default_rng(3)
    low = 0
    for trial in range(300):
        values = random.normal(0, 1, size=(40, 1))
        low += bool(paired(values, range(40), resamples=400, seed=trial).p[0] <= 0.05)
    assert 4 <= low <= 29


def test_questions_of_one_conversation_are_worth_one_question() -> None:
    random = np.random.default_rng(4)
    shared = np.repeat(random.normal(size=(25, 1)), 20, axis=0)
    clusters = np.repeat(np.arange(25), 20).tolist()

    together = interval(shared, clusters)
    apart = interval(shared, range(500))

    width = together.high[0] - together.low[0]
    assert width > 3.5 * (apart.high[0] - apart.low[0])


def test_a_large_steady_difference_is_significant_and_none_is_not() -> None:
    random = np.random.default_rng(5)
    values = np.stack([random.normal(1, 0.5, 50), np.zeros(50), np.ones(50)], axis=1)

    found = paired(values, range(50))

    assert found.p[0] == pytest.approx(1 / 2001)
    assert found.p[1] == 1
    assert found.p[2] == pytest.approx(1 / 2001)
    assert found.low[0] > 0
    assert (found.low[2], found.high[2]) == (1, 1)


def test_the_p_value_is_that_of_the_t_test_where_that_one_holds() -> None:
    random = np.random.default_rng(6)
    values = random.normal(0.25, 1, size=(60, 1))
    # scipy.stats.ttest_1samp(values, 0), worked out once: t = mean / (s / sqrt(n)).
    t = values.mean() / (values.std(ddof=1) / np.sqrt(60))
    draws = np.random.default_rng(7).standard_t(59, size=200_000)
    expected = float((np.abs(draws) >= abs(t)).mean())

    assert paired(values, range(60), resamples=8000).p[0] == pytest.approx(expected, abs=0.02)


def test_the_mean_is_that_of_questions_and_not_of_clusters() -> None:
    values = np.array([[1.0], [1.0], [1.0], [0.0]])

    assert interval(values, ["a", "a", "a", "b"]).mean[0] == 0.75


def test_many_questions_are_resampled_in_parts() -> None:
    values = np.random.default_rng(8).random((3000, 1))

    found = interval(values, range(3000), resamples=2000)

    assert found.low[0] < values.mean() < found.high[0]
    assert found.high[0] - found.low[0] == pytest.approx(
        2 * 1.96 * values.std() / np.sqrt(3000), rel=0.1
    )


def test_no_questions_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one question"):
        interval(np.zeros((0, 1)), [])
