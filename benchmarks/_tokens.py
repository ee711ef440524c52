"""An embedder that looks vectors up, and makes up those of tokens."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np
from _precomputed import PrecomputedEmbedder

from memkit.protocols import Role, Tokens

if TYPE_CHECKING:
    from memkit.protocols import Vector

_SEED = 20_262
# As many tokens as an English text of so many words has in a model of word pieces, if not more.
_PIECES = 2
_KNOWN = 8192


class TokenEmbedder:
    """Answers as another embedder does; each word has two tokens, always the same ones.

    What is measured with it is memkit's own cost: it compares nothing that means anything.
    """

    immediate = True
    roles_differ = False

    def __init__(self, embedder: PrecomputedEmbedder) -> None:
        self._embedder = embedder
        self.fingerprint = embedder.fingerprint
        self.load, self.embed, self.close = embedder.load, embedder.embed, embedder.close
        random = np.random.default_rng(_SEED)
        dimension = embedder.fingerprint.dimension
        assert dimension is not None
        pieces = random.standard_normal((_KNOWN, dimension), np.float32)
        self._pieces: Vector = pieces / np.linalg.norm(pieces, axis=1, keepdims=True)

    def tokens(self, text: str, most: int = 256) -> Tokens:
        """The tokens of a text."""
        words = [word for word in re.findall(r"\w+", text) for _ in range(_PIECES)][:most]
        rows = [(crc32(word.encode()) + at) % _KNOWN for at, word in enumerate(words)]
        return Tokens(tuple(words), self._pieces[rows])

    def embed_tokens(
        self, texts: Sequence[str], role: Role = "document", *, most: int = 256
    ) -> tuple[Vector, list[Tokens]]:
        """Look the texts up, and make their tokens up."""
        return self.embed(texts, role), [self.tokens(text, most) for text in texts]
