"""MemkitMemory: CrewAI's ``Memory`` on a memkit handle, which holds to what its caller asked."""

from __future__ import annotations

import sys
from typing import Any, Literal

from crewai.llms.base_llm import BaseLLM
from crewai.memory.types import MemoryMatch
from crewai.memory.unified_memory import Memory as CrewMemory
from crewai.memory.utils import join_scope_paths

from memkit.errors import ConfigurationError
from memkit.rendering import block
from memkit_crewai.bounds import Bound, binding
from memkit_crewai.handles import MemoryLike
from memkit_crewai.paths import labels_of
from memkit_crewai.records import aware
from memkit_crewai.storage import MemkitStorage


class MemkitMatch(MemoryMatch):
    """A match whose text is safe to put into a prompt."""

    def format(self) -> str:
        """The memory for a model: delimited, with instructions inside defused."""
        record = self.record
        told = {
            "content": record.content,
            "created_at": aware(record.created_at),
            "source": record.source,
            "tags": tuple(record.categories),
        }
        return block(told, lead="- ", relevance=self.score)


class NoModel(BaseLLM):
    """In the place of a model: CrewAI does without one where it cannot answer."""

    def call(self, *args: Any, **kwargs: Any) -> str:
        """Refuse.

        Raises:
            ConfigurationError: always.
        """
        raise ConfigurationError("this memory has no model: give llm= to have one asked")


class MemkitMemory(CrewMemory):
    """CrewAI's memory on memkit: ``MemkitMemory(storage=memory.at(project=...), llm=llm)``.

    It is a ``crewai.Memory`` in all but this: the embedder is the memory's own unless another is
    given; a recall stays in the scope that its caller named, whatever scopes a model suggests;
    private records of others take no places from those that may be seen; a store that fails
    raises instead of answering with nothing; and memories reach prompts delimited and defused.

    Args:
        storage: a ``MemkitStorage``, a memkit handle or client, or the URL or path of a store.
        llm: the model that sorts what is saved and takes long queries apart. Without one nobody is
            asked: what comes without a scope lies at ``/``, and what an agent says is kept whole.
        embedder: CrewAI's, where it is not the memory's own.
        **fields: the others of ``crewai.Memory``.
    """

    def __init__(
        self,
        storage: MemkitStorage | MemoryLike = None,
        *,
        llm: BaseLLM | str | None = None,
        embedder: Any = None,
        **fields: Any,
    ) -> None:
        if not isinstance(storage, MemkitStorage):
            storage = MemkitStorage(storage)
        if llm is None:
            llm = NoModel(model="none")
            fields = {
                "query_analysis_threshold": sys.maxsize,
                "consolidation_threshold": 1.0,
            } | fields
        if embedder is None:
            embedder = storage.embedder
        super().__init__(storage=storage, llm=llm, embedder=embedder, **fields)

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> MemkitMemory:
        # CrewAI's own fails on Pythons where a lock is made by a function.
        return type(self)(**{name: getattr(self, name) for name in type(self).model_fields})

    def recall(
        self,
        query: str,
        scope: str | None = None,
        categories: list[str] | None = None,
        limit: int = 10,
        depth: Literal["shallow", "deep"] = "deep",
        source: str | None = None,
        include_private: bool = False,
    ) -> list[MemoryMatch]:
        """As CrewAI's, within the scope that the caller named.

        Raises:
            MemkitError: a search failed, and nothing else was found.
        """
        asked = scope if self.root_scope is None else join_scope_paths(self.root_scope, scope)
        bound = Bound(id(self._storage), labels_of(asked), source, include_private)
        with binding(bound):
            matches = super().recall(
                query, scope, categories, limit, depth, source, include_private
            )
        if not matches and bound.failures:
            raise bound.failures[0]
        return [
            MemkitMatch.model_construct(**{name: getattr(each, name) for name in _FIELDS})
            for each in matches
        ]


_FIELDS = tuple(MemoryMatch.model_fields)
