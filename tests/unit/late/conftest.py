"""An embedder of words and their tokens that needs no weights."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from memkit.protocols import Role, Tokens
from memkit.testing.embedders import ToyEmbedder

if TYPE_CHECKING:
    from memkit.protocols import Vector


class ToyTokens(ToyEmbedder):
    """Tells a vector for each word too; ``runs`` is how often it was asked for anything."""

    def __init__(self) -> None:
        super().__init__(64)
        self.runs = 0

    def embed(self, texts: Sequence[str], role: Role = "document") -> Vector:
        self.runs += 1
        return super().embed(texts, role)

    def embed_tokens(
        self, texts: Sequence[str], role: Role = "document", *, most: int = 256
    ) -> tuple[Vector, list[Tokens]]:
        self.runs += 1
        found = []
        for text in texts:
            words = tuple(re.findall(r"\w+", text)[:most])
            found.append(Tokens(words, vectors_of(words, 64)))
        return super().embed(texts), found


def vectors_of(words: Sequence[str], dimension: int = 384) -> Vector:
    """A vector of length 1 for each word, the same for the same word."""
    rows = [np.random.default_rng(list(word.encode())).standard_normal(dimension) for word in words]
    vectors = np.array(rows, dtype=np.float32).reshape(len(words), dimension)
    scaled: Vector = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return scaled


@pytest.fixture
def embedder() -> ToyTokens:
    """An embedder that tells tokens."""
    return ToyTokens()


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Where a test's store is."""
    return tmp_path / "memory.db"
