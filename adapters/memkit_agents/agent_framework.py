"""memkit in the Microsoft Agent Framework: long-term memory and conversation history."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from memkit import AsyncMemory, RecallResult
from memkit.errors import MissingDependency
from memkit.filters import Eq
from memkit.providers.requirements import install_hint
from memkit_agents.shared import (
    TURN_CHARS,
    Bound,
    Failures,
    Labels,
    Recalling,
    Source,
    Turn,
    Turns,
    check_failures,
    storable,
    tolerating,
)

try:
    from agent_framework import AgentSession, ContextProvider, Message, SessionContext
except ImportError as cause:
    raise MissingDependency(
        install_hint("agent-framework-core", "memkit_agents.agent_framework", "agent-framework")
    ) from cause

from memkit_agents.agent_framework_history import MemkitHistoryProvider

if TYPE_CHECKING:
    from agent_framework import SupportsAgentRun

__all__ = ["Labels", "MemkitContextProvider", "MemkitHistoryProvider", "Narrowing", "Recalling"]

#: Labels of a session's narrower scope, as ``Memory.at`` takes them.
Narrowing: TypeAlias = Callable[[AgentSession], Labels]

_SPOKEN = ("user", "assistant")
_REPLAY_MAX = 1_000


class MemkitContextProvider(ContextProvider):
    """Long-term memory for an agent: ``Agent(…, context_providers=[MemkitContextProvider(m)])``.

    Before a run it adds what is remembered about the input as one user message, delimited and
    within a token budget; after it, it stores what the user said and what the agent answered as
    turns of the session. Safe to share among agents, sessions, threads and event loops.

    Args:
        memory: a handle on the scope that the agent is to have, or a URL that is opened at the
            first use.
        source_id: the provider's name in the framework; two in one agent need two names.
        recalling: how much is recalled, and how many tokens of it the model gets.
        remembers: whether runs are stored; else it only recalls.
        own_session: recall turns of the session itself too: for agents that do not see them
            anyway, since their history is cut or summed up.
        narrowed: labels of a narrower scope for a session, from its id or its ``state``.
        failures: ``raise`` memkit's errors, or ``log`` them and go on without memory.
        **opening: for a URL, what ``Memory.open`` takes.

    Raises:
        InvalidInput: ``memory`` is neither a handle nor a URL.
    """

    def __init__(
        self,
        memory: Source = None,
        *,
        source_id: str = "memkit",
        recalling: Recalling | None = None,
        remembers: bool = True,
        own_session: bool = False,
        narrowed: Narrowing | None = None,
        failures: Failures = "raise",
        **opening: Any,
    ) -> None:
        super().__init__(source_id)
        self._bound = Bound(memory, **opening)
        self._recalling = recalling or Recalling()
        self._remembers = remembers
        self._own_session = own_session
        self._narrowed = narrowed
        self._failures = check_failures(failures)
        self._turns = Turns()

    async def before_run(
        self,
        *,
        agent: SupportsAgentRun,
        session: AgentSession,
        context: SessionContext,
        state: dict[str, Any],
    ) -> None:
        """Add what is remembered about what the user says to the context."""
        query = _question(context.input_messages)
        hits, text = RecallResult(()), ""
        with tolerating(self._failures, "recalling"):
            memory = await self._memory(session)
            own = None if self._own_session else session.session_id
            hits = await self._recalling.hits(memory, query, without_conversation=own)
            text = self._recalling.rendered(hits)
        if text:
            talks = [hit.record.conversation_id for hit in hits]
            context.extend_messages(
                self,
                [Message("user", [text])],
                origin_session_ids=[talk for talk in talks if talk is not None],
            )

    async def after_run(
        self,
        *,
        agent: SupportsAgentRun,
        session: AgentSession,
        context: SessionContext,
        state: dict[str, Any],
    ) -> None:
        """Store what was said in the run."""
        if not self._remembers:
            return
        asked = _turns(context.input_messages)
        # The framework gives an agent without a name a name of its own.
        answered = _turns(context.response.messages if context.response else (), named=agent.name)
        with tolerating(self._failures, "remembering"):
            memory = await self._memory(session)
            asked = await _new(memory, session.session_id, asked)
            await self._turns.append(memory, session.session_id, [*asked, *answered])

    async def close(self) -> None:
        """Close the memory, if the provider opened it itself."""
        await self._bound.close()

    async def _memory(self, session: AgentSession) -> AsyncMemory:
        return await self._bound.get(None if self._narrowed is None else self._narrowed(session))


def _text(message: Message) -> str:
    return storable(message.text).strip() if message.role in _SPOKEN else ""


def _question(messages: Sequence[Message]) -> str:
    """What the user says after the last answer: an input may be a whole transcript."""
    said: list[str] = []
    for message in reversed(messages):
        if message.role == "assistant" and said:
            break
        if message.role == "user":
            said.append(_text(message))
    return "\n".join(reversed(said))


def _turns(messages: Sequence[Message], named: object = True) -> list[Turn]:
    return [
        Turn(text[:TURN_CHARS], speaker=(message.author_name if named else None) or message.role)
        for message in messages
        if (text := _text(message))
    ]


async def _new(memory: AsyncMemory, session_id: str, asked: list[Turn]) -> list[Turn]:
    """The turns that an input adds to a session: some callers hand in the whole talk each time.

    One message alone is never taken for a repetition: people do say the same twice.
    """
    if len(asked) < 2:
        return asked
    page = await memory.list(
        reach="exact",
        filter=Eq("conversation_id", session_id),
        order_by="sequence",
        limit=min(len(asked), _REPLAY_MAX),
    )
    stored = [record.content for record in page][::-1]
    texts = [turn.text for turn in asked]
    for size in range(min(len(stored), len(texts)), 0, -1):
        if stored[-size:] == texts[:size]:
            return asked[size:]
    return asked
