"""Embeddings across: LangChain's as memkit's embedder, and memkit's as LangChain's."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from langchain_core.embeddings import Embeddings

from memkit.errors import ConfigurationError, EmbedderError, EmbedderUnavailable
from memkit.protocols import Embedder, Fingerprint, Role

if TYPE_CHECKING:
    from memkit.protocols import Vector

# What LangChain's embeddings call their model.
_NAMES = ("model", "model_name", "model_id", "deployment")


def model_of(embeddings: Embeddings) -> str:
    """The name under which a store knows vectors of these embeddings: class and model."""
    name = type(embeddings).__name__
    for attribute in _NAMES:
        model = getattr(embeddings, attribute, None)
        if isinstance(model, str) and model:
            return f"langchain:{name}:{model}"
    return f"langchain:{name}"


class LangChainEmbedder:
    """LangChain embeddings as memkit's embedder: ``Memory.open(url, embedder=...)``.

    Args:
        embeddings: any LangChain ``Embeddings``.
        model: the name that the store knows its vectors by, to tell models apart; by default
            the class and the model that the embeddings name.
        dimension: of the vectors; by default it is asked for with a first text.
    """

    def __init__(
        self, embeddings: Embeddings, *, model: str | None = None, dimension: int | None = None
    ) -> None:
        self._embeddings = embeddings
        self._model = model_of(embeddings) if model is None else model
        self._dimension = dimension

    @property
    def fingerprint(self) -> Fingerprint:
        """The model and, once a text was embedded, its dimension."""
        return Fingerprint(self._model, self._dimension)

    def load(self) -> None:
        """Learn the dimension.

        Raises:
            EmbedderUnavailable: the embeddings failed.
            EmbedderError: they gave something else than vectors.
        """
        if self._dimension is None:
            self.embed(["dimension"])

    def embed(self, texts: Sequence[str], role: Role = "document") -> Vector:
        """Embed texts; float32, shape ``(len(texts), dimension)``, rows of length 1.

        Raises:
            EmbedderUnavailable: the embeddings failed.
            EmbedderError: they gave something else than vectors.
        """
        if not texts:
            return np.zeros((0, self._dimension or 0), dtype=np.float32)
        try:
            if role == "query":
                rows = [self._embeddings.embed_query(text) for text in texts]
            else:
                rows = self._embeddings.embed_documents(list(texts))
        except Exception as cause:
            # Each provider has errors of its own, with no base in common.
            raise EmbedderUnavailable(f"{self._model} failed: {type(cause).__name__}") from cause
        return self._checked(rows, len(texts))

    def close(self) -> None:
        """There is nothing to close: the embeddings are the caller's."""

    def _checked(self, rows: Any, count: int) -> Vector:
        try:
            vectors = np.asarray(rows, dtype=np.float32)
        except (TypeError, ValueError):
            raise EmbedderError(f"{self._model} gave rows that are not equally long") from None
        wanted = (count, self._dimension or vectors.shape[-1])
        if vectors.shape != wanted or not wanted[1]:
            raise EmbedderError(
                f"{self._model} gave vectors of shape {vectors.shape} instead of {wanted}"
            )
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not np.isfinite(lengths).all() or not lengths.all():
            raise EmbedderError(f"{self._model} gave a vector of zeros, or one that is not finite")
        self._dimension = wanted[1]
        normalised: Vector = vectors / lengths
        return normalised


class MemkitEmbeddings(Embeddings):
    """memkit's embedders for LangChain: local and offline by default.

    Args:
        embedder: an embedder, or the URL of one: ``local`` (the default), ``fastembed:MODEL``,
            ``openai:MODEL?base_url=…``.

    Raises:
        ConfigurationError: the URL names no embedder that is installed.
    """

    def __init__(self, embedder: str | Embedder = "local") -> None:
        if isinstance(embedder, str):
            from memkit.embedding.urls import embedder_from_url

            found = embedder_from_url(embedder)
            if found is None:
                raise ConfigurationError(f"{embedder!r} embeds nothing: name an embedder")
            embedder = found
        self._embedder: Embedder = embedder

    @property
    def embedder(self) -> Embedder:
        """The embedder itself: ``Memory.open(url, embedder=embeddings.embedder)``."""
        return self._embedder

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """One vector of length 1 for each text.

        Raises:
            EmbedderError: the embedder cannot answer.
        """
        return self._embedded(texts, "document")

    def embed_query(self, text: str) -> list[float]:
        """The vector of a question.

        Raises:
            EmbedderError: the embedder cannot answer.
        """
        return self._embedded([text], "query")[0]

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """As ``embed_documents``, in a thread."""
        return await asyncio.to_thread(self.embed_documents, texts)

    async def aembed_query(self, text: str) -> list[float]:
        """As ``embed_query``, in a thread."""
        return await asyncio.to_thread(self.embed_query, text)

    def _embedded(self, texts: Sequence[str], role: Role) -> list[list[float]]:
        self._embedder.load()
        rows: list[list[float]] = self._embedder.embed(texts, role).tolist()
        return rows
