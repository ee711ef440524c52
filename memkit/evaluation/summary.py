"""From answers to the figures that a report shows: estimates, the unanswerable, latency."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING

from memkit.evaluation.bootstrap import RESAMPLES, SEED, interval
from memkit.evaluation.results import ALL, Answer, Estimate, Evaluation, Latency, Unanswerable

if TYPE_CHECKING:
    from memkit.evaluation.bootstrap import Floats

#: The last bar of a rank histogram: beyond it, or not found.
RANKS = 10


def estimates(
    evaluation: Evaluation, *, resamples: int = RESAMPLES, seed: int = SEED
) -> dict[str, dict[str, Estimate]]:
    """The means of all measures with their intervals, by category, ``all`` first.

    Args:
        evaluation: what was answered.
        resamples, seed: of the bootstrap; see :mod:`memkit.evaluation.bootstrap`.
    """
    found: dict[str, dict[str, Estimate]] = {}
    for name, answers in by_category(evaluation.answerable).items():
        shares = interval(table(answers), clusters_of(answers), resamples=resamples, seed=seed)
        found[name] = {
            measure: Estimate(
                float(shares.mean[at]), float(shares.low[at]), float(shares.high[at]), len(answers)
            )
            for at, measure in enumerate(measure_names(answers))
        }
    return found


def by_category(answers: Sequence[Answer]) -> dict[str, list[Answer]]:
    """Answers by their question's category, and under ``all`` all of them."""
    groups: dict[str, list[Answer]] = {ALL: list(answers)} if answers else {}
    for answer in answers:
        category = answer.question.category
        # A category that is called like the total is part of the total.
        if category is not None and category != ALL:
            groups.setdefault(category, []).append(answer)
    return groups


def measure_names(answers: Sequence[Answer]) -> tuple[str, ...]:
    """The measures that every one of the answers has."""
    first, *rest = answers
    return tuple(name for name in first.measures if all(name in one.measures for one in rest))


def table(answers: Sequence[Answer]) -> Floats:
    """The measures of answers, of shape ``(answers, measures)``."""
    import numpy as np

    names = measure_names(answers)
    return np.array([[answer.measures[name] for name in names] for answer in answers])


def clusters_of(answers: Sequence[Answer]) -> list[Hashable]:
    """What is resampled together: the question's group; without one it stands alone."""
    return [
        ("question", answer.question.id)
        if answer.question.group is None
        else ("group", answer.question.group)
        for answer in answers
    ]


def unanswerable(evaluation: Evaluation) -> Unanswerable | None:
    """How the questions that nothing answers went; ``None`` if there are none."""
    without = [answer for answer in evaluation.answers if not answer.question.answerable]
    if not without:
        return None
    noise = [answer.relevance for answer in without]
    signal = [answer.relevance for answer in evaluation.answerable]
    return Unanswerable(
        count=len(without),
        nothing=sum(not answer.ranked for answer in without) / len(without),
        relevance=_mean(noise),
        answerable_relevance=_mean(signal),
        separation=_separation(signal, noise),
    )


def latency(evaluation: Evaluation) -> Latency:
    """The median and the 95th percentile of the recalls' times, in milliseconds."""
    import numpy as np

    if not evaluation.answers:
        return Latency(0.0, 0.0, 0.0, 0.0)
    wall = np.percentile([answer.wall_ms for answer in evaluation.answers], [50, 95])
    cpu = np.percentile([answer.cpu_ms for answer in evaluation.answers], [50, 95])
    return Latency(float(wall[0]), float(wall[1]), float(cpu[0]), float(cpu[1]))


def rank_counts(evaluation: Evaluation) -> Mapping[int | None, int]:
    """How many answerable questions have their first relevant hit at each rank.

    The keys are 1 to 10 and ``None``: further down, or not found.
    """
    counts = Counter(
        rank if (rank := answer.rank) is not None and rank <= RANKS else None
        for answer in evaluation.answerable
    )
    return {key: counts[key] for key in (*range(1, RANKS + 1), None)}


def _mean(values: Sequence[float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return sum(there) / len(there) if there else None


def _separation(signal: Sequence[float | None], noise: Sequence[float | None]) -> float | None:
    """The area under the ROC curve, as the Mann-Whitney statistic over its greatest value."""
    import numpy as np

    if not signal or not noise:
        return None
    high = np.array([-np.inf if value is None else value for value in signal])
    low = np.sort([-np.inf if value is None else value for value in noise])
    less = np.searchsorted(low, high, "left")
    ties = np.searchsorted(low, high, "right") - less
    return float((less + ties / 2).sum() / (len(high) * len(low)))
