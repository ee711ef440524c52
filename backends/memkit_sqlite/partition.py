"""One namespace in memory: its columns, vectors and postings, by position."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from memkit.backing.hashing import term_hash
from memkit.backing.lexical import Postings
from memkit.backing.ranking import best
from memkit.errors import EmbedderMismatch
from memkit.filters import Filter
from memkit.protocols import DenseLeg, Scored, SearchLeg
from memkit_sqlite.columns import INDEX_COLUMNS, Columns
from memkit_sqlite.dense import Vectors
from memkit_sqlite.masks import Truth, evaluate
from memkit_sqlite.rows import Row

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: The columns of ``records r`` and ``indexed i`` that :meth:`Partition.append` takes.
FIELD_SELECTION = ", ".join(f"r.{column}" for column in INDEX_COLUMNS)
SELECTION = f"{FIELD_SELECTION}, i.length, i.terms, i.vector"
_FIELDS = len(INDEX_COLUMNS)
# Below this many dead rows closing up is not worth it.
_DEAD_LEAST = 1024


class Partition:
    """What is needed to search one namespace; it holds nothing of any other."""

    def __init__(self, dimension: int | None) -> None:
        self.columns = Columns()
        self._postings = Postings()
        self._vectors = None if dimension is None else Vectors(dimension)

    @property
    def size(self) -> int:
        """How many rows a search goes over, dead ones included."""
        return self.columns.size

    def append(self, rows: Sequence[Row]) -> None:
        """Add records, or index those anew that are there."""
        if not rows:
            return
        start = self.columns.size
        self.columns.append([row[:_FIELDS] for row in rows])
        self._postings.append(start, [row[_FIELDS] for row in rows],
                              [row[_FIELDS + 1] for row in rows])  # fmt: skip
        if self._vectors is not None:
            self._vectors.append(start, [row[_FIELDS + 2] for row in rows])

    def replace(self, row: Row) -> None:
        """Change the fields of a record whose labels and index data are what they were."""
        self.columns.replace(row)

    def kill(self, seq: int) -> None:
        """Take a record out, if it is there."""
        self.columns.kill(seq)

    def settle(self) -> None:
        """Make ready for searching after much was added."""
        self._postings.consolidate()

    def compact_if_due(self) -> None:
        """Close up over dead rows once they are many."""
        if self.columns.dead < max(_DEAD_LEAST, self.columns.size // 4):
            return
        kept = self.columns.compact()
        self._postings.keep(kept)
        if self._vectors is not None:
            self._vectors.keep(kept)

    def select(self, filter: Filter, seqs: Sequence[int] | None) -> NDArray[np.bool_] | None:
        """Which living rows match: a mask, or ``None`` for all there are.

        Args:
            filter: one that :func:`~memkit_sqlite.masks.answerable` accepts.
            seqs: the records that match the rest of the query's filter; ``None``: all do.
        """
        columns = self.columns
        truth: Truth = evaluate(filter, columns)
        alive = columns.alive[: columns.size]
        if seqs is not None:
            found = np.zeros(columns.size, np.bool_)
            found[[columns.at[seq] for seq in seqs if seq in columns.at]] = True
            truth = found if truth is True else found & truth
        if truth is True:
            return alive if columns.dead else None
        if truth is False:
            return np.zeros(columns.size, np.bool_)
        return alive & truth if columns.dead else truth

    def seqs(self, filter: Filter, most: int) -> list[int] | None:
        """The records that match, or ``None`` if they are more than ``most``."""
        among = self.select(filter, None)
        if among is None or np.count_nonzero(among) > most:
            return None
        found: list[int] = self.columns.seqs[: self.columns.size][among].tolist()
        return found

    def rank(
        self, leg: SearchLeg, among: NDArray[np.bool_] | None, limit: int
    ) -> tuple[tuple[Scored, ...], float | None]:
        """The best ``limit`` of a leg among the rows of :meth:`select`, and its ceiling.

        Raises:
            EmbedderMismatch: the query's vector has another dimension than the store's.
        """
        ids = self.columns.ids
        if not isinstance(leg, DenseLeg):
            terms = [term_hash(term) for term in dict.fromkeys(leg.terms)]
            ranked = self._postings.search(terms, among, limit)
            return best(ranked.rows, ranked.scores, ids, limit), ranked.ceiling
        if self._vectors is None:
            return (), None
        if leg.vector.shape != (self._vectors.dimension,):
            raise EmbedderMismatch(
                f"the query's vector has the shape {leg.vector.shape}, and the store's vectors "
                f"have {self._vectors.dimension} dimensions: use the store's own embedder"
            )
        embedded = self.columns.flags["embedded"][: self.columns.size]
        living = embedded if among is None else embedded & among
        found, scores = self._vectors.search(leg.vector, living, limit)
        return best(found, scores, ids, limit), None
