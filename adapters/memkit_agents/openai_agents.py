"""memkit in the OpenAI Agents SDK: a session, tools, and instructions that recall."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, TypeAlias

from memkit.errors import MissingDependency
from memkit.providers.requirements import install_hint
from memkit_agents.items import spoken
from memkit_agents.shared import (
    Failures,
    Handle,
    Labels,
    Recalling,
    awaitable,
    check_failures,
    tolerating,
)

try:
    from agents import Agent, FunctionTool, RunContextWrapper, function_tool
except ImportError as cause:
    raise MissingDependency(
        install_hint("openai-agents", "memkit_agents.openai_agents", "openai-agents")
    ) from cause

from memkit_agents.openai_session import MemkitSession

if TYPE_CHECKING:
    from agents import TResponseInputItem

__all__ = ["Labels", "MemkitSession", "Recalling", "memory_tools", "with_memories"]

#: Labels of a run's narrower scope from the context that the application gave ``Runner.run``.
Narrowing: TypeAlias = Callable[[Any], Labels]
#: An agent's own instructions: text, or a function of the run's context and the agent.
Instructions: TypeAlias = (
    str | Callable[[RunContextWrapper[Any], Agent[Any]], Awaitable[str] | str] | None
)

NOTHING = "Nothing is remembered about that."


def memory_tools(
    memory: Handle,
    *,
    recalling: Recalling | None = None,
    narrowed: Narrowing | None = None,
) -> list[FunctionTool]:
    """The tools ``remember`` and ``recall``, for an agent's ``tools=``.

    The scope is the handle's: the model chooses none of it.

    Args:
        memory: a handle; it stays open.
        recalling: how much is recalled, and how many tokens of it the model gets.
        narrowed: labels of a narrower scope (as ``Memory.at`` takes them) from the run's
            context, such as ``lambda user: {"agent": user.id}``.

    Raises:
        InvalidInput: ``memory`` is no handle.
    """
    awaitable(memory)
    chosen = recalling or Recalling()

    def labels(context: RunContextWrapper[Any]) -> Labels | None:
        return None if narrowed is None else narrowed(context.context)

    @function_tool
    async def remember(
        context: RunContextWrapper[Any], content: str, tags: list[str] | None = None
    ) -> str:
        """Keep something for later conversations: a fact, a decision, a preference.

        Args:
            content: What to keep, as one statement that can be understood alone.
            tags: Short labels to find it by.
        """
        place = awaitable(memory, labels(context))
        outcome = await place.remember(content, tags=tags or ())
        return f"{outcome.status.value}: {outcome.id}"

    @function_tool
    async def recall(context: RunContextWrapper[Any], query: str) -> str:
        """Look up what was kept in earlier conversations.

        Args:
            query: What is asked, in words.
        """
        place = awaitable(memory, labels(context))
        return await chosen.text(place, query) or NOTHING

    return [remember, recall]


def with_memories(
    memory: Handle,
    instructions: Instructions = None,
    *,
    recalling: Recalling | None = None,
    narrowed: Narrowing | None = None,
    session_id: str | Callable[[Any], str] | None = None,
    failures: Failures = "raise",
) -> Callable[[RunContextWrapper[Any], Agent[Any]], Awaitable[str]]:
    """Instructions for an agent that end with what is remembered about the user's last message.

    Args:
        memory: a handle; it stays open.
        instructions: the agent's own, which come first.
        recalling: how much is recalled, and how many tokens of it the model gets.
        narrowed: as for :func:`memory_tools`.
        session_id: the run's session, whose turns the model sees anyway: its id, or a function
            of the run's context that gives it.
        failures: ``raise`` memkit's errors, or ``log`` them and go on without memories.

    Returns:
        what ``Agent(instructions=…)`` takes; it recalls before each request to the model.

    Raises:
        InvalidInput: ``memory`` is no handle.
    """
    awaitable(memory)
    chosen = recalling or Recalling()
    check_failures(failures)

    async def dynamic(context: RunContextWrapper[Any], agent: Agent[Any]) -> str:
        own = instructions(context, agent) if callable(instructions) else instructions
        said = await own if isawaitable(own) else own
        text = ""
        with tolerating(failures, "recalling"):
            place = awaitable(memory, None if narrowed is None else narrowed(context.context))
            told = session_id(context.context) if callable(session_id) else session_id
            text = await chosen.text(
                place, _last_words(context.turn_input), without_conversation=told
            )
        return "\n\n".join(part for part in (said, text) if part)

    return dynamic


def _last_words(items: list[TResponseInputItem]) -> str:
    """What the user said last."""
    for item in reversed(items):
        if isinstance(item, Mapping) and item.get("role") == "user":
            return spoken(item)
    return ""
