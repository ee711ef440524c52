"""The best of a scored set: greatest score first, equal scores in the order of their ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from memkit.backing.ranking import best, contenders
from memkit.protocols import Scored

if TYPE_CHECKING:
    from numpy.typing import NDArray

IDS = [f"{name:03}" for name in np.random.default_rng(1).permutation(500)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("distinct", [1, 7, 10_000])
@pytest.mark.parametrize("limit", [0, 1, 40, 500, 900])
def test_the_best_are_those_of_a_plain_sort(dtype: type, distinct: int, limit: int) -> None:
    random = np.random.default_rng(distinct)
    scores: NDArray[Any] = (random.integers(-distinct, distinct, 300) / 64).astype(dtype)
    positions = random.permutation(500)[:300]
    pairs = zip(positions.tolist(), scores.tolist(), strict=True)
    wanted = sorted(((IDS[at], score) for at, score in pairs), key=lambda each: (-each[1], each[0]))
    found = best(positions, scores, IDS, limit)
    assert found == tuple(wanted[:limit])
    assert all(isinstance(each, Scored) for each in found)
    if limit:
        able = contenders(scores, limit)
        assert best(positions[able], scores[able], IDS, limit) == found


def test_of_nothing_there_is_no_best() -> None:
    assert best(np.zeros(0, np.int64), np.zeros(0), IDS, 5) == ()
