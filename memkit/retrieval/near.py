"""Near copies: keys by which they find each other, and the gates before they are merged.

Wrongly merging loses a fact; wrongly not merging costs a row. Every doubt is a "no".
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Final

import numpy as np

from memkit.retrieval.wording import wording

MERGE_COSINE: Final = 0.95
"""The least cosine at which a near copy may be merged, and only if the other gates agree.

Measured with all-MiniLM-L6-v2 on sentence pairs: of those with a cosine of at least 0.80,
15 % contradict each other; from 0.85, 9 %; from 0.90, 3 %; from 0.95, still 2 %. No cosine
alone is therefore enough.
"""

MERGE_OVERLAP: Final = 0.8
"""The least Jaccard index of the analysed words at which a near copy may be merged.

The signature is made for it: two texts at this overlap share a key with probability 0.88, and
texts of the same words always do. All words that matter must agree besides (:func:`agrees`),
so that what can be merged hardly ever has less overlap than 0.9.
"""

REPORT_COSINE: Final = 0.75
"""The least cosine at which a near copy is reported as a candidate for update or contradiction.

Among pairs between this and :data:`MERGE_COSINE` are rewordings, updates and contradictions
alike, so nothing is done with them but to say so.
"""

_BANDS: Final = 3
_ROWS: Final = 3
_LEAST_TERMS: Final = 3
_SPREAD: Final = np.uint64(0x9E3779B97F4A7C15)


def signature(terms: Sequence[str], place: str) -> tuple[str, ...]:
    """Keys such that near copies in one place very likely share at least one.

    MinHash with banding (Broder 1997; Leskovec, Rajaraman, Ullman, "Mining of Massive
    Datasets", 3.4): texts whose sets of terms have the Jaccard index ``j`` share one of the 3
    keys of 3 rows with probability ``1 - (1 - j**3)**3``: 0.98 at 0.9, 0.88 at 0.8, 0.33 at
    0.5, 0.003 at 0.1. With fewer rows a few frequent words would be a key of their own, under
    which true copies are lost in a crowd. The keys are the same in every process and under
    every version of Python.

    Args:
        terms: the analysed words of a text.
        place: opaque text that names where copies count, a scope and a kind for instance:
            texts in two places share no key. It is hashed and cannot be read from the keys.

    Returns:
        3 strings of 16 hexadecimal digits; none for fewer than 3 distinct terms, since such
        texts resemble too many others.
    """
    return signatures([(terms, place)])[0]


def signatures(texts: Sequence[tuple[Sequence[str], str]]) -> list[tuple[str, ...]]:
    """The :func:`signature` of each of many texts, quicker than one after the other.

    Args:
        texts: the terms and the place of each.
    """
    distinct = [set(terms) for terms, _ in texts]
    sized = [row for row, held in enumerate(distinct) if len(held) >= _LEAST_TERMS]
    found: list[tuple[str, ...]] = [()] * len(texts)
    if not sized:
        return found
    slices = b"".join([_rows(term) for row in sized for term in distinct[row]])
    rows = np.frombuffer(slices, "<u4").reshape(-1, _BANDS * _ROWS)
    ends = np.cumsum([len(distinct[row]) for row in sized])
    least = np.minimum.reduceat(rows, [0, *ends[:-1]], axis=0).astype(np.uint64)
    where = np.frombuffer(b"".join([_wheres(texts[row][1]) for row in sized]), "<u8")
    keys = least[:, 0::3] << np.uint64(32) | least[:, 1::3]
    # An odd multiplier spreads the third row's 32 bits over all 64; overflow is meant.
    keys ^= (least[:, 2::3] * _SPREAD) ^ where.reshape(-1, _BANDS)
    for row, held in zip(sized, keys.tolist(), strict=True):
        found[row] = tuple([f"{key:016x}" for key in held])
    return found


@lru_cache(maxsize=65_536)
def _rows(term: str) -> bytes:
    """A term under each of the hash functions: the 32-bit slices of one long hash."""
    return _digest(term, 4 * _BANDS * _ROWS)


@lru_cache(maxsize=1024)
def _wheres(place: str) -> bytes:
    """A place as 64 bits for each band."""
    return _digest(place, 8 * _BANDS)


def _digest(text: str, size: int) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=size).digest()


def overlap(a_terms: Sequence[str], b_terms: Sequence[str]) -> float:
    """The Jaccard index of two texts' sets of terms, in [0, 1]; 0 if neither has any."""
    a, b = set(a_terms), set(b_terms)
    either = len(a | b)
    return len(a & b) / either if either else 0.0


def agrees(a_text: str, b_text: str) -> bool:
    """Whether two texts say the same in the same words, number by number and name by name.

    They agree if nothing is left that differs, in order, once what cannot change the meaning
    is taken away: white space, quotation marks, brackets and most punctuation; articles;
    contractions (``doesn't``, ``does not``); number words to twelve; capitals at the start of
    a sentence, and capitals altogether where one text does without them. So "Bob prefers tea
    to coffee" disagrees with "Bob prefers coffee to tea", "... liked ..." with "... likes
    ...", ``-5`` with ``5``, a question with a statement; and so do many true rewordings.

    Lists of opposites were not used: a difference that no list foresees would merge.
    """
    a = wording(a_text)
    return bool(a.words) and a.agrees(wording(b_text))
