"""MemkitRetriever: recall as a LangChain retriever."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.callbacks import (
    AsyncCallbackManagerForRetrieverRun,
    CallbackManagerForRetrieverRun,
)
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict, Field, PrivateAttr

from memkit.filters import Filter
from memkit.handles import Handles
from memkit.types import Hit

_FIELDS = (
    "kind",
    "namespace",
    "project",
    "task",
    "agent",
    "confidence",
    "conversation_id",
    "sequence",
    "speaker",
    "source",
)
_TIMES = ("created_at", "updated_at", "occurred_at", "expires_at")


def document_of(hit: Hit) -> Document:
    """A hit as a document.

    Its metadata holds plain JSON: ``id``, ``score``, ``relevance``, ``kind``, ``tags``, the
    place (``namespace``, ``project``, ``task``, ``agent``), the times in ISO 8601 and whatever
    else the record has; the caller's own metadata are under ``metadata``.
    """
    record = hit.record
    told: dict[str, Any] = {
        "id": record.id,
        "score": hit.score,
        "relevance": hit.relevance,
        "tags": list(record.tags),
        "metadata": dict(record.metadata),
    }
    told.update((name, getattr(record, name)) for name in _FIELDS)
    for name in _TIMES:
        moment = getattr(record, name)
        told[name] = None if moment is None else moment.isoformat()
    if hit.context:
        told["context"] = [turn.content for turn in hit.context]
    present = {name: value for name, value in told.items() if value is not None}
    return Document(id=record.id, page_content=record.content, metadata=present)


class MemkitRetriever(BaseRetriever):
    """Recalls from a memory's scope, sync and async, best first.

    ``k`` and every option but ``memory`` may also be given at each call:
    ``retriever.invoke("...", k=3)``.

    Attributes:
        memory: a ``Memory``, an ``AsyncMemory`` or a client, bound to the scope to recall from;
            or the URL or path of a store, which is opened here (``close`` closes it).
        k: at most so many documents, 1 to 1,000.
        reach, kinds, tags, filter, mode, profile, context, min_relevance: as for
            :meth:`memkit.AsyncMemory.recall`.

    Raises:
        InvalidInput: an option cannot be accepted.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    memory: Any = Field(default=None, exclude=True, repr=False)
    k: int = 5
    reach: str = "ancestors"
    kinds: tuple[str, ...] | None = None
    # Not `tags`: that is what LangChain calls the labels of a trace.
    memory_tags: tuple[str, ...] | None = None
    filter: Filter | None = None
    mode: str = "hybrid"
    profile: str | None = None
    context: int = 0
    min_relevance: float = 0.0

    _handles: Handles = PrivateAttr()

    def model_post_init(self, _: Any, /) -> None:
        """Take hold of the memory."""
        self._handles = Handles(self.memory)

    def close(self) -> None:
        """Close the memory if it was opened here."""
        self._handles.close()

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, **options: Any
    ) -> list[Document]:
        hits = self._handles.sync.recall(query, **self._options(options))
        return [document_of(hit) for hit in hits]

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun, **options: Any
    ) -> list[Document]:
        hits = await self._handles.aio.recall(query, **self._options(options))
        return [document_of(hit) for hit in hits]

    def _options(self, given: Mapping[str, Any]) -> dict[str, Any]:
        options = {
            "k": self.k,
            "reach": self.reach,
            "kinds": self.kinds,
            "tags": self.memory_tags,
            "filter": self.filter,
            "mode": self.mode,
            "profile": self.profile,
            "context": self.context,
            "min_relevance": self.min_relevance,
        }
        options.update(given)
        options["limit"] = options.pop("k")
        return options
