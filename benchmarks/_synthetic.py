"""A seeded corpus that is shaped like real memories: words by Zipf's law, clustered vectors.

The constants were fitted to LoCoMo's turns after memkit's word analysis: the most frequent
content word is 3 % of all, the hundredth 0.2 %, and the words of a question together occur
in a tenth of the texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from memkit.protocols import Vector

DIMENSION = 384
VOCABULARY = 20_000
_SEED = 20_261
# Zipf-Mandelbrot: a word's share is proportional to 1 / (rank + shift).
_ZIPF_SHIFT = 5.0
_CONTENT_WORDS, _COMMON_WORDS = 11, 9
_QUERY_CONTENT, _QUERY_COMMON = 4, 4
_CLUSTER_ROWS = 100
# Length of the noise beside a centre of length 1: a cosine of 0.6 within a cluster.
_SPREAD = 0.8
_QUERY_SPREAD = 0.6
COMMON = tuple(
    "the of and to a in that it is was for on with as at by be this had from they we you he "
    "she his her are but or an were there been their would what when have has".split()
)


@dataclass(frozen=True, slots=True)
class Query:
    """A question: its whole text, its content words, and its vector (length 1)."""

    text: str
    words: tuple[str, ...]
    vector: Vector


class Corpus:
    """Texts of 20 words with their vectors, and questions about some of them.

    Attributes:
        texts: all different.
        vectors: float32, shape ``(len(texts), DIMENSION)``, each of length 1.
        queries: all different; each shares words with one text and is near its vector.

    Args:
        size: how many texts.
        queries: how many questions.
    """

    def __init__(self, size: int, queries: int) -> None:
        random = np.random.default_rng(_SEED + size)
        words = _words(random)
        drawn = random.choice(VOCABULARY, (size, _CONTENT_WORDS), p=_shares())
        common = random.choice(len(COMMON), (size, _COMMON_WORDS))
        self.texts = _distinct(
            [
                _sentence(random.permutation([*words[own], *(COMMON[at] for at in rest)]).tolist())
                for own, rest in zip(drawn, common, strict=True)
            ]
        )
        centres = _noise(random, max(1, size // _CLUSTER_ROWS), 1.0)
        self.vectors = _unit(
            centres[random.integers(len(centres), size=size)] + _noise(random, size, _SPREAD)
        )
        targets = random.integers(size, size=queries)
        near = _unit(self.vectors[targets] + _noise(random, queries, _QUERY_SPREAD))
        self.queries: list[Query] = []
        for number, target in enumerate(targets):
            own = tuple(
                dict.fromkeys(
                    str(words[at])
                    for at in random.choice(drawn[target], _QUERY_CONTENT, replace=False)
                )
            )
            rest = [COMMON[at] for at in random.choice(len(COMMON), _QUERY_COMMON)]
            # The number keeps questions apart, so that no cache answers one of them.
            text = " ".join([*rest, *own]) + "?" * (1 + number)
            self.queries.append(Query(text, own, near[number]))


def vocabulary() -> tuple[NDArray[np.str_], NDArray[np.float64]]:
    """Words, the most frequent first, and what share of all words each is."""
    return _words(np.random.default_rng(_SEED)), _shares()


def _shares() -> NDArray[np.float64]:
    shares: NDArray[np.float64] = 1 / (np.arange(1, VOCABULARY + 1) + _ZIPF_SHIFT)
    shares /= shares.sum()
    return shares


def _words(random: np.random.Generator) -> NDArray[np.str_]:
    """Pronounceable words, the most frequent first, none of them English on purpose."""
    starts = "b br c ch d f fl g gr h j k l m n p pl r s st t tr v w".split()
    vowels = "a ai e ea i o oo u".split()
    middles = "l m nt r v z".split()
    ends = "b ck d f g l m n nd p r rt s t x".split()
    words = ["".join(parts) for parts in product(starts, vowels, middles, vowels[::2], ends)]
    return random.choice(np.array(words), VOCABULARY, replace=False)


def _sentence(words: Sequence[str]) -> str:
    text = " ".join(words)
    return text[0].upper() + text[1:] + "."


def _distinct(texts: list[str]) -> list[str]:
    if len(set(texts)) != len(texts):
        raise AssertionError("two texts are alike: change the seed")
    return texts


def _noise(random: np.random.Generator, rows: int, length: float) -> Vector:
    noise: Vector = random.standard_normal((rows, DIMENSION), dtype=np.float32)
    noise *= np.float32(length / DIMENSION**0.5)
    return noise


def _unit(rows: Vector) -> Vector:
    unit: Vector = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit
