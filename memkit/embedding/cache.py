"""A memory of recent vectors around any embedder."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np

from memkit.errors import ConfigurationError
from memkit.protocols import Embedder, Fingerprint, Role, TokenEmbedder, Tokens

if TYPE_CHECKING:
    from memkit.protocols import Vector

_ROLES: Final[tuple[Role, ...]] = ("document", "query")

_Key = tuple[str, bytes]

# Tokens of queries that are kept, 1.5 kB each with 384 dimensions; those of the last query
# are, however many they are.
_TOKENS_KEPT: Final = 4096
_NONE: Final[Mapping[_Key, Tokens]] = MappingProxyType({})


class CachedEmbedder:
    """An embedder that remembers the vectors of the texts it embedded last.

    Vectors are kept in memory only. A file would outlive an erasure: a vector tells much
    of its text, so whatever keeps one must be emptied when the text is erased, in every
    process and every backup. For that :meth:`forget` is here.

    Args:
        embedder: what embeds the texts that are not remembered. Its attribute
            ``roles_differ``, true if it is missing, says whether a text's vector as a
            query is another than as a document.
        capacity: how many vectors are kept at most; a vector of 384 dimensions takes some
            1.8 kB.

    It may be used from several threads at once.
    """

    def __init__(self, embedder: Embedder, capacity: int = 4096) -> None:
        if capacity < 1:
            raise ConfigurationError("CachedEmbedder: capacity must be at least 1")
        self.embedder = embedder
        self.capacity = capacity
        self.roles_differ = bool(getattr(embedder, "roles_differ", True))
        self._lock = threading.Lock()
        self._rows: OrderedDict[_Key, Vector] = OrderedDict()
        self._tokens: OrderedDict[_Key, Tokens] = OrderedDict()
        self._model: str | None = None
        self._forgotten = 0

    def __repr__(self) -> str:
        return f"CachedEmbedder({self.embedder!r}, capacity={self.capacity})"

    def __len__(self) -> int:
        """How many vectors it holds."""
        return len(self._rows)

    @property
    def fingerprint(self) -> Fingerprint:
        """That of the embedder."""
        return self.embedder.fingerprint

    def available(self) -> bool:
        """What the embedder says; true if it does not say."""
        ask = getattr(self.embedder, "available", None)
        return bool(ask()) if callable(ask) else True

    @property
    def has_tokens(self) -> bool:
        """Whether the embedder tells the vectors of tokens."""
        return isinstance(self.embedder, TokenEmbedder)

    def load(self) -> None:
        """Load the embedder."""
        self.embedder.load()

    def embed(self, texts: Sequence[str], role: Role = "document") -> Vector:
        """Embed texts; each distinct text that is not remembered is embedded once.

        Returns:
            float32 array of shape ``(len(texts), dimension)``, of its own memory.

        Raises:
            EmbedderError: as the embedder does; nothing is remembered then.
        """
        if not texts:
            return self.embedder.embed(texts, role)
        keys = [self._key(text, role) for text in texts]
        found, forgotten = self._look_up(keys)
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in found}
        if missing:
            vectors = self.embedder.embed(list(missing.values()), role)
            # Copies: a view would keep its whole batch in memory for one row.
            fresh = {key: vectors[at].copy() for at, key in enumerate(missing)}
            for row in fresh.values():
                row.setflags(write=False)
            self._keep(fresh, forgotten)
            found.update(fresh)
        return np.stack([found[key] for key in keys])

    def embed_tokens(
        self, texts: Sequence[str], role: Role = "document", *, most: int = 256
    ) -> tuple[Vector, list[Tokens]]:
        """Embed texts and their tokens, all of them anew; queries' tokens are remembered.

        Raises:
            TypeError: the embedder does not tell the vectors of tokens.
            EmbedderError: as the embedder does; nothing is remembered then.
        """
        if not isinstance(self.embedder, TokenEmbedder):
            raise TypeError(f"{type(self.embedder).__name__} tells no tokens")
        keys = [self._key(text, role) for text in texts]
        _, forgotten = self._look_up(())
        vectors, tokens = self.embedder.embed_tokens(texts, role, most=most)
        fresh = {key: row.copy() for key, row in zip(keys, vectors, strict=True)}
        for row in fresh.values():
            row.setflags(write=False)
        self._keep(
            fresh, forgotten, dict(zip(keys, tokens, strict=True)) if role == "query" else {}
        )
        return vectors, tokens

    def peek_tokens(self, text: str) -> Tokens | None:
        """The tokens of a query if they are remembered, without embedding anything."""
        key = self._key(text, "query")
        self._look_up(())
        with self._lock:
            if key not in self._tokens:
                return None
            self._tokens.move_to_end(key)
            return self._tokens[key]

    def peek(self, text: str, role: Role) -> Vector | None:
        """The vector of a text if it is remembered, read-only, without embedding anything."""
        key = self._key(text, role)
        return self._look_up((key,))[0].get(key)

    def forget(self, texts: Iterable[str]) -> None:
        """Drop the vectors of these texts in either role, those being embedded now too."""
        keys = {self._key(text, role) for text in texts for role in _ROLES}
        with self._lock:
            self._forgotten += 1
            for key in keys:
                self._rows.pop(key, None)
                self._tokens.pop(key, None)

    def clear(self) -> None:
        """Drop every vector."""
        with self._lock:
            self._forgotten += 1
            self._rows.clear()
            self._tokens.clear()

    def close(self) -> None:
        """Drop every vector and close the embedder."""
        self.clear()
        self.embedder.close()

    def _key(self, text: str, role: Role) -> _Key:
        # A hash, so that texts are not held here for longer than they are needed.
        digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        return (role if self.roles_differ else "", digest)

    def _look_up(self, keys: Iterable[_Key]) -> tuple[dict[_Key, Vector], int]:
        model = self.embedder.fingerprint.model
        with self._lock:
            if model != self._model:
                # Vectors of two models never mix, should the embedder change under us.
                self._rows.clear()
                self._tokens.clear()
                self._model = model
            found: dict[_Key, Vector] = {}
            for key in keys:
                row = self._rows.get(key)
                if row is not None:
                    self._rows.move_to_end(key)
                    found[key] = row
            return found, self._forgotten

    def _keep(
        self, fresh: dict[_Key, Vector], forgotten: int, tokens: Mapping[_Key, Tokens] = _NONE
    ) -> None:
        with self._lock:
            if forgotten != self._forgotten:
                # Something was erased while these were embedded; it may be among them.
                return
            self._rows.update(fresh)
            while len(self._rows) > self.capacity:
                self._rows.popitem(last=False)
            self._tokens.update(tokens)
            held = sum(len(each.words) for each in self._tokens.values()) if tokens else 0
            while held > _TOKENS_KEPT and len(self._tokens) > 1:
                held -= len(self._tokens.popitem(last=False)[1].words)
