"""Relevance from 0 to 1: made of logits, and checked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from memkit.errors import RerankerError

# Rounding takes a service's scores this far beyond 0 or 1.
_ROUNDING: Final = 1e-6


def sigmoid(logit: float) -> float:
    """The relevance of a cross-encoder's logit: ``1 / (1 + exp(-logit))``.

    Cross-encoders for ranking are trained with binary cross-entropy on that (Nogueira and
    Cho 2019, arXiv:1901.04085), so it is the probability that they give a text.
    """
    if logit >= 0.0:
        return 1.0 / (1.0 + math.exp(-logit))
    grown = math.exp(logit)
    return grown / (1.0 + grown)


def in_range(scores: Sequence[float]) -> bool:
    """Whether all scores are relevances already, but for rounding."""
    return all(-_ROUNDING <= score <= 1.0 + _ROUNDING for score in scores)


def clipped(scores: Sequence[float]) -> list[float]:
    """Scores without what rounding took beyond 0 or 1."""
    return [min(1.0, max(0.0, score)) for score in scores]


def finite_scores(scores: Sequence[object], count: int, source: str) -> list[float]:
    """What another program answered as scores, as floats.

    Args:
        scores: what it answered.
        count: how many texts there were.
        source: who answered, for messages.

    Raises:
        RerankerError: there are more or fewer, or one is not a finite number.
    """
    if len(scores) != count:
        raise RerankerError(f"{source} answered {len(scores)} scores for {count} texts")
    found: list[float] = []
    for score in scores:
        try:
            # Whatever has a float in it will do, as numpy's numbers do; text will not.
            number = math.nan if isinstance(score, str | bytes) else float(score)  # type: ignore[arg-type]
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not math.isfinite(number):
            raise RerankerError(f"{source} answered a score that is not a finite number")
        found.append(number)
    return found


def checked_relevance(scores: Sequence[object], count: int, source: str) -> list[float]:
    """What a reranker returned, as it should be: ``count`` floats in [0, 1].

    Raises:
        RerankerError: it is something else.
    """
    found = finite_scores(scores, count, source)
    if not in_range(found):
        raise RerankerError(
            f"{source} answered scores outside 0 to 1; a reranker passes its logits through a "
            "sigmoid"
        )
    return clipped(found)
