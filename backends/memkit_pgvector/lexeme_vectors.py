"""Terms as a ``tsvector`` whose positions count them, and the way back from a rank to a count."""

from __future__ import annotations

import struct
from base64 import b64decode
from collections import Counter
from collections.abc import Sequence
from functools import cache
from itertools import pairwise

import numpy as np

from memkit_pgvector.keys import Lexemes

#: A term's frequency is counted up to here: PostgreSQL keeps 256 positions of a lexeme.
TF_MAX = 255
# A tsvector holds 1 MB of lexemes and positions; 12 bytes are the least of one with a position.
_ROOM = 1_000_000
_LEXEME_BYTES = 8
# Words of one document that are told to an index of plain text.
_BAG_MAX = 65_000
_POSITIONS = [struct.pack(f"!H{n}H", n, *range(1, n + 1)) for n in range(TF_MAX + 1)]


def tsvector(terms: Sequence[str], lexemes: Lexemes) -> bytes:
    """The binary form of a ``tsvector`` that holds each term as often as it occurs.

    Of a document with more distinct terms than fit, every one is held but not how often; of
    one with more even than that (some 120,000), those that come first.
    """
    counts = Counter(terms)
    positions = _POSITIONS
    # A term takes 14 bytes at most for each time it occurs.
    if len(terms) * 14 > _ROOM:
        room = sum(_LEXEME_BYTES + 4 + 2 * min(count, TF_MAX) for count in counts.values())
        positions = _POSITIONS if room <= _ROOM else _POSITIONS[:1]
        counts = Counter(dict(list(counts.items())[: _ROOM // _LEXEME_BYTES]))
    last = len(positions) - 1
    once = b"\0" + positions[min(1, last)]
    parts = [struct.pack("!i", len(counts))]
    for term, count in counts.items():
        parts.append(lexemes[term])
        parts.append(once if count == 1 else b"\0" + positions[min(last, count)])
    return b"".join(parts)


@cache
def rank_steps() -> tuple[float, ...]:
    """What ``ts_rank`` of one term must exceed for it to occur once, twice, and so on.

    With all weights 1 it is the sum of ``1 / j**2`` for ``j`` up to the frequency, divided by
    ``pi**2 / 6``, in single precision (``calc_rank_or`` in PostgreSQL's tsrank.c).
    """
    one, total = np.float32(1), np.float32(0)
    ranks = [0.0]
    for n in range(1, TF_MAX + 1):
        total = np.float32(total + one / np.float32(n * n))
        whole = np.float32(one + total - one)
        ranks.append(float(np.float32(float(whole) / 1.64493406685)))
    return tuple((low + high) / 2 for low, high in pairwise(ranks))


def bag_of(terms: Sequence[str], lexemes: Lexemes) -> bytes:
    """Words of letters and digits, one for each term, as an index of plain text takes them."""
    return b" ".join([word_of(lexemes[term]) for term in terms[:_BAG_MAX]])


def word_of(lexeme: bytes) -> bytes:
    """A lexeme as a word that no parser takes apart or folds into another."""
    return b"x" + b64decode(lexeme).hex().encode()
