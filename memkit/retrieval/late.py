"""Late interaction: what the tokens of a query find among the tokens of the best candidates.

A record's one vector says what it is about as a whole; a question often asks for a detail.
So each of the query's tokens looks for the token nearest to it in a candidate, in its place
there, and what they find is summed up (MaxSim: Khattab and Zaharia, "ColBERT", SIGIR 2020).
The tokens' vectors are those of the embedding model's last layer, which was not trained for
this; they help nevertheless, and cost no second model.

Of a record the tokens of words that mean something are kept, as the word analysis has it, the
first 64 of them, and of each number its sign alone: 48 bytes a token with 384 dimensions. On
the query's side nothing is rounded (asymmetric, as in "Asymmetric Distances for Binary
Embeddings", Gordo et al., CVPR 2011). docs/recall.md has what was measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from memkit.retrieval.analysis import analyze
from memkit.retrieval.fusion import Fused
from memkit.types import Leg

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from memkit.protocols import Tokens, Vector

#: So many of the best fused candidates are looked at.
LOOKED_AT: Final = 100
#: Of a record at most so many tokens are kept.
KEPT: Final = 64
#: So many of its first tokens an embedder is asked for, to find those that are kept.
READ: Final = 192

# OpenBLAS multiplies by itself up to so many products of two numbers.
_ALONE: Final = 250_000
_OTHER: Final = "tea"

# The weight of late interaction against the fused score; from 0.2 to 0.5 results are alike.
_WEIGHT: Final = 0.25


def pack(tokens: Tokens) -> bytes:
    """What is kept of a record's tokens: the signs of their numbers, bit by bit.

    Returns:
        ``ceil(dimension / 8)`` bytes for each token kept, the first number in the highest
        bit, one for positive numbers.
    """
    chosen = tokens.vectors[_meaning(tokens.words)[:KEPT]]
    return np.packbits(chosen > 0, axis=1).tobytes()


def max_sims(query: Tokens, packed: Sequence[bytes]) -> NDArray[np.float32]:
    """How well each record's tokens answer a query's.

    For each token of the query the greatest product with a token of the record, whose
    numbers count as ``+-1 / sqrt(dimension)``; then the mean over the query's tokens, each
    weighted by how far the best record stands out in it. A token that most records answer
    alike tells nothing: that does what an idf would, without one.

    Args:
        query: the tokens of the query; words without a meaning are left out, and all beyond
            the first 64.
        packed: what :func:`pack` keeps, none empty, of the same model.

    Returns:
        float32 array of shape ``(len(packed),)``.
    """
    vectors = query.vectors[_meaning(query.words)[:KEPT]]
    count, dimension = vectors.shape
    if not count or not packed:
        return np.zeros(len(packed), dtype=np.float32)
    width = -(-dimension // 8)
    bits = np.frombuffer(b"".join(packed), dtype=np.uint8).reshape(-1, width)
    held = np.unpackbits(bits, axis=1, count=dimension).astype(np.float32)
    starts = np.cumsum([0, *(len(each) // width for each in packed[:-1])])
    # With bits b for signs s = 2b - 1: q.s = 2 q.b - sum(q); the greatest stays the greatest.
    found = np.maximum.reduceat(_products(held, vectors), starts, axis=0)
    found = (2 * found - vectors.sum(axis=1)) / np.float32(np.sqrt(dimension))
    weights = found.max(axis=0) - found.mean(axis=0)
    total = float(weights.sum())
    if total <= 0:
        weights, total = np.ones_like(weights), float(count)
    sims: NDArray[np.float32] = np.sum(found * (weights / np.float32(total)), axis=1)
    # Equal records may differ in the last bits, by where they lie in the arrays.
    return np.round(sims, 5)


def _products(held: Vector, query: Vector) -> Vector:
    """``held @ query.T``, in pieces too small for BLAS to share among its threads.

    Waking them costs more than they do here, and other threads of the process run meanwhile.
    """
    turned = np.ascontiguousarray(query.T)
    products = np.empty((len(held), len(query)), dtype=np.float32)
    step = max(1, _ALONE // query.size)
    for start in range(0, len(held), step):
        piece = slice(start, start + step)
        np.matmul(held[piece], turned, out=products[piece])
    return products


def blend(fused: Sequence[Fused], query: Tokens, packed: Mapping[str, bytes]) -> tuple[Fused, ...]:
    """Candidates with late interaction in their scores, in the order they came.

    With ``F`` the fused score and ``M`` the :func:`max_sims` of a candidate, scaled to
    [0, 1] from the worst to the best of those looked at, the new score is
    ``(F + 0.25 * M) / 1.25``. A candidate without token vectors gets the mean of the others;
    those beyond the first :data:`LOOKED_AT` get nothing. What was found stands in
    ``legs["late"]``: the rank by ``M`` alone, and ``M`` before it was scaled.

    Args:
        fused: candidates, best first.
        query: the tokens of the query.
        packed: what :func:`pack` keeps, by the candidate's id, as far as there is any.
    """
    width = -(-query.vectors.shape[1] // 8)
    # Of another width: not of this model. It counts as missing.
    known = [
        entry.id
        for entry in fused[:LOOKED_AT]
        if (held := packed.get(entry.id)) and len(held) % width == 0
    ]
    if len(known) < 2:
        return tuple(fused)
    raw = max_sims(query, [packed[id_] for id_ in known])
    least, most = float(raw.min()), float(raw.max())
    if most <= least:
        return tuple(fused)
    sims = dict(zip(known, raw.tolist(), strict=True))
    ranks = {id_: n for n, id_ in enumerate(sorted(known, key=lambda id_: (-sims[id_], id_)), 1)}
    missing = float(raw.mean())
    blended = []
    for place, entry in enumerate(fused):
        share = (sims.get(entry.id, missing) - least) / (most - least)
        score = entry.score + (_WEIGHT * share if place < LOOKED_AT else 0.0)
        legs = entry.legs
        if entry.id in ranks:
            legs = {**legs, "late": Leg(ranks[entry.id], sims[entry.id])}
        blended.append(Fused(entry.id, score / (1 + _WEIGHT), legs))
    return tuple(blended)


def _meaning(words: Sequence[str]) -> NDArray[np.intp]:
    """Where the words are that mean something; everywhere if none of them does."""
    at = [place for place, word in enumerate(words) if _has_meaning(word)]
    return np.asarray(at or range(len(words)), dtype=np.intp)


@lru_cache(maxsize=16_384)
def _has_meaning(word: str) -> bool:
    # A text of stop words alone keeps them all; beside another word they go.
    return len(analyze(f"{word} {_OTHER}")) > 1
