"""MemkitMiddleware: an agent recalls before it answers and remembers afterwards."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

from langchain.agents.middleware import AgentMiddleware
from langchain.agents.middleware.types import AgentState, ModelRequest, ModelResponse
from langchain_core.messages import AnyMessage
from langgraph.runtime import Runtime

from memkit import AsyncMemory, Memory
from memkit.drafts import Draft
from memkit.errors import InvalidInput, MemkitError
from memkit.filters import Filter
from memkit.handles import Handles, MemoryLike
from memkit.rendering import estimated_tokens, render
from memkit.types import Hit, MemoryRecord, Page, RecallResult
from memkit_langgraph.turns import Recollections, Turn, drafts_of, shown_with, thread_of, turn_of

Labels = Callable[[Runtime[Any]], Mapping[str, str] | None]
Roles = Iterable[Literal["user", "assistant"]]

_log = logging.getLogger("memkit")

# A question longer than this is cut in the middle: what it is about stands at its ends.
_QUERY_MAX = 8_000
# Hits beyond the limit, in place of those that the model sees already and of mere questions.
_SPARE = 10
_QUESTION_MARKS = ("?", "\uff1f", "\u061f")
# No line of stored text can look like the last one of these.
_FRAME = "<memory>\n...\n</memory>"


class MemkitMiddleware(AgentMiddleware[AgentState[Any], Any, Any]):
    """Recalls before the model is called, and remembers the turn once it is over.

    What is recalled goes into the request alone, in front of the user's message: it is never
    part of the agent's state, so neither a checkpoint nor a later turn holds it. It is recalled
    once a turn. After the turn, what the user said is remembered, with the thread as its
    conversation; the same turn run again stores nothing twice.

    Where the memory fails the agent goes on without it, and the failure is logged.

    Args:
        memory: a ``Memory``, an ``AsyncMemory`` or a client, bound to the agent's scope; or the
            URL or path of a store, which is opened here (``close`` closes it).
        labels: from the runtime (its ``context``, its thread) to further labels of the scope:
            ``lambda runtime: {"task": runtime.context.case}``. They only ever narrow it, as
            :meth:`memkit.AsyncMemory.at` does.
        limit: at most so many memories are recalled, 1 to 100.
        max_tokens: of all that is shown to the model, constraints included (estimated unless
            ``count_tokens`` counts).
        count_tokens: counts the tokens of a text as the model does.
        kinds, filter, min_relevance: as for :meth:`memkit.AsyncMemory.recall`.
        constraints: at most so many records of kind ``constraint`` are shown at every turn,
            whatever it is about; pinned ones and the surest first. 0: none.
        remember: whose words are remembered: ``"user"``, ``"assistant"``, both or, empty, none.
        kind: of what is remembered.
        tags: labels of what is remembered.
        place: ``message``: recalled text goes in front of the user's newest message, where it
            leaves a provider's cache of what comes before intact; ``system``: at the end of the
            system message.
        strict: raise the memory's errors instead of logging them.
        name: the middleware's name, where an agent has several of them.

    Raises:
        InvalidInput: an argument cannot be accepted.
    """

    def __init__(
        self,
        memory: MemoryLike = None,
        *,
        labels: Labels | None = None,
        limit: int = 5,
        max_tokens: int = 1500,
        count_tokens: Callable[[str], int] | None = None,
        kinds: Sequence[str] | None = None,
        filter: Filter | None = None,
        min_relevance: float = 0.0,
        constraints: int = 10,
        remember: Roles = ("user",),
        kind: str = "note",
        tags: Sequence[str] = (),
        place: Literal["message", "system"] = "message",
        strict: bool = False,
        name: str = "MemkitMiddleware",
    ) -> None:
        super().__init__()
        self.tools = []
        roles = frozenset((remember,) if isinstance(remember, str) else remember)
        if not roles <= {"user", "assistant"}:
            raise InvalidInput('remember names "user", "assistant", both or neither')
        if place not in ("message", "system"):
            raise InvalidInput('place is "message" or "system"')
        if not 1 <= limit <= 100 or not 0 <= constraints <= 100:
            raise InvalidInput("limit is 1 to 100, constraints 0 to 100")
        self._handles = Handles(memory)
        self._labels = labels
        self._limit = limit
        self._max_tokens = max_tokens
        self._count_tokens = count_tokens
        self._constraints = constraints
        self._recall = {
            "limit": limit + _SPARE,
            "kinds": kinds,
            "filter": filter,
            "min_relevance": min_relevance,
            # They are listed here, for turns without words too.
            "constraints": False,
        }
        self._roles = roles
        self._kind = kind
        self._tags = tuple(tags)
        self._place = place
        self._strict = strict
        self._name = name
        self._recollections = Recollections()

    @property
    def name(self) -> str:
        """The middleware's name in the agent's graph."""
        return self._name

    def close(self) -> None:
        """Close the memory if it was opened here."""
        self._handles.close()

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        """Call the model with what is remembered of the user's newest message."""
        return handler(self._with(request, self._recalled(request)))

    async def awrap_model_call(
        self,
        request: ModelRequest[Any],
        handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]],
    ) -> ModelResponse[Any]:
        """As ``wrap_model_call``, awaiting."""
        return await handler(self._with(request, await self._arecalled(request)))

    def after_agent(self, state: AgentState[Any], runtime: Runtime[Any]) -> None:
        """Remember the turn."""
        turn = turn_of(state["messages"])
        self._recollections.drop(thread_of(runtime), turn)
        drafts = self._drafts(turn, runtime)
        if drafts:
            try:
                self._scoped(runtime).sync.remember_many(drafts)
            except MemkitError as error:
                self._failed("remember", error)

    async def aafter_agent(self, state: AgentState[Any], runtime: Runtime[Any]) -> None:
        """As ``after_agent``, awaiting."""
        turn = turn_of(state["messages"])
        self._recollections.drop(thread_of(runtime), turn)
        drafts = self._drafts(turn, runtime)
        if drafts:
            try:
                await self._scoped(runtime).aio.remember_many(drafts)
            except MemkitError as error:
                self._failed("remember", error)

    def _recalled(self, request: ModelRequest[Any]) -> str:
        turn = turn_of(request.messages)
        try:
            memory = self._scoped(request.runtime).sync
            known = self._recollections.get(memory.scope, thread_of(request.runtime), turn)
            if known is not None:
                return known
            held = memory.list(**self._held()) if self._constraints else Page(())
            hits = memory.recall(**self._asked(turn)) if turn.text else RecallResult(())
        except MemkitError as error:
            self._failed("recall", error)
            return ""
        return self._kept(memory, request, turn, held, hits)

    async def _arecalled(self, request: ModelRequest[Any]) -> str:
        turn = turn_of(request.messages)
        try:
            memory = self._scoped(request.runtime).aio
            known = self._recollections.get(memory.scope, thread_of(request.runtime), turn)
            if known is not None:
                return known
            held, hits = await asyncio.gather(self._aheld(memory), self._ahits(memory, turn))
        except MemkitError as error:
            self._failed("recall", error)
            return ""
        return self._kept(memory, request, turn, held, hits)

    async def _aheld(self, memory: AsyncMemory) -> Page:
        return await memory.list(**self._held()) if self._constraints else Page(())

    async def _ahits(self, memory: AsyncMemory, turn: Turn) -> RecallResult:
        return await memory.recall(**self._asked(turn)) if turn.text else RecallResult(())

    def _held(self) -> dict[str, Any]:
        return {"kinds": ("constraint",), "order_by": "confidence", "limit": 100}

    def _asked(self, turn: Turn) -> dict[str, Any]:
        query = turn.text
        if len(query) > _QUERY_MAX:
            query = f"{query[: _QUERY_MAX // 2]} {query[-_QUERY_MAX // 2 :]}"
        return {"query": query, **self._recall}

    def _kept(
        self,
        memory: Memory | AsyncMemory,
        request: ModelRequest[Any],
        turn: Turn,
        held: Page,
        hits: RecallResult,
    ) -> str:
        """What is shown, as text; kept for the other steps of the turn."""
        pinned = sorted(held, key=lambda record: not record.pinned)[: self._constraints]
        named = {record.id for record in pinned}
        said = {text for message in request.messages if (text := str(message.text).strip())}
        fresh = [
            hit
            for hit in hits
            if hit.record.id not in named and hit.record.content.strip() not in said
        ]
        # What is most like a question is often the same question, asked before: it tells nothing.
        fresh.sort(key=lambda hit: hit.record.content.rstrip().endswith(_QUESTION_MARKS))
        shown: list[Hit | MemoryRecord] = [*pinned, *fresh[: self._limit]]
        text = ""
        if shown:
            text = self._rendered(shown)
        self._recollections.keep(memory.scope, thread_of(request.runtime), turn, text)
        return text

    def _rendered(self, shown: Sequence[Hit | MemoryRecord]) -> str:
        left = self._max_tokens - (self._count_tokens or estimated_tokens)(_FRAME)
        text = render(shown, max_tokens=left, count_tokens=self._count_tokens)
        return _FRAME.replace("...", text) if text else ""

    def _with(self, request: ModelRequest[Any], text: str) -> ModelRequest[Any]:
        if not text:
            return request
        messages: list[AnyMessage] = list(request.messages)
        at = turn_of(messages).newest
        if self._place == "system" or at is None:
            return request.override(system_message=shown_with(request.system_message, text))
        messages[at] = shown_with(messages[at], text)
        return request.override(messages=messages)

    def _drafts(self, turn: Turn, runtime: Runtime[Any]) -> list[Draft]:
        return drafts_of(
            turn, self._roles, kind=self._kind, tags=self._tags, thread=thread_of(runtime)
        )

    def _scoped(self, runtime: Runtime[Any]) -> Handles:
        """The handles for this runtime's labels."""
        labels = None if self._labels is None else self._labels(runtime)
        if not labels:
            return self._handles
        return Handles(self._handles.sync.at(**labels))

    def _failed(self, what: str, error: MemkitError) -> None:
        if self._strict:
            raise error
        _log.warning("the agent goes on without memory: could not %s: %s", what, error)
