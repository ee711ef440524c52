"""The bootstrap: intervals of means, and the paired test of a difference, over clusters.

Questions of one group (a conversation) are not independent, so groups are resampled, each with
all its questions (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapters 8
and 13). The test is Sakai's paired bootstrap hypothesis test ("Evaluating Evaluation Metrics
based on the Bootstrap", SIGIR 2006, figure 1): studentised, under the null hypothesis made by
shifting the differences to mean zero (Efron and Tibshirani, chapter 16), with the standard
error of a ratio of cluster sums where clusters differ in size.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[np.float64]
    Integers: TypeAlias = NDArray[np.int64]

#: As many resamples as make the second digit of a p-value steady.
RESAMPLES = 2000
CONFIDENCE = 0.95
SEED = 20061106
#: Fewer clusters than this give intervals that are too narrow.
FEW_CLUSTERS = 20
# Numbers of a chunk of resampling weights: 16 MB.
_CHUNK = 2_000_000


@dataclass(frozen=True, slots=True)
class Interval:
    """Means with their percentile intervals, each of shape ``(measures,)``."""

    mean: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True, slots=True)
class PairedTest(Interval):
    """Mean differences with their intervals and two-sided p-values."""

    p: Floats


def interval(
    values: Floats,
    clusters: Sequence[Hashable],
    *,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Interval:
    """The means of measures, with 95 % percentile intervals.

    Args:
        values: of shape ``(questions, measures)``, at least one question.
        clusters: the cluster of each question; questions of one are drawn together.
        resamples: how many.
        seed: the same seed gives the same intervals.
    """
    sums, sizes = _cluster_sums(values, clusters)
    means = np.concatenate(
        [
            (weights @ sums) / (weights @ sizes)[:, None]
            for weights in _weights(len(sizes), resamples, seed)
        ]
    )
    low, high = _bounds(means)
    return Interval(values.mean(axis=0), low, high)


def paired(
    differences: Floats,
    clusters: Sequence[Hashable],
    *,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> PairedTest:
    """The mean differences of measures, their 95 % intervals and their p-values.

    The p-value is ``(1 + n) / (1 + resamples)``, where n counts resamples of the shifted
    differences whose studentised mean lies as far from zero as the one observed.

    Args:
        differences: B less A, of shape ``(questions, measures)``.
        clusters, resamples, seed: as for :func:`interval`.
    """
    sums, sizes = _cluster_sums(differences, clusters)
    mean = differences.mean(axis=0)
    shifted = sums - sizes[:, None] * mean
    observed = _studentised(np.ones((1, len(sizes))), sums, sizes)[1][0]
    means, extreme = [], np.zeros(differences.shape[1])
    for weights in _weights(len(sizes), resamples, seed):
        means.append((weights @ sums) / (weights @ sizes)[:, None])
        null = _studentised(weights, shifted, sizes)[1]
        # Ties belong to the tail, also where rounding parts them.
        extreme += (np.abs(null) >= np.abs(observed) * (1 - 1e-9)).sum(axis=0)
    low, high = _bounds(np.concatenate(means))
    return PairedTest(mean, low, high, (1 + extreme) / (1 + resamples))


def _studentised(weights: Floats, sums: Floats, sizes: Floats) -> tuple[Floats, Floats]:
    """Means and their t statistics under each row of weights, of shape ``(rows, measures)``.

    The variance of a ratio of cluster sums is linearised: the sum of ``(S - n * mean) ** 2``.
    """
    total = (weights @ sizes)[:, None]
    mean = (weights @ sums) / total
    residual = (
        weights @ sums**2
        - 2 * mean * (weights @ (sums * sizes[:, None]))
        + mean**2 * (weights @ sizes**2)[:, None]
    )
    # Rounding leaves a little where there is nothing.
    error = np.sqrt(np.where(residual > 1e-12, residual, 0.0)) / total
    centred = np.where(np.abs(mean) > 1e-12, mean, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = centred / error
    return mean, np.where(centred == 0, 0.0, statistic)


def _cluster_sums(values: Floats, clusters: Sequence[Hashable]) -> tuple[Floats, Floats]:
    """The sum of each cluster, of shape ``(clusters, measures)``, and its size."""
    if len(values) == 0 or len(values) != len(clusters):
        raise ValueError("the bootstrap needs at least one question, and each one's cluster")
    numbers: dict[Hashable, int] = {}
    of = np.array([numbers.setdefault(cluster, len(numbers)) for cluster in clusters])
    sums = np.zeros((len(numbers), values.shape[1]))
    np.add.at(sums, of, values)
    return sums, np.bincount(of, minlength=len(numbers)).astype(np.float64)


def _weights(clusters: int, resamples: int, seed: int) -> Iterator[Floats]:
    """How often each cluster is drawn in each resample, in chunks of rows."""
    random = np.random.default_rng(seed)
    shares = np.full(clusters, 1 / clusters)
    rows = max(1, _CHUNK // clusters)
    for start in range(0, resamples, rows):
        size = min(rows, resamples - start)
        yield random.multinomial(clusters, shares, size=size).astype(np.float64)


def _bounds(means: Floats) -> tuple[Any, Any]:
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(means, [tail, 100 - tail], axis=0)
    return low, high
