"""The best of a scored set, with equal scores in the order of their ids."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from memkit.protocols import Scored

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PART = 4096


def contenders(scores: NDArray[Any], limit: int) -> NDArray[np.intp]:
    """The indexes of all that may be among the best ``limit``, in no order.

    All that score the same as the last one are there too, so that the order of equal scores
    can be settled among all of them.
    """
    if len(scores) <= limit:
        return np.arange(len(scores))
    # The last of the best of a part is no better than that of the whole, and much quicker to
    # find: it leaves few to partition.
    every = len(scores) // max(_PART, 2 * limit)
    if every > 1:
        found: NDArray[Any] = np.flatnonzero(scores >= _last(scores[::every], limit))
        scores = scores[found]
        chosen: NDArray[np.intp] = found[scores >= _last(scores, limit)]
        return chosen
    return np.flatnonzero(scores >= _last(scores, limit))


def _last(scores: NDArray[Any], limit: int) -> Any:
    """The score of the last of the best ``limit``."""
    return np.partition(scores, len(scores) - limit)[len(scores) - limit]


def best(
    positions: NDArray[Any], scores: NDArray[Any], ids: Sequence[str], limit: int
) -> tuple[Scored, ...]:
    """The best ``limit``: greatest score first, then by id."""
    order = np.argsort(-scores, kind="stable")
    scores = scores[order]
    equal = bool(np.any(scores[1:] == scores[:-1]))
    if not equal:
        order, scores = order[:limit], scores[:limit]
    found = zip(map(ids.__getitem__, positions[order].tolist()), scores.tolist(), strict=True)
    if equal:
        return tuple(map(_scored, sorted(found, key=_place)[:limit]))
    return tuple(map(_scored, found))


def _place(entry: tuple[str, float]) -> tuple[float, str]:
    return -entry[1], entry[0]


#: Quicker than the class itself, which unpacks its arguments first.
_scored: Callable[[tuple[str, float]], Scored] = partial(tuple.__new__, Scored)
