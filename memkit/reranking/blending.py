"""Merges a reranker's relevance with the fused scores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from memkit.errors import InvalidInput

# Relevances of 0 and 1 have no finite log-odds; beyond a millionth rerankers only guess.
_CERTAIN: Final = 1e-6

# Candidates whose log-odds all lie within this are alike to the reranker: a difference of one
# is an odds ratio of 2.7. Stretching less than that over the whole scale would sort by noise.
_LEAST_SPREAD: Final = 1.0

# Where fusion hardly tells the candidates apart, they are spread over this part of the best
# one's score, so that what weighs scores later does not drown what the reranker said.
_LEAST_BAND: Final = 0.25


def blend(fused: Sequence[float], reranked: Sequence[float], weight: float) -> list[float]:
    """Scores by both the fused ranking and the reranker, on the scale of the fused ones.

    With ``f`` the fused scores of the ``n = len(reranked)`` candidates, brought to [0, 1] by
    their least and greatest, and ``r`` the log-odds of their relevances likewise, a candidate's
    place is ``p = (1 - weight) f + weight r``. It is brought back to the band that the
    candidates had, from their least to their greatest fused score: ``p`` = 1 is the band's
    top, 0 its bottom. So scores keep their meaning for whatever multiplies them later.

    Interpolating both rankings beats the reranker alone where one of them errs (Wang, Zhuang
    and Zuccon 2021, "BERT-based dense retrievers require interpolation with BM25", ICTIR).
    Log-odds, rather than relevances: a sigmoid presses most of what it is given against 0 or
    1, and candidates at 0.001 and 0.00001 are as far apart as those at 0.1 and 0.9.

    Two limits keep noise out: log-odds that lie within 1 of each other are not stretched
    over the whole scale, and a band narrower than a quarter of the best score is widened
    downwards to that. What lies beyond the candidates is then lowered by the same factor
    as the band's bottom, and stays below it in its order.

    Args:
        fused: the fused scores, at least 0, the best first.
        reranked: the relevance in [0, 1] of the first ``len(reranked)`` of them.
        weight: how much the reranker counts, from 0 (not at all) to 1 (alone).

    Returns:
        one score for each of ``fused``, in the same places: the caller sorts. Those of
        candidates are at most ``fused[0]`` and at least as great as any other.

    Raises:
        InvalidInput: the lengths do not fit, a number is out of its range, or ``fused`` is not
            sorted.
    """
    if not 0.0 <= weight <= 1.0:
        raise InvalidInput("blend: weight must be from 0 to 1")
    if len(reranked) > len(fused):
        raise InvalidInput(f"blend: {len(reranked)} relevances for {len(fused)} fused scores")
    if not all(0.0 <= relevance <= 1.0 for relevance in reranked):
        raise InvalidInput("blend: every relevance must be from 0 to 1")
    if not all(math.isfinite(score) and score >= 0.0 for score in fused) or any(
        later > earlier for earlier, later in pairwise(fused)
    ):
        raise InvalidInput("blend: fused scores must be finite, at least 0, the best first")
    count = len(reranked)
    if count == 0 or weight == 0.0:
        return list(fused)
    greatest, least = fused[0], fused[count - 1]
    by_fusion = _scaled(fused[:count], 0.0)
    by_reranker = _scaled([_log_odds(relevance) for relevance in reranked], _LEAST_SPREAD)
    bottom = min(least, (1.0 - _LEAST_BAND) * greatest)
    places = [
        (1.0 - weight) * fusion + weight * reranker
        for fusion, reranker in zip(by_fusion, by_reranker, strict=True)
    ]
    # Rounding may take a product past the band's ends.
    blended = [min(greatest, max(bottom, bottom + place * (greatest - bottom))) for place in places]
    lowered = bottom / least if least > 0.0 else 1.0
    return blended + [min(bottom, score * lowered) for score in fused[count:]]


def _log_odds(relevance: float) -> float:
    bounded = min(1.0 - _CERTAIN, max(_CERTAIN, relevance))
    return math.log(bounded) - math.log1p(-bounded)


def _scaled(values: Sequence[float], least_spread: float) -> list[float]:
    """Values brought to [0, 1], the greatest to 1; equal ones all to 1."""
    greatest = max(values)
    spread = max(greatest - min(values), least_spread)
    return [1.0 - (greatest - value) / spread if spread else 1.0 for value in values]
