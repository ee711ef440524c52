"""memkit in Pydantic AI: a capability that recalls before a request and remembers after a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from memkit import AsyncMemory
from memkit.errors import MissingDependency
from memkit.providers.requirements import install_hint
from memkit_agents.shared import (
    Failures,
    Handle,
    Labels,
    Recalling,
    Turn,
    Turns,
    awaitable,
    check_failures,
    tolerating,
)

try:
    from pydantic_ai import FunctionToolset, RunContext
    from pydantic_ai.capabilities import AbstractCapability
    from pydantic_ai.messages import ModelMessage, ModelRequest, UserPromptPart
    from pydantic_ai.tools import AgentDepsT, DeferredToolRequests
except ImportError as cause:
    raise MissingDependency(
        install_hint("pydantic-ai-slim", "MemkitMemory", "pydantic-ai")
    ) from cause

from pydantic_core import to_json

if TYPE_CHECKING:
    from pydantic_ai.models import ModelRequestContext
    from pydantic_ai.run import AgentRunResult
    from pydantic_ai.toolsets import AgentToolset

__all__ = ["Labels", "MemkitMemory", "Recalling"]

#: Labels of a run's narrower scope, from its context (``ctx.deps`` is the application's).
Narrowing: TypeAlias = Callable[[RunContext[Any]], Labels]

NOTHING = "Nothing is remembered about that."


@dataclass
class MemkitMemory(AbstractCapability[AgentDepsT]):
    """Long-term memory for an agent: ``Agent(…, capabilities=[MemkitMemory(memory)])``.

    What is remembered about the user's prompt goes before it in each request, as user content:
    it is delimited, within a token budget, and stands neither in the instructions nor in the
    run's message history. After a run the prompt and the answer are stored as turns of its
    conversation. The model gets the tools ``remember`` and ``recall``. May be shared by agents,
    threads and event loops.

    Args:
        memory: a handle; it stays open.
        recalling: how much is recalled, and how many tokens of it the model gets.
        narrowed: labels of a narrower scope (as ``Memory.at`` takes them) from the run's
            context, such as ``lambda ctx: {"agent": ctx.deps.user}``.
        recalls: whether to recall before requests.
        remembers: whether to store the turns of each run.
        tools: whether the model gets the two tools.
        failures: what recalling and storing do with memkit's errors: ``raise``, or ``log`` and go
            on. The tools always raise.

    Raises:
        InvalidInput: ``memory`` is no handle, or ``failures`` is neither.
    """

    memory: Handle
    _: KW_ONLY
    recalling: Recalling = field(default_factory=Recalling)
    narrowed: Narrowing | None = None
    recalls: bool = True
    remembers: bool = True
    tools: bool = True
    failures: Failures = "raise"
    _turns: Turns = field(default_factory=Turns, repr=False)
    # What was recalled in this run, by what was asked: each step has the same prefix.
    _recalled: dict[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        awaitable(self.memory)
        check_failures(self.failures)

    @classmethod
    def get_serialization_name(cls) -> str | None:
        """None: a handle cannot be written into a specification."""
        return None

    async def for_run(self, ctx: RunContext[AgentDepsT]) -> MemkitMemory[AgentDepsT]:
        """The same capability, which has recalled nothing yet."""
        return replace(self, _recalled={})

    async def before_model_request(
        self, ctx: RunContext[AgentDepsT], request_context: ModelRequestContext
    ) -> ModelRequestContext:
        """Put what is remembered about the latest prompt before it, in this request alone."""
        if not self.recalls:
            return request_context
        place = _latest_prompt(request_context.messages)
        if place is None:
            return request_context
        number, request, query = place
        if query not in self._recalled:
            with tolerating(self.failures, "recalling"):
                # Turns of the conversation that the request holds need no telling.
                told = ctx.conversation_id if number > 0 else None
                self._recalled[query] = await self.recalling.text(
                    self._place(ctx), query, without_conversation=told
                )
        text = self._recalled.get(query)
        if text:
            messages = list(request_context.messages)
            messages[number] = replace(request, parts=_before_prompt(request, text))
            request_context.messages = messages
        return request_context

    async def after_run(
        self, ctx: RunContext[AgentDepsT], *, result: AgentRunResult[Any]
    ) -> AgentRunResult[Any]:
        """Store what was asked and what was answered."""
        if self.remembers:
            turns = [*_asked(result.new_messages()), *_answered(result.output)]
            with tolerating(self.failures, "remembering"):
                await self._turns.append(
                    self._place(ctx), ctx.conversation_id or result.run_id, turns
                )
        return result

    def get_toolset(self) -> AgentToolset[AgentDepsT] | None:
        """The tools ``remember`` and ``recall``, unless they were not wanted."""
        if not self.tools:
            return None
        toolset = FunctionToolset[AgentDepsT]()

        @toolset.tool
        async def remember(
            ctx: RunContext[AgentDepsT], content: str, tags: list[str] | None = None
        ) -> str:
            """Keep something for later conversations: a fact, a decision, a preference.

            Args:
                ctx: The run.
                content: What to keep, as one statement that can be understood alone.
                tags: Short labels to find it by.
            """
            outcome = await self._place(ctx).remember(content, tags=tags or ())
            return f"{outcome.status.value}: {outcome.id}"

        @toolset.tool
        async def recall(ctx: RunContext[AgentDepsT], query: str) -> str:
            """Look up what was kept in earlier conversations.

            Args:
                ctx: The run.
                query: What is asked, in words.
            """
            return await self.recalling.text(self._place(ctx), query) or NOTHING

        return toolset

    def _place(self, ctx: RunContext[AgentDepsT]) -> AsyncMemory:
        return awaitable(self.memory, None if self.narrowed is None else self.narrowed(ctx))


def _latest_prompt(messages: Sequence[ModelMessage]) -> tuple[int, ModelRequest, str] | None:
    """Where the latest prompt of the user stands, and its text."""
    for number in range(len(messages) - 1, -1, -1):
        message = messages[number]
        if isinstance(message, ModelRequest):
            text = "\n".join(text for text, _ in _prompts(message))
            if text.strip():
                return number, message, text
    return None


def _before_prompt(request: ModelRequest, text: str) -> list[Any]:
    """A request's parts, with the memories just before the first prompt."""
    parts: list[Any] = list(request.parts)
    at = next(n for n, part in enumerate(parts) if isinstance(part, UserPromptPart))
    return [*parts[:at], UserPromptPart(text, timestamp=parts[at].timestamp), *parts[at:]]


def _prompts(request: ModelRequest) -> Iterable[tuple[str, datetime]]:
    """The text of each of the user's prompts, and when it was given."""
    for part in request.parts:
        if isinstance(part, UserPromptPart):
            content = part.content
            pieces = [content] if isinstance(content, str) else content
            yield "\n".join(piece for piece in pieces if isinstance(piece, str)), part.timestamp


def _asked(messages: Iterable[ModelMessage]) -> Iterable[Turn]:
    for message in messages:
        if isinstance(message, ModelRequest):
            for text, at in _prompts(message):
                yield Turn(text, "user", at)


def _answered(output: object) -> Iterable[Turn]:
    # A run that waits for tools has not answered yet.
    if output is not None and not isinstance(output, DeferredToolRequests):
        text = output if isinstance(output, str) else to_json(output, fallback=str).decode()
        yield Turn(text, "assistant")
