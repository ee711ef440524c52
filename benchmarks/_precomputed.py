"""An embedder that only looks up: what is measured with it is memkit's own cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from memkit.protocols import Fingerprint, Role

if TYPE_CHECKING:
    from memkit.protocols import Vector


class PrecomputedEmbedder:
    """Knows the vectors of the texts it was given, and nothing else.

    Args:
        texts: what it knows.
        vectors: theirs, float32, shape ``(len(texts), dimension)``, each of length 1.
        model: the name in the fingerprint.
    """

    #: It never waits, so it need not be called in a thread.
    immediate: Final = True
    roles_differ: Final = False

    def __init__(self, texts: Sequence[str], vectors: Vector, model: str) -> None:
        self.fingerprint = Fingerprint(model, int(vectors.shape[1]))
        self._rows = {text: row for row, text in enumerate(texts)}
        self._vectors = vectors

    def load(self) -> None:
        """There is nothing to load."""

    def embed(self, texts: Sequence[str], role: Role = "document") -> Vector:
        """Look the texts up.

        Raises:
            KeyError: one of them is unknown.
        """
        found: Vector = self._vectors[[self._rows[text] for text in texts]]
        return found

    def close(self) -> None:
        """There is nothing to close."""
