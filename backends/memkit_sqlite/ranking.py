"""The best of a scored set, with equal scores in the order of their ids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from memkit.protocols import Scored

if TYPE_CHECKING:
    from numpy.typing import NDArray


def contenders(scores: NDArray[Any], limit: int, slack: float = 0.0) -> NDArray[np.int64]:
    """The indexes of all that may be among the best ``limit``, in no order.

    All that score within ``slack`` of the last one are there too, so that the order of equal
    scores can be settled among all of them.
    """
    if len(scores) <= limit:
        return np.arange(len(scores))
    last = np.partition(scores, len(scores) - limit)[len(scores) - limit]
    return np.flatnonzero(scores >= last - slack)


def best(
    positions: NDArray[Any], scores: NDArray[Any], ids: Sequence[str], limit: int
) -> tuple[Scored, ...]:
    """The best ``limit``: greatest score first, then by id."""
    scored = [
        (-score, ids[position])
        for position, score in zip(positions.tolist(), scores.tolist(), strict=True)
    ]
    scored.sort()
    return tuple(Scored(id_, -score) for score, id_ in scored[:limit])
