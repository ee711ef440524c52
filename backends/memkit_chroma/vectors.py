"""A namespace's vectors in memory: some are here, some are still in Chroma, some never were."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from memkit.backing.arrays import grown

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from memkit.protocols import Vector

    Numbers = NDArray[np.intp]
_NONE, _PENDING, _HERE = 0, 1, 2


class Matrix:
    """The vectors of rows, float32, one row each; room is made when the first one comes."""

    def __init__(self) -> None:
        self._states: NDArray[np.uint8] = np.zeros(64, np.uint8)
        self._size = 0
        self._vectors: Vector | None = None

    def append(self, vector: Vector | None, *, pending: bool = False) -> None:
        """Add a row with its vector, without one, or with one that is still in Chroma."""
        number = self._size
        self._states = grown(self._states, number + 1)
        self._states[number] = _PENDING if pending else _NONE
        self._size += 1
        if vector is not None:
            self.put(number, vector)

    def put(self, number: int, vector: Vector) -> None:
        """Give a row its vector."""
        self._room(vector.size)[number] = vector
        self._states[number] = _HERE

    def _room(self, dimension: int) -> Vector:
        held = self._vectors
        if held is None or held.shape[1] != dimension:
            held = np.zeros((max(64, self._size), dimension), np.float32)
        elif len(held) < self._size:
            larger = np.zeros((max(self._size, len(held) * 3 // 2), dimension), np.float32)
            larger[: len(held)] = held
            held = larger
        self._vectors = held
        return held

    def embedded(self, number: int) -> bool:
        """Whether a row has a vector, wherever that is."""
        return bool(self._states[number])

    def vector(self, number: int) -> Vector | None:
        """A row's vector, which must be here."""
        if self._states[number] != _HERE or self._vectors is None:
            return None
        vector: Vector = self._vectors[number].copy()
        return vector

    def bury(self, number: int) -> None:
        """Forget a row's vector, which nobody will ask for again."""
        self._states[number] = _NONE

    def pending(self, among: Numbers | None = None) -> list[int]:
        """Rows, of these or of all, whose vectors are still in Chroma."""
        states = self._states[: self._size]
        if among is None:
            among = np.flatnonzero(states == _PENDING)
        found: list[int] = among[states[among] == _PENDING].tolist()
        return found

    def scores(self, query: Vector, among: NDArray[np.bool_] | None) -> tuple[Numbers, Vector]:
        """The rows that have a vector, of these, and their products with ``query``."""
        here = self._states[: self._size] == _HERE
        if among is not None:
            here &= among
        numbers = np.flatnonzero(here)
        if self._vectors is None or not len(numbers):
            return numbers[:0], np.zeros(0, np.float32)
        # Row by row: a matrix product gives equal rows scores that differ in the last bit.
        if 2 * len(numbers) > self._size:
            products = np.vecdot(self._vectors[: self._size], query)[numbers]
        else:
            products = np.vecdot(self._vectors[numbers], query)
        return numbers, products

    def keep(self, kept: Numbers) -> None:
        """Close up: the row at ``kept[i]`` moves to ``i``, the others go."""
        self._states[: len(kept)] = self._states[kept]
        if self._vectors is not None and len(self._vectors) < self._size:
            self._room(self._vectors.shape[1])
        if self._vectors is not None:
            self._vectors[: len(kept)] = self._vectors[kept]
        self._size = len(kept)

    @property
    def dimension(self) -> int | None:
        """That of the vectors that are here, ``None`` if none is."""
        return None if self._vectors is None else self._vectors.shape[1]
