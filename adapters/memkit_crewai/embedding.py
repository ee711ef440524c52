"""The memory's own embedder as CrewAI calls one, and the texts that its vectors came from."""

from __future__ import annotations

import threading
from array import array
from collections import OrderedDict
from collections.abc import Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final, Self

from memkit import AsyncMemory
from memkit.embedding.given import GivenVectors
from memkit.errors import EmbedderMismatch, EmbedderUnavailable

if TYPE_CHECKING:
    from memkit.protocols import Embedder

# Of a long task description the beginning is what is looked for.
_TEXT_MAX: Final = 8_000
_TEXTS_KEPT: Final = 4_096
_STANDIN_DIMENSION: Final = 256
# Vectors of one text by one model differ by rounding alone.
_SAME: Final = 0.95


class MemkitEmbedder:
    """A memory's embedder for CrewAI: ``Memory(storage=storage, embedder=storage.embedder)``.

    CrewAI hands a storage vectors and never the text. This remembers which text each vector
    came from, so that the storage can match words too. Where the embedder is not in this
    process (a server has it, or there is none), the vectors only stand for their texts: they
    are not stored, and the memory embeds the text itself.

    Safe to be called from many threads at once.

    Args:
        memory: the memory whose embedder it is.
        keep: how many texts are remembered, the last used ones.
    """

    def __init__(self, memory: AsyncMemory, keep: int = _TEXTS_KEPT) -> None:
        embedder = memory.embedder
        given = isinstance(embedder, GivenVectors)
        self._embedder: Embedder | None = None if given else embedder
        self._given = embedder.fingerprint.model if embedder is not None and given else None
        self._keep = keep
        self._lock = threading.Lock()
        self._texts: OrderedDict[bytes, str] = OrderedDict()

    def __call__(self, input: Sequence[str]) -> list[list[float]]:
        """One vector for each text, of length 1.

        Raises:
            EmbedderUnavailable: the embedder cannot answer, or callers make this memory's
                vectors.
        """
        texts = list(input)
        vectors = self._vectors(texts)
        with self._lock:
            for text, vector in zip(texts, vectors, strict=True):
                key = _key(vector)
                self._texts[key] = text[:_TEXT_MAX]
                self._texts.move_to_end(key)
            while len(self._texts) > self._keep:
                self._texts.popitem(last=False)
        return vectors

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        # CrewAI copies memories whole; copies must know the same texts.
        return self

    @property
    def given(self) -> bool:
        """Whether the memory's vectors are made by its callers."""
        return self._given is not None

    def text_of(self, vector: Sequence[float]) -> str | None:
        """The text that a vector was made of; ``None`` if that is not known (any more)."""
        key = _key(vector)
        with self._lock:
            text = self._texts.get(key)
            if text is not None:
                self._texts.move_to_end(key)
        return text

    def made(self, vector: Sequence[float], text: str) -> bool:
        """Whether it is known that this made the vector of that text."""
        return self.text_of(vector) == text[:_TEXT_MAX]

    def forget(self) -> None:
        """Forget all texts."""
        with self._lock:
            self._texts.clear()

    def require_own(self, vector: Sequence[float], text: str | None = None) -> None:
        """Refuse a vector that another model made.

        Args:
            vector: what CrewAI handed in.
            text: what it was made of, if that is known.

        Raises:
            EmbedderMismatch: it is another model's.
        """
        if self.given:
            return
        if text is not None:
            (own,) = self._vectors([text])
            if len(own) == len(vector) and _cosine(own, vector) >= _SAME:
                return
        elif self._embedder is not None:
            dimension = self._embedder.fingerprint.dimension
            if dimension is None or dimension == len(vector):
                return
        raise EmbedderMismatch(
            f"CrewAI handed in a vector of {len(vector)} numbers that this memory's embedder did "
            "not make: give CrewAI embedder=storage.embedder, or open the memory with "
            "embedder='given:MODEL?dimensions=N' to keep your own model's vectors"
        )

    def _vectors(self, texts: list[str]) -> list[list[float]]:
        if self._given is not None:
            raise EmbedderUnavailable(
                f"this memory keeps vectors of {self._given}, which is run elsewhere: give CrewAI "
                "an embedder of that model"
            )
        if self._embedder is None:
            return [_stand_in(text) for text in texts]
        rows: list[list[float]] = self._embedder.embed(texts, "document").tolist()
        return rows


def _key(vector: Sequence[float]) -> bytes:
    return blake2b(array("d", vector).tobytes(), digest_size=16).digest()


def _cosine(one: Sequence[float], other: Sequence[float]) -> float:
    length = sum(x * x for x in other) ** 0.5
    return sum(x * y for x, y in zip(one, other, strict=True)) / length if length else 0.0


def _stand_in(text: str) -> list[float]:
    """A vector that stands for a text: the same for the same text, nothing like another's."""
    vector: list[float] = []
    for block in range(_STANDIN_DIMENSION // 64):
        digest = blake2b(text.encode("utf-8", "replace"), salt=bytes([block])).digest()
        vector += [byte - 127.5 for byte in digest]
    length = sum(x * x for x in vector) ** 0.5
    return [x / length for x in vector]
