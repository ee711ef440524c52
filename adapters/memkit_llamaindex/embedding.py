"""MemkitEmbedding: LlamaIndex embeds with the memory's own model."""

from __future__ import annotations

import asyncio
from typing import Any

from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.bridge.pydantic import PrivateAttr

from memkit.embedding.given import GivenVectors
from memkit.errors import ConfigurationError
from memkit.handles import Handles, MemoryLike
from memkit.protocols import Embedder, Role
from memkit_llamaindex.holding import Holding


class MemkitEmbedding(Holding, BaseEmbedding):
    """The embedder that a memory was opened with, as LlamaIndex's embedding model.

    An index over a :class:`~memkit_llamaindex.MemkitVectorStore` then holds vectors of the same
    model as the rest of the memory, and nothing is downloaded or asked of a provider.

    Args:
        memory: a ``Memory`` or an ``AsyncMemory``, or the URL or path of a store.
        **data: the fields of every embedding model.

    Raises:
        ConfigurationError: the memory has no embedder of its own: none is installed, its
            callers give the vectors, or a server keeps it.
    """

    _handles: Handles = PrivateAttr()
    _embedder: Embedder = PrivateAttr()

    def __init__(self, memory: MemoryLike | Handles = None, **data: Any) -> None:
        from memkit.client import AsyncClient

        handles = Handles(memory)
        if isinstance(handles.aio, AsyncClient):
            raise ConfigurationError(
                "a server embeds by itself and lends nobody its model: leave nodes without "
                "embeddings, or open the memory here"
            )
        embedder = handles.aio.embedder
        if embedder is None or isinstance(embedder, GivenVectors):
            handles.close()
            raise ConfigurationError(
                "the memory has no embedder to lend: it was opened for words alone, or its "
                "callers give the vectors"
            )
        data.setdefault("model_name", embedder.fingerprint.model)
        super().__init__(**data)
        self._handles = handles
        self._embedder = embedder

    @classmethod
    def class_name(cls) -> str:
        """The name of the class."""
        return "MemkitEmbedding"

    def _embed(self, texts: list[str], role: Role) -> list[list[float]]:
        vectors: list[list[float]] = self._embedder.embed(texts, role).tolist()
        return vectors

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._embed([query], "query")[0]

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._embed([text], "document")[0]

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return self._embed(texts, "document")

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return await asyncio.to_thread(self._get_query_embedding, query)

    async def _aget_text_embedding(self, text: str) -> list[float]:
        return await asyncio.to_thread(self._get_text_embedding, text)

    async def _aget_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return await asyncio.to_thread(self._get_text_embeddings, texts)
