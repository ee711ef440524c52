"""Vectors kept in a file, so that experiments need not embed the same texts again."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from memkit.protocols import Embedder, Fingerprint, Role

if TYPE_CHECKING:
    from memkit.protocols import Vector


class FileVectors:
    """An embedder that looks its texts up in a file first and adds to it when closed.

    For experiments only: what it saves is just what a benchmark should measure.

    Args:
        embedder: what embeds the texts that the file does not hold.
        path: an ``.npz`` file; made if it is not there.
    """

    def __init__(self, embedder: Embedder, path: Path) -> None:
        self.embedder = embedder
        self.path = path
        self._rows: dict[bytes, Vector] = {}
        self._new = 0
        if path.exists():
            with np.load(path) as kept:
                if str(kept["model"]) != embedder.fingerprint.model:
                    raise ValueError(f"{path.name} holds the vectors of {kept['model']}")
                keys = (key.tobytes() for key in kept["keys"])
                self._rows = dict(zip(keys, kept["vectors"], strict=True))

    @property
    def fingerprint(self) -> Fingerprint:
        """That of the embedder."""
        return self.embedder.fingerprint

    def load(self) -> None:
        """Load the embedder."""
        self.embedder.load()

    def embed(self, texts: Sequence[str], role: Role = "document") -> Vector:
        """Embed what the file does not hold; float32, shape ``(len(texts), dimension)``."""
        keys = [hashlib.blake2b(f"{role}\0{t}".encode(), digest_size=16).digest() for t in texts]
        missing = {
            key: text for key, text in zip(keys, texts, strict=True) if key not in self._rows
        }
        if missing:
            vectors = self.embedder.embed(list(missing.values()), role)
            self._rows.update(zip(missing, vectors.copy(), strict=True))
            self._new += len(missing)
        return np.stack([self._rows[key] for key in keys])

    def save(self) -> None:
        """Write the file, if there is anything new."""
        if not self._new:
            return
        keys = np.frombuffer(b"".join(self._rows), dtype=np.uint8).reshape(-1, 16)
        with self.path.open("wb") as file:
            np.savez(
                file,
                model=np.array(self.fingerprint.model),
                keys=keys,
                vectors=np.stack(list(self._rows.values())),
            )
        self._new = 0

    def close(self) -> None:
        """Write the file and close the embedder."""
        self.save()
        self.embedder.close()
