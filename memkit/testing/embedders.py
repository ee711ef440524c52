"""Embedders for tests alone: quick, repeatable, failing or slow on demand.

None of them understands anything. memkit never uses them by itself: made-up vectors would
rank memories at random and look as if they worked.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from memkit.errors import ConfigurationError, EmbedderUnavailable
from memkit.protocols import Embedder, Fingerprint, Role

if TYPE_CHECKING:
    from memkit.protocols import Vector

_WORD: Final = re.compile(r"\w+")


class ToyEmbedder:
    """A bag of hashed words: texts that share words are near, and nothing else is.

    The same text has the same vector in every process and on every machine. A text
    without words has the first unit vector.

    Args:
        dimension: of the vectors, at least 2.
        name: the model's name in the fingerprint, to make two that must not mix.
    """

    roles_differ: Final = False

    def __init__(self, dimension: int = 64, name: str = "toy") -> None:
        if dimension < 2:
            raise ConfigurationError("ToyEmbedder: dimension must be at least 2")
        self.fingerprint = Fingerprint(name, dimension)

    def available(self) -> bool:
        """Always."""
        return True

    def load(self) -> None:
        """There is nothing to load."""

    def embed(self, texts: Sequence[str], role: Role = "document") -> Vector:
        """Hash each text's words; float32, shape ``(len(texts), dimension)``."""
        dimension = self.fingerprint.dimension
        assert dimension is not None
        vectors = np.zeros((len(texts), dimension), dtype=np.float32)
        for row, text in enumerate(texts):
            for word in _WORD.findall(text.casefold()):
                digest = hashlib.blake2b(word.encode("utf-8", "replace"), digest_size=8).digest()
                number = int.from_bytes(digest, "little")
                vectors[row, (number >> 1) % dimension] += 1.0 if number & 1 else -1.0
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        vectors[norms[:, 0] == 0.0, 0] = 1.0
        norms[norms == 0.0] = 1.0
        vectors /= norms
        return vectors

    def close(self) -> None:
        """There is nothing to close."""


class FailingEmbedder:
    """An embedder whose service is down while ``failing`` is true.

    Args:
        embedder: what embeds while it is up; by default a :class:`ToyEmbedder`.
        failing: whether it is down to begin with; set the attribute to change it.
    """

    def __init__(self, embedder: Embedder | None = None, *, failing: bool = True) -> None:
        self.embedder: Embedder = ToyEmbedder() if embedder is None else embedder
        self.failing = failing

    @property
    def fingerprint(self) -> Fingerprint:
        """That of the embedder inside, also while it is down."""
        return self.embedder.fingerprint

    def available(self) -> bool:
        """Whether it is up."""
        return not self.failing

    def load(self) -> None:
        """Load the embedder inside.

        Raises:
            EmbedderUnavailable: it is down.
        """
        self._check()
        self.embedder.load()

    def embed(self, texts: Sequence[str], role: Role = "document") -> Vector:
        """Embed with the embedder inside.

        Raises:
            EmbedderUnavailable: it is down.
        """
        self._check()
        return self.embedder.embed(texts, role)

    def close(self) -> None:
        """Close the embedder inside."""
        self.embedder.close()

    def _check(self) -> None:
        if self.failing:
            raise EmbedderUnavailable("the test's embedder is switched off: set failing to False")


class SlowEmbedder:
    """An embedder that takes long to load.

    Args:
        embedder: what embeds once loaded; by default a :class:`ToyEmbedder`.
        delay: how many seconds loading takes at most; :meth:`finish` ends it at once, so
            that a test need not rest on the clock.
    """

    def __init__(self, embedder: Embedder | None = None, *, delay: float = 60.0) -> None:
        self.embedder: Embedder = ToyEmbedder() if embedder is None else embedder
        self.delay = delay
        self.loading = threading.Event()
        self._done = threading.Event()

    @property
    def fingerprint(self) -> Fingerprint:
        """That of the embedder inside; known at once."""
        return self.embedder.fingerprint

    def available(self) -> bool:
        """Always, only not soon."""
        return True

    def finish(self) -> None:
        """Let loading end now, for every thread that waits for it."""
        self._done.set()

    def load(self) -> None:
        """Wait, then load the embedder inside. ``loading`` is set once a thread waits."""
        self.loading.set()
        self._done.wait(self.delay)
        self._done.set()
        self.embedder.load()

    def embed(self, texts: Sequence[str], role: Role = "document") -> Vector:
        """Load first, as any embedder does, then embed."""
        self.load()
        return self.embedder.embed(texts, role)

    def close(self) -> None:
        """Let loading end and close the embedder inside."""
        self.finish()
        self.embedder.close()
