"""Tools with which a model remembers and recalls, in a scope that it cannot choose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from langchain_core.callbacks import (
    AsyncCallbackManagerForToolRun,
    CallbackManagerForToolRun,
)
from langchain_core.tools import BaseTool, ToolException
from pydantic import BaseModel, Field, PrivateAttr, create_model

from memkit.errors import MemkitError
from memkit.handles import Handles
from memkit.rendering import render
from memkit.types import RecallResult, Remembered

#: The kinds that a model may choose from. ``constraint`` is not one of them: what a middleware
#: shows at every turn is for people to decide.
KINDS = ("note", "fact", "preference", "decision", "learning", "observation", "error")
_RECALL_MAX = 50


class _MemoryTool(BaseTool):
    """What the two tools share: the memory, and errors that the model is told of."""

    memory: Any = Field(default=None, exclude=True, repr=False)
    # An error of the memory is the tool's answer; it does not end the agent's run.
    handle_tool_error: bool | str | Any | None = True

    _handles: Handles = PrivateAttr()

    def model_post_init(self, _: Any, /) -> None:
        """Take hold of the memory."""
        self._handles = Handles(self.memory)

    def close(self) -> None:
        """Close the memory if it was opened here."""
        self._handles.close()


class RememberTool(_MemoryTool):
    """Stores what the model wants to keep: ``remember(content, kind, tags)``.

    Attributes:
        memory: a handle or a client, bound to the scope to write to, or the URL of a store.
        kinds: those that the model may choose from; the first is the default.
        private: whether only the handle's agent may read what is written.
    """

    name: str = "remember"
    description: str = (
        "Store one lasting fact, preference, decision or lesson for later conversations. "
        "Write a sentence that can be understood on its own."
    )
    kinds: tuple[str, ...] = KINDS
    private: bool = False

    def model_post_init(self, context: Any, /) -> None:
        """Take hold of the memory and declare the arguments."""
        super().model_post_init(context)
        self.args_schema = _remember_arguments(self.kinds)

    def _run(
        self,
        content: str,
        kind: str | None = None,
        tags: Sequence[str] = (),
        run_manager: CallbackManagerForToolRun | None = None,
    ) -> str:
        try:
            done = self._handles.sync.remember(content, **self._given(kind, tags))
        except MemkitError as error:
            raise ToolException(_told(error)) from error
        return _answer(done)

    async def _arun(
        self,
        content: str,
        kind: str | None = None,
        tags: Sequence[str] = (),
        run_manager: AsyncCallbackManagerForToolRun | None = None,
    ) -> str:
        try:
            done = await self._handles.aio.remember(content, **self._given(kind, tags))
        except MemkitError as error:
            raise ToolException(_told(error)) from error
        return _answer(done)

    def _given(self, kind: str | None, tags: Sequence[str]) -> dict[str, Any]:
        return {"kind": kind or self.kinds[0], "tags": tags, "private": self.private}


class RecallTool(_MemoryTool):
    """Looks up what was remembered: ``recall(query, limit)``.

    Its answer is text within ``max_tokens``; the artifact of its message lists each hit's
    ``id``, ``kind``, ``score`` and ``relevance``.

    Attributes:
        memory: a handle or a client, bound to the scope to recall from, or the URL of a store.
        limit: how many memories when the model does not say.
        max_tokens: the longest answer, in tokens (estimated).
        min_relevance: leave out what is less likely to answer, 0 to 1.
    """

    name: str = "recall"
    description: str = "Search what was remembered in earlier conversations."
    response_format: Literal["content", "content_and_artifact"] = "content_and_artifact"
    limit: int = 5
    max_tokens: int = 2000
    min_relevance: float = 0.0

    def model_post_init(self, context: Any, /) -> None:
        """Take hold of the memory and declare the arguments."""
        super().model_post_init(context)
        self.args_schema = _recall_arguments(self.limit)

    def _run(
        self,
        query: str,
        limit: int | None = None,
        run_manager: CallbackManagerForToolRun | None = None,
    ) -> tuple[str, list[dict[str, Any]]]:
        try:
            found = self._handles.sync.recall(query, **self._given(limit))
        except MemkitError as error:
            raise ToolException(_told(error)) from error
        return self._shown(found)

    async def _arun(
        self,
        query: str,
        limit: int | None = None,
        run_manager: AsyncCallbackManagerForToolRun | None = None,
    ) -> tuple[str, list[dict[str, Any]]]:
        try:
            found = await self._handles.aio.recall(query, **self._given(limit))
        except MemkitError as error:
            raise ToolException(_told(error)) from error
        return self._shown(found)

    def _given(self, limit: int | None) -> dict[str, Any]:
        wanted = self.limit if limit is None else limit
        return {"limit": wanted, "min_relevance": self.min_relevance}

    def _shown(self, found: RecallResult) -> tuple[str, list[dict[str, Any]]]:
        told = [
            {
                "id": hit.record.id,
                "kind": hit.record.kind,
                "score": hit.score,
                "relevance": hit.relevance,
            }
            for hit in found
        ]
        text = render(found, max_tokens=self.max_tokens)
        if not told:
            text = f"Nothing was found.\n{text}".strip()
        return text, told


def memory_tools(
    memory: Any,
    *,
    prefix: str = "",
    kinds: Sequence[str] = KINDS,
    private: bool = False,
    limit: int = 5,
    max_tokens: int = 2000,
    min_relevance: float = 0.0,
) -> list[BaseTool]:
    """The tools ``remember`` and ``recall``, bound to one scope.

    Args:
        memory: a ``Memory``, an ``AsyncMemory``, a client, or the URL or path of a store. Its
            scope is the tools': no argument of theirs can change it.
        prefix: put before both names, where an agent has tools for several scopes.
        kinds: the kinds that the model may choose from; the first is the default.
        private: whether only the handle's agent may read what is written.
        limit, max_tokens, min_relevance: of :class:`RecallTool`.

    Raises:
        InvalidInput: ``memory`` is none.
    """
    handle = Handles(memory).sync
    return [
        RememberTool(memory=handle, name=f"{prefix}remember", kinds=tuple(kinds), private=private),
        RecallTool(
            memory=handle,
            name=f"{prefix}recall",
            limit=limit,
            max_tokens=max_tokens,
            min_relevance=min_relevance,
        ),
    ]


def _remember_arguments(kinds: tuple[str, ...]) -> type[BaseModel]:
    offered: Any = Literal[kinds]
    return create_model(
        "Remember",
        content=(str, Field(description="what to remember, in a sentence", min_length=1)),
        kind=(offered, Field(default=kinds[0], description="what sort of memory it is")),
        tags=(list[str], Field(default_factory=list, description="labels to find it by")),
    )


def _recall_arguments(limit: int) -> type[BaseModel]:
    return create_model(
        "Recall",
        query=(str, Field(description="what to look for, in words", min_length=1)),
        limit=(
            int,
            Field(default=limit, ge=1, le=_RECALL_MAX, description="how many memories at most"),
        ),
    )


def _answer(done: Remembered) -> str:
    if done.status == "stored":
        return f"Remembered as {done.id}."
    return f"It was known already, as {done.id} ({done.status})."


def _told(error: MemkitError) -> str:
    return f"The memory could not do it: {error}"
