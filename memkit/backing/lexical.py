"""BM25 in memory, counted over the rows that a filter leaves.

Score of a document: the sum over the query's distinct terms of
``idf * tf * (k1 + 1) / (tf + k1 * (1 - b + b * length / mean_length))`` with
``idf = ln(1 + (N - df + 0.5) / (df + 0.5))`` (Robertson and Zaragoza 2009; the idf is
Lucene's, which is never negative). ``N``, ``df`` and the mean length are those of the rows
that the filter leaves: what a reader cannot see does not move a score.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from memkit.backing.arrays import grown
from memkit.backing.ranking import contenders

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Positions: TypeAlias = NDArray[Any]

K1 = 1.2
B = 0.75
#: Bytes of one term of a document: its hash, then its frequency.
TERM_BYTES = 10
_FRESH_MAX = 4096
_FAN_OUT = 6
# Up to so many postings are simply summed.
_FEW_POSTINGS = 4096
# More than the error of a sum of floats can be.
_ROUNDING = 1 + 1e-9


#: The rows that hold a term, ascending, and its frequency in each.
_Part: TypeAlias = "tuple[NDArray[np.int32], NDArray[np.uint16]]"


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

    def find(self, term: int) -> _Part | None:
        """The postings of a term."""
        at = int(self.terms.searchsorted(np.uint64(term)))
        if at == len(self.terms) or self.terms[at] != term:
            return None
        part = slice(self.bounds[at], self.bounds[at + 1])
        return self.rows[part], self.counts[part]

    def hashes(self) -> NDArray[np.uint64]:
        """The term of each posting."""
        return np.repeat(self.terms, np.diff(self.bounds))


class Found(NamedTuple):
    """What a search found: rows, their scores, and the ceiling of all scores.

    The ceiling is what a row of mean length scores that holds every term of the query once,
    also those that no row holds: ``sum of idf``.
    """

    rows: Positions
    scores: NDArray[np.float64]
    ceiling: float


def idf(total: int, df: int) -> float:
    """The inverse document frequency of a term that ``df`` of ``total`` rows hold."""
    return math.log1p((total - df + 0.5) / (df + 0.5))


class Postings:
    """An inverted index of a namespace's terms.

    New rows go to a small dictionary, that to a segment when it is full, and segments of like
    size are merged, so that adding a row costs the same however many there are.
    """

    def __init__(self) -> None:
        # As floats: that is how they are used, by all that a filter leaves at once.
        self.lengths: NDArray[np.float64] = np.zeros(256)
        self._size = 0
        self._words = 0.0
        self._segments: list[_Segment] = []
        self._fresh: dict[int, tuple[array[int], array[int]]] = {}
        self._fresh_count = 0

    def append(self, start: int, lengths: Sequence[int], blobs: Sequence[bytes]) -> None:
        """Add the rows from ``start`` on: their lengths in terms, and their terms."""
        self._size = start + len(blobs)
        self.lengths = grown(self.lengths, self._size)
        self.lengths[start : self._size] = lengths
        self._words += sum(lengths)
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
        self._add(_Segment(np.frombuffer(hashes, "<u8"), rows, np.frombuffer(counts, "<u2")))

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
        self._words = float(self.lengths[: self._size].sum())

    def search(self, terms: Sequence[int], among: NDArray[np.bool_] | None, limit: int) -> Found:
        """The rows that may be the best ``limit`` by BM25, their scores, and the ceiling.

        Args:
            terms: the hashes of the query's distinct terms.
            among: which rows can be found; ``None``: all of them.
            limit: how many are wanted; more come back where scores are equal.
        """
        held = [part for term in terms if (part := self._postings(term)) is not None]
        if among is not None:
            held = [_among(part, among) for part in held]
        held = sorted((part for part in held if len(part[0])), key=lambda part: len(part[0]))
        lengths = self.lengths[: self._size]
        total, words = self._size, self._words
        if among is not None:
            total = int(np.count_nonzero(among))
            words = float(np.einsum("i,i->", lengths, among.astype(np.float64)))
        absent = (len(terms) - len(held)) * idf(total, 0)
        if not held or limit <= 0:
            return Found(np.zeros(0, np.int64), np.zeros(0, np.float64), absent)
        ranking = _Ranking(held, lengths, total, words / total, self._size)
        return Found(*ranking.best(limit), ranking.ceiling + absent)

    def _postings(self, term: int) -> _Part | None:
        """The rows that hold a term, and its frequency in each; ``None`` if none does."""
        found = []
        for segment in self._segments:
            part = segment.find(term)
            if part is not None:
                found.append(part)
        fresh = self._fresh.get(term)
        if fresh is not None:
            # Copied: a view would forbid the array to grow.
            found.append((np.array(fresh[0], np.int32), np.array(fresh[1], np.uint16)))
        if len(found) < 2:
            return found[0] if found else None
        return (
            np.concatenate([rows for rows, _ in found]),
            np.concatenate([counts for _, counts in found]),
        )


class _Ranking:
    """One query's postings, rarest term first, and how they are scored."""

    def __init__(
        self,
        held: Sequence[_Part],
        lengths: NDArray[np.float64],
        total: int,
        mean: float,
        size: int,
    ) -> None:
        self._held = held
        self._lengths = lengths
        self._size = size
        self._slope = K1 * B / mean
        df = np.array([len(rows) for rows, _ in held])
        #: What each term adds at most: no frequency makes it more.
        self._most = np.log1p((total - df + 0.5) / (df + 0.5)) * (K1 + 1)
        self._postings = np.cumsum(df)
        #: What a row of mean length scores that holds every one of these terms once.
        self.ceiling = float(self._most.sum()) / (K1 + 1)

    def best(self, limit: int) -> tuple[Positions, NDArray[np.float64]]:
        """The rows that may be the best ``limit``, and their scores."""
        return self._by_rare_terms(limit) or self._by_all_terms(limit)

    def _by_rare_terms(self, limit: int) -> tuple[Positions, NDArray[np.float64]] | None:
        """Rank by the rare terms; look the common ones up for the rows that can still win.

        Not possible if common terms alone may carry a row among the best (the bound of
        MaxScore: Turtle and Flood 1995).
        """
        if self._postings[-1] <= _FEW_POSTINGS:
            return None
        rare = max(1, int(np.searchsorted(self._postings, _FEW_POSTINGS)))
        for used in range(rare, len(self._held)):
            common = float(self._most[used:].sum())
            if self._postings[used - 1] * 3 > self._postings[-1]:
                return None
            rows, scores = self._sums(self._held[:used], self._most[:used])
            if len(rows) <= limit:
                continue
            last = np.partition(scores, len(scores) - limit)[len(scores) - limit]
            if last <= common * _ROUNDING:
                continue
            able = scores >= last - common * _ROUNDING
            rows, scores = rows[able], scores[able]
            for (held, counts), most in zip(self._held[used:], self._most[used:], strict=True):
                at = np.searchsorted(held, rows)
                at[at == len(held)] = 0
                has = np.flatnonzero(held[at] == rows)
                scores[has] += self._weights(rows[has], counts[at[has]], most)
            chosen = contenders(scores, limit)
            return rows[chosen], scores[chosen]
        return None

    def _by_all_terms(self, limit: int) -> tuple[Positions, NDArray[np.float64]]:
        rows, scores = self._sums(self._held, self._most)
        chosen = contenders(scores, limit)
        return rows[chosen], scores[chosen]

    def _weights(
        self, rows: NDArray[np.int32], counts: NDArray[np.uint16], most: float
    ) -> NDArray[np.float64]:
        weights = self._lengths[rows]
        weights *= self._slope
        weights += K1 * (1 - B)
        weights += counts
        np.divide(counts * most, weights, out=weights)
        return weights

    def _sums(
        self, held: Sequence[_Part], most: NDArray[np.float64]
    ) -> tuple[Positions, NDArray[np.float64]]:
        """Each row that holds one of these terms, ascending, and the sum of its weights."""
        weights = [
            self._weights(rows, counts, bound)
            for (rows, counts), bound in zip(held, most.tolist(), strict=True)
        ]
        if len(held) == 1:
            return held[0][0], weights[0]
        if sum(map(len, weights)) * 8 > self._size:
            sums = np.zeros(self._size)
            for (rows, _), weight in zip(held, weights, strict=True):
                sums[rows] += weight
            found = np.flatnonzero(sums)
            return found, sums[found]
        every = np.concatenate([rows for rows, _ in held])
        order = np.argsort(every, kind="stable")
        every = every[order]
        starts = np.flatnonzero(np.append(True, every[1:] != every[:-1]))
        return every[starts], np.add.reduceat(np.concatenate(weights)[order], starts)


def _among(part: _Part, among: NDArray[np.bool_]) -> _Part:
    inside = among[part[0]]
    return part[0][inside], part[1][inside]


def _merged(segments: Sequence[_Segment]) -> _Segment:
    return _Segment(
        np.concatenate([segment.hashes() for segment in segments]),
        np.concatenate([segment.rows for segment in segments]),
        np.concatenate([segment.counts for segment in segments]),
    )
