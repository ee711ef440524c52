"""MemkitVectorStore: documents under their own ids, found by meaning."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Self

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import VectorStore

from memkit.errors import ConfigurationError, RecordNotFound
from memkit.handles import Handles, MemoryLike
from memkit_langgraph.conditions import Condition
from memkit_langgraph.documents import (
    asked,
    documents,
    drafts_of,
    key_of,
    listed,
    scored,
    unlike,
)
from memkit_langgraph.embeddings import LangChainEmbedder

_ATTEMPTS = 5


class MemkitVectorStore(VectorStore):
    """Documents in a memory's scope, searched by cosine.

    It holds what was added to it in that very scope, and nothing else of the memory; the
    documents are memories too, of kind ``document``, which recall finds.

    Args:
        memory: a handle or a client, bound to the scope that is the collection; or the URL or
            path of a store, which is opened here (``close`` closes it) and embeds by
            ``embedding``.
        embedding: LangChain embeddings. With a memory that is open they make its vectors, of
            documents and queries: open it with ``embedder="given:MODEL?dimensions=N"``. Without
            them the memory's own embedder does, and there is no search by marginal relevance.
        **opening: arguments of ``Memory.open`` (``namespace``, ``project`` …) with a URL.

    Raises:
        InvalidInput: ``memory`` is none, or ``opening`` was given with one that is open.
        StoreError: the store cannot be opened.
    """

    def __init__(
        self, memory: MemoryLike = None, embedding: Embeddings | None = None, **opening: Any
    ) -> None:
        self._embedding = embedding
        opened_here = memory is None or isinstance(memory, str) or hasattr(memory, "__fspath__")
        if opened_here and embedding is not None:
            opening["embedder"] = LangChainEmbedder(embedding)
        self._handles = Handles(memory, **opening)
        # Whose vectors these are: an open memory is handed them, one opened here makes them.
        self._vectors = None if opened_here else embedding

    @classmethod
    def from_texts(
        cls,
        texts: list[str],
        embedding: Embeddings,
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        memory: MemoryLike = None,
        **kwargs: Any,
    ) -> MemkitVectorStore:
        """A vector store with these texts in it; the arguments are the constructor's."""
        store = cls(memory, embedding, **kwargs)
        store.add_texts(texts, metadatas, ids=ids)
        return store

    @classmethod
    async def afrom_texts(
        cls,
        texts: list[str],
        embedding: Embeddings,
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        memory: MemoryLike = None,
        **kwargs: Any,
    ) -> MemkitVectorStore:
        """As ``from_texts``."""
        store = cls(memory, embedding, **kwargs)
        await store.aadd_texts(texts, metadatas, ids=ids)
        return store

    @property
    def embeddings(self) -> Embeddings | None:
        """The LangChain embeddings, if there are any."""
        return self._embedding

    def close(self) -> None:
        """Close the memory if it was opened here."""
        self._handles.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add_texts(
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: Sequence[str | None] | None = None,
        **kwargs: Any,
    ) -> list[str]:
        """Add texts; one with an id that is there replaces it.

        Returns:
            the ids; made up where none is given.

        Raises:
            InvalidInput: a text is blank, metadata are no JSON, an id is not text of 1 to 900
                characters, or there are not as many of one as of the other.
        """
        texts = list(texts)
        vectors = self._vectors.embed_documents(texts) if self._vectors and texts else None
        named, drafts = drafts_of(texts, metadatas, ids, vectors)
        if drafts:
            self._handles.sync.put_many(drafts)
        return named

    async def aadd_texts(
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: Sequence[str | None] | None = None,
        **kwargs: Any,
    ) -> list[str]:
        """As ``add_texts``."""
        texts = list(texts)
        vectors = await self._vectors.aembed_documents(texts) if self._vectors and texts else None
        named, drafts = drafts_of(texts, metadatas, ids, vectors)
        if drafts:
            await self._handles.aio.put_many(drafts)
        return named

    def delete(self, ids: list[str] | None = None, **kwargs: Any) -> bool:
        """Erase documents for good; ids that are not there are passed over, ``None`` means all."""
        for _ in range(_ATTEMPTS):
            held = self._all() if ids is None else self._held(ids)
            if not held:
                return True
            try:
                self._handles.sync.erase(held)
            except RecordNotFound:
                # Somebody else erased one meanwhile, and so nothing was erased here.
                continue
            return True
        return False

    async def adelete(self, ids: list[str] | None = None, **kwargs: Any) -> bool:
        """As ``delete``."""
        for _ in range(_ATTEMPTS):
            held = await self._aall() if ids is None else await self._aheld(ids)
            if not held:
                return True
            try:
                await self._handles.aio.erase(held)
            except RecordNotFound:
                continue
            return True
        return False

    def get_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """The documents with these ids, in their order; those that are missing are left out."""
        wanted = self._record_ids(ids)
        return documents(wanted, self._handles.sync.get_many(wanted) if wanted else {})

    async def aget_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """As ``get_by_ids``."""
        wanted = self._record_ids(ids)
        return documents(wanted, await self._handles.aio.get_many(wanted) if wanted else {})

    def similarity_search(
        self, query: str, k: int = 4, filter: Condition = None, **kwargs: Any
    ) -> list[Document]:
        """The ``k`` documents nearest in meaning, best first.

        Args:
            query: what is looked for.
            k: at most so many, 1 to 1,000.
            filter: a mapping over the documents' metadata, such as ``{"year": {"$gte": 2020}}``,
                or one of :mod:`memkit.filters`; see :func:`memkit_langgraph.conditions.filter_of`.
            **kwargs: passed over.

        Raises:
            InvalidInput: ``k`` or ``filter`` cannot be accepted.
        """
        found = self.similarity_search_with_score(query, k, filter=filter, **kwargs)
        return [document for document, _ in found]

    async def asimilarity_search(
        self, query: str, k: int = 4, filter: Condition = None, **kwargs: Any
    ) -> list[Document]:
        """As ``similarity_search``."""
        found = await self.asimilarity_search_with_score(query, k, filter=filter, **kwargs)
        return [document for document, _ in found]

    def similarity_search_with_score(
        self, query: str, k: int = 4, filter: Condition = None, **kwargs: Any
    ) -> list[tuple[Document, float]]:
        """The ``k`` nearest documents, each with its cosine: -1 to 1, more is nearer."""
        vector = self._vectors.embed_query(query) if self._vectors else None
        return scored(self._handles.sync.recall(query, **asked(k, filter, vector)), k)

    async def asimilarity_search_with_score(
        self, query: str, k: int = 4, filter: Condition = None, **kwargs: Any
    ) -> list[tuple[Document, float]]:
        """As ``similarity_search_with_score``."""
        vector = await self._vectors.aembed_query(query) if self._vectors else None
        return scored(await self._handles.aio.recall(query, **asked(k, filter, vector)), k)

    def similarity_search_by_vector(
        self, embedding: list[float], k: int = 4, filter: Condition = None, **kwargs: Any
    ) -> list[Document]:
        """The ``k`` documents nearest to a vector of the embedder's."""
        found = scored(self._handles.sync.recall("", **asked(k, filter, embedding)), k)
        return [document for document, _ in found]

    async def asimilarity_search_by_vector(
        self, embedding: list[float], k: int = 4, filter: Condition = None, **kwargs: Any
    ) -> list[Document]:
        """As ``similarity_search_by_vector``."""
        found = scored(await self._handles.aio.recall("", **asked(k, filter, embedding)), k)
        return [document for document, _ in found]

    def max_marginal_relevance_search(
        self,
        query: str,
        k: int = 4,
        fetch_k: int = 20,
        lambda_mult: float = 0.5,
        filter: Condition = None,
        **kwargs: Any,
    ) -> list[Document]:
        """``k`` of the ``fetch_k`` nearest documents, unlike one another.

        Raises:
            ConfigurationError: there are no LangChain embeddings to compare documents by.
        """
        vector = self._comparing().embed_query(query)
        return self.max_marginal_relevance_search_by_vector(
            vector, k, fetch_k, lambda_mult, filter=filter
        )

    async def amax_marginal_relevance_search(
        self,
        query: str,
        k: int = 4,
        fetch_k: int = 20,
        lambda_mult: float = 0.5,
        filter: Condition = None,
        **kwargs: Any,
    ) -> list[Document]:
        """As ``max_marginal_relevance_search``."""
        vector = await self._comparing().aembed_query(query)
        return await self.amax_marginal_relevance_search_by_vector(
            vector, k, fetch_k, lambda_mult, filter=filter
        )

    def max_marginal_relevance_search_by_vector(
        self,
        embedding: list[float],
        k: int = 4,
        fetch_k: int = 20,
        lambda_mult: float = 0.5,
        filter: Condition = None,
        **kwargs: Any,
    ) -> list[Document]:
        """As ``max_marginal_relevance_search``, from a vector."""
        comparing = self._comparing()
        found = self.similarity_search_by_vector(embedding, max(k, fetch_k), filter)
        rows = comparing.embed_documents([each.page_content for each in found]) if found else []
        return unlike(embedding, found, rows, k, lambda_mult)

    async def amax_marginal_relevance_search_by_vector(
        self,
        embedding: list[float],
        k: int = 4,
        fetch_k: int = 20,
        lambda_mult: float = 0.5,
        filter: Condition = None,
        **kwargs: Any,
    ) -> list[Document]:
        """As ``max_marginal_relevance_search_by_vector``."""
        comparing = self._comparing()
        found = await self.asimilarity_search_by_vector(embedding, max(k, fetch_k), filter)
        texts = [each.page_content for each in found]
        rows = await comparing.aembed_documents(texts) if found else []
        return unlike(embedding, found, rows, k, lambda_mult)

    def _select_relevance_score_fn(self) -> Callable[[float], float]:
        return lambda cosine: min(1.0, max(0.0, cosine))

    def _comparing(self) -> Embeddings:
        if self._embedding is None:
            raise ConfigurationError(
                "marginal relevance compares documents by their vectors: give embedding="
            )
        return self._embedding

    def _record_ids(self, ids: Iterable[str]) -> list[str]:
        # An id that cannot be one is not there.
        keys = (key_of(id_) for id_ in dict.fromkeys(ids))
        return [self._handles.aio.id_of(key) for key in keys if key is not None]

    def _held(self, ids: Iterable[str]) -> list[str]:
        wanted = self._record_ids(ids)
        return list(self._handles.sync.get_many(wanted)) if wanted else []

    async def _aheld(self, ids: Iterable[str]) -> list[str]:
        wanted = self._record_ids(ids)
        return list(await self._handles.aio.get_many(wanted)) if wanted else []

    def _all(self) -> list[str]:
        page = self._handles.sync.list(**listed(None))
        found = [record.id for record in page]
        while page.cursor is not None:
            page = self._handles.sync.list(**listed(page.cursor))
            found += [record.id for record in page]
        return found

    async def _aall(self) -> list[str]:
        page = await self._handles.aio.list(**listed(None))
        found = [record.id for record in page]
        while page.cursor is not None:
            page = await self._handles.aio.list(**listed(page.cursor))
            found += [record.id for record in page]
        return found
