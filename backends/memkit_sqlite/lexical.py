"""BM25 in memory, counted over the rows that a filter leaves.

Score of a document: the sum over the query's distinct terms of
``idf * tf * (k1 + 1) / (tf + k1 * (1 - b + b * length / mean_length))`` with
``idf = ln(1 + (N - df + 0.5) / (df + 0.5))`` (Robertson and Zaragoza 2009; the idf is
Lucene's, which is never negative). ``N``, ``df`` and the mean length are those of the rows
that the filter leaves: what a reader cannot see does not move a score.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from memkit_sqlite.columns import grown
from memkit_sqlite.ranking import contenders

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Positions = NDArray[Any]

K1 = 1.2
B = 0.75
#: Bytes of one term of a document: its hash, then its frequency.
TERM_BYTES = 10
_FRESH_MAX = 4096
_FAN_OUT = 6


class _Segment:
    """Postings that do not change: for each term the rows that hold it, ascending."""

    def __init__(
        self, hashes: NDArray[np.uint64], rows: NDArray[np.int32], counts: NDArray[np.uint16]
    ) -> None:
        order = np.argsort(hashes, kind="stable")
        ordered = hashes[order]
        self.rows = rows[order]
        self.counts = counts[order]
        first = np.empty(len(ordered), np.bool_)
        first[:1] = True
        np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
        starts = np.flatnonzero(first)
        self.terms = ordered[starts]
        self.bounds = np.append(starts, len(ordered))

    def __len__(self) -> int:
        return len(self.rows)

    def hashes(self) -> NDArray[np.uint64]:
        """The term of each posting."""
        return np.repeat(self.terms, np.diff(self.bounds))


class Postings:
    """An inverted index of a namespace's terms.

    New rows go to a small dictionary, that to a segment when it is full, and segments of like
    size are merged, so that adding a row costs the same however many there are.
    """

    def __init__(self) -> None:
        self.lengths: NDArray[np.int32] = np.zeros(256, np.int32)
        self._size = 0
        self._segments: list[_Segment] = []
        self._fresh: dict[int, tuple[array[int], array[int]]] = {}
        self._fresh_count = 0

    def append(self, start: int, lengths: Sequence[int], blobs: Sequence[bytes]) -> None:
        """Add the rows from ``start`` on: their lengths in terms, and their terms."""
        self._size = start + len(blobs)
        self.lengths = grown(self.lengths, self._size)
        self.lengths[start : self._size] = lengths
        if len(blobs) < 64:
            for row, blob in enumerate(blobs, start):
                self._append_one(row, blob)
            if self._fresh_count > _FRESH_MAX:
                self._settle()
            return
        sizes = np.array([len(blob) // TERM_BYTES for blob in blobs])
        hashes = b"".join([blob[: len(blob) // TERM_BYTES * 8] for blob in blobs])
        counts = b"".join([blob[len(blob) // TERM_BYTES * 8 :] for blob in blobs])
        rows = np.repeat(np.arange(start, self._size, dtype=np.int32), sizes)
        self._add(
            _Segment(np.frombuffer(hashes, "<u8"), rows, np.frombuffer(counts, "<u2"))
        )

    def _append_one(self, row: int, blob: bytes) -> None:
        size = len(blob) // TERM_BYTES
        hashes = np.frombuffer(blob, "<u8", size).tolist()
        counts = np.frombuffer(blob, "<u2", size, size * 8).tolist()
        for term, count in zip(hashes, counts, strict=True):
            held = self._fresh.get(term)
            if held is None:
                self._fresh[term] = array("i", (row,)), array("H", (count,))
            else:
                held[0].append(row)
                held[1].append(count)
        self._fresh_count += size

    def _settle(self) -> None:
        if not self._fresh:
            return
        sizes = [len(rows) for rows, _ in self._fresh.values()]
        hashes = np.repeat(np.fromiter(self._fresh, np.uint64, len(sizes)), sizes)
        rows = np.frombuffer(b"".join(r.tobytes() for r, _ in self._fresh.values()), np.int32)
        counts = np.frombuffer(b"".join(c.tobytes() for _, c in self._fresh.values()), np.uint16)
        self._fresh, self._fresh_count = {}, 0
        self._add(_Segment(hashes, rows, counts))

    def _add(self, segment: _Segment) -> None:
        if not len(segment):
            return
        self._segments.append(segment)
        while len(self._segments) >= _FAN_OUT:
            tail = self._segments[-_FAN_OUT:]
            if len(tail[0]) > _FAN_OUT * sum(map(len, tail[1:])):
                break
            self._segments[-_FAN_OUT:] = [_merged(tail)]

    def consolidate(self) -> None:
        """Merge all segments into one."""
        self._settle()
        if len(self._segments) > 1:
            self._segments = [_merged(self._segments)]

    def keep(self, kept: Positions) -> None:
        """Close up: the row at ``kept[i]`` moves to ``i``, the others go."""
        self._settle()
        moved = np.full(self._size, -1, np.int32)
        moved[kept] = np.arange(len(kept), dtype=np.int32)
        segments, self._segments = self._segments, []
        for segment in segments:
            rows = moved[segment.rows]
            living = rows >= 0
            self._add(_Segment(segment.hashes()[living], rows[living], segment.counts[living]))
        self.lengths[: len(kept)] = self.lengths[kept]
        self._size = len(kept)

    def search(
        self, terms: Sequence[int], among: NDArray[np.bool_] | None, limit: int
    ) -> tuple[Positions, NDArray[np.float64]]:
        """The rows that may be the best ``limit`` by BM25, and their scores.

        Args:
            terms: the hashes of the query's distinct terms.
            among: which rows can be found; ``None``: all of them.
            limit: how many are wanted; more come back where scores are equal.
        """
        rows, counts, owners = self._postings(terms)
        if among is not None and len(rows):
            inside = among[rows]
            rows, counts, owners = rows[inside], counts[inside], owners[inside]
        if len(rows) == 0 or limit <= 0:
            return np.zeros(0, np.int64), np.zeros(0, np.float64)
        lengths = self.lengths[: self._size]
        if among is None:
            total, words = self._size, float(lengths.sum(dtype=np.int64))
        else:
            total = int(np.count_nonzero(among))
            words = float(np.dot(lengths, among))
        df = np.bincount(owners, minlength=len(terms))
        idf = np.log1p((total - df + 0.5) / (df + 0.5)) * (K1 + 1)
        tf = counts.astype(np.float64)
        norms = lengths[rows] * (K1 * B * total / words)
        norms += K1 * (1 - B)
        norms += tf
        tf *= idf[owners]
        tf /= norms
        found: Positions
        scores: NDArray[np.float64]
        if len(rows) * 4 > self._size:
            sums = np.bincount(rows, weights=tf, minlength=self._size)
            found = np.flatnonzero(sums)
            scores = sums[found]
        else:
            # Annotated: of what NumPy's own stubs say here, mypy makes another type.
            distinct: tuple[Positions, Positions] = np.unique(rows, return_inverse=True)
            found = distinct[0]
            scores = np.bincount(distinct[1], weights=tf)
        chosen = contenders(scores, limit)
        return found[chosen], scores[chosen]

    def _postings(
        self, terms: Sequence[int]
    ) -> tuple[NDArray[np.int32], NDArray[np.uint16], NDArray[np.int64]]:
        """Every posting of these terms: its row, its frequency, and which term it is of."""
        rows: list[Any] = []
        counts: list[Any] = []
        owners: list[int] = []
        wanted = np.array(terms, np.uint64)
        for segment in self._segments:
            at = np.searchsorted(segment.terms, wanted)
            at[at == len(segment.terms)] = 0
            for owner in np.flatnonzero(segment.terms[at] == wanted).tolist():
                low, high = segment.bounds[at[owner] : at[owner] + 2].tolist()
                rows.append(segment.rows[low:high])
                counts.append(segment.counts[low:high])
                owners.append(owner)
        for owner, term in enumerate(terms):
            held = self._fresh.get(term)
            if held is not None:
                # Copied: a view would forbid the array to grow.
                rows.append(np.array(held[0], np.int32))
                counts.append(np.array(held[1], np.uint16))
                owners.append(owner)
        if not rows:
            return np.zeros(0, np.int32), np.zeros(0, np.uint16), np.zeros(0, np.int64)
        sizes = [len(part) for part in rows]
        return np.concatenate(rows), np.concatenate(counts), np.repeat(owners, sizes)


def _merged(segments: Sequence[_Segment]) -> _Segment:
    return _Segment(
        np.concatenate([segment.hashes() for segment in segments]),
        np.concatenate([segment.rows for segment in segments]),
        np.concatenate([segment.counts for segment in segments]),
    )
