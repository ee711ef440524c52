"""The tools ``remember`` and ``recall`` for agents, bound to a memory's scope."""

# No postponed annotations: LlamaIndex reads the tools' arguments from them.

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from llama_index.core.tools import FunctionTool

from memkit import Remembered
from memkit.filters import Ne
from memkit.handles import Handles, MemoryLike, run
from memkit.rendering import render
from memkit_llamaindex.messages import TRACE

_LIMIT_MAX = 50

_Content = Annotated[str, "what to remember, as a sentence that stands for itself"]
_Kind = Annotated[str, "note, fact, decision, preference, constraint or learning"]
_Tags = Annotated[list[str] | None, "labels to find it by"]
_Query = Annotated[str, "what you want to know, in words"]
_Limit = Annotated[int, "at most so many memories, 1 to 50"]


def memory_tools(
    memory: MemoryLike | Handles = None, *, max_tokens: int = 2000, reach: str = "ancestors"
) -> list[Any]:
    """Two tools, each with a synchronous and an asynchronous function.

    The scope is the memory's: no argument of a tool can leave it. What is recalled comes
    delimited, for a model to read and not to obey.

    Args:
        memory: a ``Memory``, an ``AsyncMemory``, a client, or the URL or path of a store (which
            then stays open as long as the process).
        max_tokens: at most so many tokens of recalled text.
        reach: how far ``recall`` looks: ``ancestors``, ``exact`` or ``subtree``.

    Returns:
        ``remember`` and ``recall``, each a ``FunctionTool``: a list that every agent's ``tools``
        accepts.
    """
    handles = Handles(memory)

    async def aremember(content: _Content, kind: _Kind = "note", tags: _Tags = None) -> str:
        return _told(await handles.aio.remember(content, kind=kind, tags=tags or ()))

    async def arecall(query: _Query, limit: _Limit = 5) -> str:
        hits = await handles.aio.recall(
            query,
            limit=max(1, min(_LIMIT_MAX, limit)),
            reach=reach,
            filter=Ne("kind", TRACE),
        )
        text = render(hits, max_tokens=max_tokens, short_ids=True)
        return text if hits else f"Nothing is remembered of it.\n{text}".strip()

    def remember(content: _Content, kind: _Kind = "note", tags: _Tags = None) -> str:
        """Keep something for later conversations."""
        return run(aremember(content, kind, tags))

    def recall(query: _Query, limit: _Limit = 5) -> str:
        """Look up what is known from earlier conversations."""
        return run(arecall(query, limit))

    return [_tool(remember, aremember), _tool(recall, arecall)]


def _tool(
    blocking: Callable[..., str], awaiting: Callable[..., Coroutine[Any, Any, str]]
) -> FunctionTool:
    return FunctionTool.from_defaults(
        fn=blocking, async_fn=awaiting, name=blocking.__name__, description=blocking.__doc__
    )


def _told(outcome: Remembered) -> str:
    if outcome.status == "duplicate":
        return "That was remembered already."
    return "Remembered."
