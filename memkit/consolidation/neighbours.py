"""Which rows of a matrix are near each other: block by block, never all pairs at once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from math import log
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from memkit.protocols import Vector

    Pairs: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]

#: Of each row so many of its nearest among the rows after it are kept.
NEAREST: Final = 32
# Numbers that a block of products may have: 64 MiB.
_BLOCK: Final = 16 * 2**20
WORDS_DIMENSION: Final = 512


def blocks(size: int) -> list[tuple[int, int]]:
    """The stretches of rows whose products with all rows fit in memory, one after the other."""
    step = max(1, _BLOCK // max(1, size))
    return [(start, min(size, start + step)) for start in range(0, size, step)]


def near_pairs(rows: Vector, start: int, stop: int, least: float) -> Pairs:
    """The pairs of a block's rows with later rows whose cosine is at least ``least``.

    Args:
        rows: float32, shape ``(n, dimension)``, each of length 1.
        start, stop: the block.
        least: the least cosine.

    Returns:
        the earlier rows, the later rows and the cosines; of each earlier row the nearest
        :data:`NEAREST` alone.
    """
    cosines = rows[start:stop] @ rows[start:].T
    hits = np.triu(cosines >= least, 1)
    for row in np.flatnonzero(hits.sum(axis=1) > NEAREST):
        columns = np.flatnonzero(hits[row])
        # Equally near ones in their order: which are kept must not depend on chance.
        best = columns[np.lexsort((columns, -np.round(cosines[row, columns], 5)))[:NEAREST]]
        hits[row] = False
        hits[row, best] = True
    one, other = np.nonzero(hits)
    return one + start, other + start, cosines[one, other]


def grouped(rows: Vector, pairs: Pairs, least: float, most: int) -> list[list[int]]:
    """Groups of rows that belong together, each in order, the earliest first.

    Pairs are joined from the nearest on, as in Kruskal's algorithm, but only if the mean cosine
    between the two groups is at least ``least`` (average linkage: Sokal and Michener, "A
    Statistical Method for Evaluating Systematic Relationships", 1958), so that no chain of
    neighbours makes one group of everything. Of rows of length 1 that mean is the product of the
    groups' sums over the product of their sizes.

    Args:
        rows: as for :func:`near_pairs`.
        pairs: of all blocks.
        least: the least mean cosine between two groups that are joined.
        most: the greatest size of a group.
    """
    one, other, cosines = pairs
    # Rounded: the last bits may differ with how many cores there are.
    order = np.lexsort((other, one, -np.round(cosines, 5)))
    parent = list(range(len(rows)))
    sums: dict[int, Vector] = {}
    members: dict[int, list[int]] = {}

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    for a, b in zip(one[order].tolist(), other[order].tolist(), strict=True):
        left, right = root(a), root(b)
        if left == right:
            continue
        size_left, size_right = len(members.get(left, "1")), len(members.get(right, "1"))
        if size_left + size_right > most:
            continue
        sum_left, sum_right = sums.get(left, rows[left]), sums.get(right, rows[right])
        # The two rows of a pair are near enough: that is why it is one.
        if size_left * size_right > 1 and (
            float(sum_left @ sum_right) < least * size_left * size_right
        ):
            continue
        parent[right] = left
        members[left] = members.get(left, [left]) + members.pop(right, [right])
        sums[left] = sum_left + sum_right
        sums.pop(right, None)
    return sorted(sorted(group) for group in members.values())


def joined(parts: Sequence[Pairs]) -> Pairs:
    """The pairs of several blocks as one."""
    if not parts:
        empty = np.zeros(0, np.int64)
        return empty, empty, np.zeros(0, np.float32)
    one, other, cosines = zip(*parts, strict=True)
    return np.concatenate(one), np.concatenate(other), np.concatenate(cosines)


def words_matrix(texts: Sequence[Sequence[str]]) -> Vector:
    """Texts' terms as vectors, where there is no embedder: near ones share words.

    Each term adds ``1 + log(count)`` to one coordinate, with a sign (Weinberger et al., "Feature
    Hashing for Large Scale Multitask Learning", ICML 2009). A text is so the same vector whatever
    else is stored.

    Returns:
        float32, shape ``(len(texts), WORDS_DIMENSION)``, rows of length 1; zeros for no terms.
    """
    rows = np.zeros((len(texts), WORDS_DIMENSION), np.float32)
    for row, terms in enumerate(texts):
        counts: dict[str, int] = {}
        for term in terms:
            counts[term] = counts.get(term, 0) + 1
        for term, count in counts.items():
            at, sign = _coordinate(term)
            rows[row, at] += sign * (1 + log(count))
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    lengths[lengths == 0] = 1
    rows /= lengths
    return rows


@lru_cache(maxsize=65_536)
def _coordinate(term: str) -> tuple[int, float]:
    digest = blake2b(term.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    number = int.from_bytes(digest, "little")
    return (number >> 1) % WORDS_DIMENSION, 1.0 if number & 1 else -1.0
