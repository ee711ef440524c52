"""MemkitVectorStore: the nodes of a LlamaIndex index, in a memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llama_index.core.bridge.pydantic import Field, PrivateAttr
from llama_index.core.schema import BaseNode
from llama_index.core.vector_stores.types import (
    BasePydanticVectorStore,
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryResult,
)

from memkit import AsyncMemory, MemoryRecord
from memkit.errors import InvalidInput
from memkit.filters import And, Eq, Filter, In
from memkit.handles import Handles, MemoryLike, run
from memkit_llamaindex.filters import filter_of
from memkit_llamaindex.holding import Holding
from memkit_llamaindex.nodes import NODE_ID, NODE_TAG, REF_DOC_ID, draft_of, key_of, node_of
from memkit_llamaindex.ranking import ranked
from memkit_llamaindex.turns import remove

_PAGE = 1_000
_AT_ONCE = 500


class MemkitVectorStore(Holding, BasePydanticVectorStore):
    """A vector store for ``VectorStoreIndex``: each node is a record of the memory's scope.

    A node is kept under its id, so that adding it again replaces it. Its embedding is stored as
    it comes, so it must be of the memory's own model: use
    :class:`~memkit_llamaindex.MemkitEmbedding`, or open the memory with
    ``embedder="given:MODEL?dimensions=N"`` where another model makes the vectors. A node without
    an embedding is embedded by the memory.

    The index is that of one place: namespace, project and task. Handles of other places see
    nothing of it.

    Args:
        memory: a ``Memory``, an ``AsyncMemory``, a client, or the URL or path of a store.
        forget: deleting forgets instead of erasing: nodes can be restored, and a server lets
            those do it who are no admins.
        kind: the kind of the records.
    """

    stores_text: bool = True
    is_embedding_query: bool = True
    flat_metadata: bool = False
    forget: bool = Field(default=False)
    kind: str = Field(default="document")

    _handles: Handles = PrivateAttr()

    def __init__(self, memory: MemoryLike | Handles = None, **data: Any) -> None:
        super().__init__(**data)
        self._handles = Handles(memory)

    @classmethod
    def class_name(cls) -> str:
        """The name of the class."""
        return "MemkitVectorStore"

    @property
    def client(self) -> AsyncMemory:
        """The memory's asynchronous handle."""
        return self._handles.aio

    def add(self, nodes: Sequence[BaseNode], **kwargs: Any) -> list[str]:
        """Store nodes, each in the place of what its id holds; durable when this returns.

        Returns:
            the nodes' ids, in order.

        Raises:
            InvalidInput: an embedding has another length than the memory's vectors, or a
                node's metadata cannot be stored; nothing was written.
        """
        return run(self.async_add(nodes, **kwargs))

    async def async_add(self, nodes: Sequence[BaseNode], **kwargs: Any) -> list[str]:
        """As :meth:`add`."""
        if nodes:
            await self._handles.aio.put_many(draft_of(node, self.kind) for node in nodes)
        return [node.node_id for node in nodes]

    def delete(self, ref_doc_id: str, **delete_kwargs: Any) -> None:
        """Delete the nodes of a document."""
        run(self.adelete(ref_doc_id, **delete_kwargs))

    async def adelete(self, ref_doc_id: str, **delete_kwargs: Any) -> None:
        """As :meth:`delete`."""
        await self._remove(Eq(f"metadata.{REF_DOC_ID}", ref_doc_id))

    def delete_nodes(
        self,
        node_ids: list[str] | None = None,
        filters: MetadataFilters | None = None,
        **delete_kwargs: Any,
    ) -> None:
        """Delete nodes by their ids, by filters, or by both, which both must hold.

        Raises:
            InvalidInput: neither was given; :meth:`clear` deletes everything.
        """
        run(self.adelete_nodes(node_ids, filters, **delete_kwargs))

    async def adelete_nodes(
        self,
        node_ids: list[str] | None = None,
        filters: MetadataFilters | None = None,
        **delete_kwargs: Any,
    ) -> None:
        """As :meth:`delete_nodes`."""
        wanted = filter_of(filters)
        if node_ids is None and wanted is None:
            raise InvalidInput("give node_ids or filters; clear() deletes every node")
        if node_ids is None:
            await self._remove(wanted)
            return
        held = await self._records(wanted, node_ids)
        await remove(self._handles.aio, [record.id for record in held], forget=self.forget)

    def clear(self) -> None:
        """Delete every node of this place; other memories stay."""
        run(self.aclear())

    async def aclear(self) -> None:
        """As :meth:`clear`."""
        await self._remove(None)

    def get_nodes(
        self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None
    ) -> list[BaseNode]:
        """The nodes with these ids, in their order, or those that filters leave; or all.

        They come without their embeddings. An id that is not there is left out.
        """
        return run(self.aget_nodes(node_ids, filters))

    async def aget_nodes(
        self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None
    ) -> list[BaseNode]:
        """As :meth:`get_nodes`."""
        return [node_of(record) for record in await self._records(filter_of(filters), node_ids)]

    def query(self, query: VectorStoreQuery, **kwargs: Any) -> VectorStoreQueryResult:
        """The nodes that answer a query best, with their similarities, best first.

        Modes are ``default``, ``hybrid``, ``text_search``, ``sparse`` and ``mmr``; filters,
        ``node_ids`` and ``doc_ids`` must all hold. At most 1,000 nodes.

        Raises:
            InvalidFilter: a filter that memkit does not have.
            InvalidInput: another mode, or a query without what its mode needs.
            EmbedderUnavailable: meaning was asked for, and no vector can be made.
        """
        return run(self.aquery(query, **kwargs))

    async def aquery(self, query: VectorStoreQuery, **kwargs: Any) -> VectorStoreQueryResult:
        """As :meth:`query`."""
        parts: list[Filter] = []
        # An index that keeps no list of its nodes asks for an empty list of them: all are meant.
        if query.node_ids:
            parts.append(In(f"metadata.{NODE_ID}", tuple(query.node_ids)))
        if query.doc_ids:
            parts.append(In(f"metadata.{REF_DOC_ID}", tuple(query.doc_ids)))
        asked = filter_of(query.filters)
        if asked is not None:
            parts.append(asked)
        found = await ranked(self._handles.aio, query, And(tuple(parts)), **kwargs)
        nodes = [node_of(record) for record, _ in found]
        return VectorStoreQueryResult(
            nodes=nodes,
            similarities=[score for _, score in found],
            ids=[node.node_id for node in nodes],
        )

    async def _records(
        self, wanted: Filter | None, node_ids: list[str] | None
    ) -> list[MemoryRecord]:
        if node_ids is None:
            return await self._listed(wanted)
        memory = self._handles.aio
        ids = list(dict.fromkeys(memory.id_of(key_of(node_id)) for node_id in node_ids))
        held: dict[str, MemoryRecord] = {}
        for start in range(0, len(ids), _AT_ONCE):
            some = ids[start : start + _AT_ONCE]
            within: Filter = In("id", tuple(some))
            page = await self._listed(within if wanted is None else And((within, wanted)))
            held |= {record.id: record for record in page}
        return [held[id_] for id_ in ids if id_ in held]

    async def _listed(self, wanted: Filter | None) -> list[MemoryRecord]:
        found: list[MemoryRecord] = []
        cursor: str | None = None
        while True:
            page = await self._handles.aio.list(
                reach="exact",
                tags=NODE_TAG,
                filter=wanted,
                descending=False,
                cursor=cursor,
                limit=_PAGE,
            )
            found += page.records
            cursor = page.cursor
            if cursor is None:
                return found

    async def _remove(self, wanted: Filter | None) -> None:
        held = await self._listed(wanted)
        await remove(self._handles.aio, [record.id for record in held], forget=self.forget)
