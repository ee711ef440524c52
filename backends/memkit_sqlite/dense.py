"""Vectors in memory: cosine over the rows that a filter leaves.

Large sets are first ranked by the Hamming distance of one bit a dimension (the sign of the
component less its mean), and only the nearest are compared as float32. The scores are always
those of the full vectors.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from memkit.backing.arrays import grown
from memkit.backing.ranking import contenders

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Positions = NDArray[Any]

_BLOCK_BITS = 14
_BLOCK = 1 << _BLOCK_BITS
# Up to so many rows are compared as they are: no slower, and exact.
EXACT_ROWS = 2048
# Bits say too little about short vectors.
_BITS_FROM_DIMENSION = 128
_SAMPLE = 4096
# How many of the nearest by bits are compared in full: for each result wanted, and at least.
# Of 100,000 vectors of all-MiniLM-L6-v2 (LoCoMo's turns and mixtures of two of them), the
# exact ten best are then among them at 0.998; with half as many at 0.994.
_CANDIDATES_EACH = 16
_CANDIDATES_LEAST = 1600
# Rows that are gathered and compared at a time: what they fill stays in the processor's cache.
_GATHERED = 256


class Vectors:
    """A namespace's vectors by position; blocks of fixed size, so that growth copies none."""

    def __init__(self, dimension: int) -> None:
        self.dimension = dimension
        self._blocks: list[Floats] = []
        self._size = 0
        self._words = -(-dimension // 64)
        self._mean: Floats | None = None
        self._bits: NDArray[np.uint64] = np.zeros((self._words, 0), np.uint64)
        self._packed = 0

    def append(self, start: int, blobs: Sequence[bytes | None]) -> None:
        """Add the vectors of the rows from ``start`` on; some rows may have none."""
        self._size = start + len(blobs)
        while len(self._blocks) * _BLOCK < self._size:
            # Memory of rows without vectors is never touched, so it costs nothing.
            self._blocks.append(np.zeros((_BLOCK, self.dimension), np.float32))
        present = [(start + i, blob) for i, blob in enumerate(blobs) if blob is not None]
        if not present:
            return
        positions = np.array([position for position, _ in present])
        joined = np.frombuffer(b"".join(blob for _, blob in present), "<f4")
        vectors = joined.reshape(len(present), self.dimension)
        for number in np.unique(positions >> _BLOCK_BITS).tolist():
            inside = positions >> _BLOCK_BITS == number
            self._blocks[number][positions[inside] & (_BLOCK - 1)] = vectors[inside]

    def keep(self, kept: Positions) -> None:
        """Close up: the row at ``kept[i]`` moves to ``i``. Ascending, so nothing is overwritten
        before it has moved.
        """
        for first in range(0, len(kept), _BLOCK):
            part = kept[first : first + _BLOCK]
            self._blocks[first >> _BLOCK_BITS][: len(part)] = self.rows(part)
        self._size = len(kept)
        del self._blocks[-(-self._size // _BLOCK) :]
        self._packed = 0

    def rows(self, positions: Positions) -> Floats:
        """The vectors at ascending positions, shape ``(len(positions), dimension)``."""
        result = np.empty((len(positions), self.dimension), np.float32)
        for block, inside, part in self._parts(positions):
            block.take(inside, axis=0, out=result[part], mode="clip")
        return result

    def _cosines_of(self, positions: Positions, query: Floats) -> Floats:
        """The product of each row at ascending positions with the query."""
        scores = np.empty(len(positions), np.float32)
        gathered = np.empty((min(len(positions), _GATHERED), self.dimension), np.float32)
        for block, inside, part in self._parts(positions):
            for first in range(0, len(inside), _GATHERED):
                some = inside[first : first + _GATHERED]
                rows = gathered[: len(some)]
                block.take(some, axis=0, out=rows, mode="clip")
                begin = part.start + first
                scores[begin : begin + len(some)] = _cosines(rows, query)
        return scores

    def _parts(self, positions: Positions) -> Iterator[tuple[Floats, Positions, slice]]:
        """Ascending positions by block: the block, the positions inside it, and their place."""
        edges = np.searchsorted(positions, np.arange(1, len(self._blocks)) << _BLOCK_BITS)
        bounds = [0, *edges.tolist(), len(positions)]
        for number, block in enumerate(self._blocks):
            low, high = bounds[number], bounds[number + 1]
            if low < high:
                yield block, positions[low:high] - (number << _BLOCK_BITS), slice(low, high)

    def search(
        self, query: Floats, among: NDArray[np.bool_], limit: int
    ) -> tuple[Positions, Floats]:
        """The rows that may be the best ``limit`` by cosine, and their scores.

        Args:
            query: shape ``(dimension,)``, of length 1.
            among: which rows can be found; those must have vectors.
            limit: how many are wanted; more come back where scores are equal.
        """
        query = np.ascontiguousarray(query, np.float32)
        total = int(np.count_nonzero(among))
        if total == 0 or limit <= 0:
            return np.zeros(0, np.int64), np.zeros(0, np.float32)
        wanted = max(_CANDIDATES_EACH * limit, _CANDIDATES_LEAST)
        if total <= max(EXACT_ROWS, 2 * wanted) or self.dimension < _BITS_FROM_DIMENSION:
            positions, scores = self._exact(query, among, total)
        else:
            positions = self._nearest_by_bits(query, among, total, wanted)
            scores = self._cosines_of(positions, query)
        chosen = contenders(scores, limit)
        return positions[chosen], scores[chosen]

    def _exact(
        self, query: Floats, among: NDArray[np.bool_], total: int
    ) -> tuple[Positions, Floats]:
        positions = np.flatnonzero(among)
        if total * 3 < self._size:
            return positions, self._cosines_of(positions, query)
        scores = np.empty(self._size, np.float32)
        for number, block in enumerate(self._blocks):
            first = number << _BLOCK_BITS
            last = min(first + _BLOCK, self._size)
            scores[first:last] = _cosines(block[: last - first], query)
        return positions, scores[positions] if total < self._size else scores

    def _nearest_by_bits(
        self, query: Floats, among: NDArray[np.bool_], total: int, wanted: int
    ) -> Positions:
        self._pack(among)
        asked = self._signs(query[np.newaxis])[:, 0]
        if total * 4 < self._size:
            positions = np.flatnonzero(among)
            distances = _distances(self._bits.take(positions, axis=1), asked)
        else:
            positions = None
            distances = _distances(self._bits[:, : self._size], asked)
            distances[~among] = 64 * self._words + 1
        counts = np.bincount(distances, minlength=64 * self._words + 2)
        reach = int(np.searchsorted(np.cumsum(counts), wanted))
        near = np.flatnonzero(distances <= reach)
        return near if positions is None else positions[near]

    def _pack(self, among: NDArray[np.bool_]) -> None:
        """Bring the bits up to date with the vectors."""
        if self._packed == self._size:
            return
        if self._mean is None or self._packed == 0:
            sample = np.flatnonzero(among)
            step = max(1, len(sample) // _SAMPLE)
            self._mean = self.rows(sample[::step]).mean(axis=0)
        self._bits = grown(self._bits, self._size)
        while self._packed < self._size:
            offset = self._packed & (_BLOCK - 1)
            count = min(_BLOCK - offset, self._size - self._packed, _SAMPLE)
            block = self._blocks[self._packed >> _BLOCK_BITS][offset : offset + count]
            self._bits[:, self._packed : self._packed + count] = self._signs(block)
            self._packed += count

    def _signs(self, vectors: Floats) -> NDArray[np.uint64]:
        """One bit a dimension, shape ``(words, rows)``: each word is its own long column."""
        assert self._mean is not None
        packed = np.zeros((len(vectors), self._words * 8), np.uint8)
        bits = np.packbits(vectors > self._mean, axis=1)
        packed[:, : bits.shape[1]] = bits
        return packed.view(np.uint64).T


def _cosines(vectors: Floats, query: Floats) -> Floats:
    """The product of each row with the query.

    Row by row: a matrix product is handed to BLAS's threads, which costs milliseconds where
    the processors are busy, and gives equal rows scores that differ in the last bit.
    """
    products: Floats = np.vecdot(vectors, query)
    return products


def _distances(bits: NDArray[np.uint64], asked: NDArray[np.uint64]) -> NDArray[np.uint16]:
    """Hamming distances of columns of ``bits`` from ``asked``."""
    size = bits.shape[1]
    result = np.zeros(size, np.uint16)
    differing = np.empty(min(size, _BLOCK), np.uint64)
    counted = np.empty(len(differing), np.uint8)
    for first in range(0, size, _BLOCK):
        part = result[first : first + _BLOCK]
        words, ones = differing[: len(part)], counted[: len(part)]
        for column, word in zip(bits, asked, strict=True):
            np.bitwise_xor(column[first : first + _BLOCK], word, out=words)
            np.bitwise_count(words, out=ones)
            part += ones
    return result
