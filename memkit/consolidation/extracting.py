"""The sentences that say most of a group of records: chosen, never written.

What all sentences have in common is found as LexRank finds it (Erkan and Radev, "LexRank:
Graph-based Lexical Centrality as Salience in Text Summarization", JAIR 22, 2004): the stationary
distribution of a walk over sentences, from each to those that share its words. Sentences are then
taken one by one by maximal marginal relevance (Carbonell and Goldstein, "The Use of MMR,
Diversity-Based Reranking", SIGIR 1998), so that none repeats what was taken before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

import numpy as np

from memkit.consolidation.sentences import sentences
from memkit.retrieval.analysis import analyze
from memkit.retrieval.text import index_text
from memkit.types import MemoryRecord

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from memkit.protocols import Vector

#: The greatest length of a summary in characters, and the least that it may have room for.
ROOM: Final = 600
_LEAST_ROOM: Final = 400
#: Of what was said, a summary has at most this share.
_SHARE: Final = 0.6
#: Sentences that are compared; of longer groups every so manieth.
_COMPARED: Final = 300
_DAMPING: Final = 0.85
_STEPS: Final = 50
_TOLERANCE: Final = 1e-6
#: How much centrality counts against repetition.
_LAMBDA: Final = 0.7
#: Sentences that share more than this say the same.
_SAME: Final = 0.9


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a record, as it is quoted, with what it is compared by."""

    record: MemoryRecord
    position: int
    text: str
    terms: tuple[str, ...]

    @property
    def quoted(self) -> str:
        """It with its date and its speaker, where the record has them."""
        return index_text(replace(self.record, content=self.text))


def moment_of(record: MemoryRecord) -> datetime:
    """When what a record tells of was: as it says, but never after it was stored."""
    if record.occurred_at is None:
        return record.created_at
    return min(record.occurred_at, record.created_at)


def extract(
    records: Sequence[MemoryRecord], *, about: str | None = None, room: int | None = None
) -> str:
    """The sentences that say most of what records say, a line each, in order of time.

    Args:
        records: in their order; not empty.
        about: whom it is about: sentences that name it come first.
        room: characters; by default three fifths of what the records say, 400 to 600.
    """
    found = _sentences(records)
    if room is None:
        said = sum(len(record.content) for record in records)
        room = max(_LEAST_ROOM, min(ROOM, int(_SHARE * said)))
    chosen = _chosen(found, about, room)
    if not chosen:
        # Nothing but one long stretch of words, or none: its beginning stands for it.
        first = found[0] if found else Sentence(records[0], 0, records[0].content.strip(), ())
        return _cut(first.quoted, room)
    return "\n".join(found[at].quoted for at in sorted(chosen))


def _sentences(records: Sequence[MemoryRecord]) -> list[Sentence]:
    found = [
        Sentence(record, position, text, terms)
        for record in records
        for position, text in enumerate(sentences(record.content))
        if (terms := analyze(text))
    ]
    if len(found) <= _COMPARED:
        return found
    return [found[at] for at in np.linspace(0, len(found) - 1, _COMPARED).astype(int).tolist()]


def _chosen(found: Sequence[Sentence], about: str | None, room: int) -> list[int]:
    if not found:
        return []
    likeness = _likeness([sentence.terms for sentence in found])
    worth = _centrality(likeness)
    if about is not None:
        name = about.casefold()
        named = [name in sentence.text.casefold() for sentence in found]
        worth = worth * np.where(named, 2.0, 1.0)
    worth = worth / worth.max()
    lengths = [len(sentence.quoted) + 1 for sentence in found]
    nearest = np.zeros(len(found), np.float64)
    left = np.ones(len(found), bool)
    chosen: list[int] = []
    used = -1
    while True:
        left &= (np.array(lengths) <= room - used) & (nearest < _SAME)
        if not left.any():
            return chosen
        # Rounded, so that the first of equals is taken on every machine.
        scores = np.round(_LAMBDA * worth - (1 - _LAMBDA) * nearest, 6)
        scores[~left] = -np.inf
        best = int(scores.argmax())
        chosen.append(best)
        used += lengths[best]
        left[best] = False
        nearest = np.maximum(nearest, likeness[best])


def _likeness(terms: Sequence[Sequence[str]]) -> Vector:
    """The cosines of sentences by tf-idf; shape ``(n, n)``."""
    columns: dict[str, int] = {}
    for words in terms:
        for word in words:
            columns.setdefault(word, len(columns))
    counts = np.zeros((len(terms), len(columns)), np.float32)
    for row, words in enumerate(terms):
        np.add.at(counts[row], [columns[word] for word in words], 1)
    frequency = (counts > 0).sum(axis=0)
    weighted = counts * np.log(1 + len(terms) / frequency).astype(np.float32)
    weighted /= np.linalg.norm(weighted, axis=1, keepdims=True)
    return np.asarray(weighted @ weighted.T, np.float32)


def _centrality(likeness: Vector) -> NDArray[np.float64]:
    """Where a walk over the sentences mostly is; it starts anew one time in seven."""
    size = len(likeness)
    steps = likeness.astype(np.float64)
    steps /= steps.sum(axis=1, keepdims=True)
    ranks = np.full(size, 1 / size)
    for _ in range(_STEPS):
        after = (1 - _DAMPING) / size + _DAMPING * (ranks @ steps)
        if np.abs(after - ranks).sum() < _TOLERANCE:
            return after
        ranks = after
    return ranks


def _cut(text: str, room: int) -> str:
    if len(text) <= room:
        return text
    short = text[: room - 1]
    return (short.rsplit(None, 1)[0] if " " in short else short) + "…"
