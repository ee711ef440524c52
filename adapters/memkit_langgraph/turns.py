"""A turn of a conversation with an agent: what was asked, what was answered, what was recalled."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, TypeVar

from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, HumanMessage, SystemMessage
from langgraph.config import get_config
from langgraph.runtime import Runtime

from memkit.drafts import Draft
from memkit.scope import Scope

MessageT = TypeVar("MessageT", bound=BaseMessage)

_KEPT = 256
# A turn that was interrupted and goes on later is recalled for anew.
_FRESH_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Turn:
    """The newest turn of a conversation.

    Attributes:
        asked: the user's messages that began it.
        answer: the agent's last words, if there are any yet.
        newest: the index of the last of ``asked`` among the messages.
    """

    asked: tuple[HumanMessage, ...]
    answer: AIMessage | None = None
    newest: int | None = None

    @property
    def text(self) -> str:
        """What was asked, in words."""
        return "\n".join(text for each in self.asked if (text := str(each.text).strip()))


def turn_of(messages: Sequence[AnyMessage]) -> Turn:
    """The newest turn: the last messages of the user that stand together, and the answer."""
    newest = next(
        (at for at in range(len(messages) - 1, -1, -1) if _is_users(messages[at])),
        None,
    )
    if newest is None:
        return Turn(())
    first = newest
    while first > 0 and _is_users(messages[first - 1]):
        first -= 1
    asked = tuple(each for each in messages[first : newest + 1] if isinstance(each, HumanMessage))
    answers = [
        each
        for each in messages[newest + 1 :]
        if isinstance(each, AIMessage) and not each.tool_calls and str(each.text).strip()
    ]
    return Turn(asked, answers[-1] if answers else None, newest)


def _is_users(message: BaseMessage) -> bool:
    # A summary of older turns is written as if the user had said it.
    return isinstance(message, HumanMessage) and "lc_source" not in message.additional_kwargs


def drafts_of(
    turn: Turn,
    roles: Collection[str],
    *,
    kind: str,
    tags: Sequence[str],
    thread: str | None,
) -> list[Draft]:
    """What is to be remembered of a turn, each with a key that the same turn has again."""
    said: list[tuple[str, BaseMessage]] = []
    if "user" in roles:
        said += [("user", each) for each in turn.asked]
    if "assistant" in roles and turn.answer is not None:
        said.append(("assistant", turn.answer))
    return [
        Draft(
            text,
            kind=kind,
            tags=tags,
            conversation_id=thread,
            speaker=message.name or role,
            idempotency_key=_key(thread, message, kind, text),
        )
        for role, message in said
        if (text := str(message.text)).strip()
    ]


def _key(thread: str | None, message: BaseMessage, kind: str, text: str) -> str | None:
    if message.id is None:
        return None
    # The text too: a message that was edited keeps its id.
    parts = "\x1f".join((thread or "", message.id, kind, text))
    return "turn:" + blake2b(parts.encode("utf-8", "replace"), digest_size=16).hexdigest()


def shown_with(message: MessageT | None, text: str) -> Any:
    """A copy of a message with ``text`` in it: before a user's words, after a system's."""
    if message is None:
        return SystemMessage(text)
    first = not isinstance(message, SystemMessage)
    content: str | list[Any]
    if isinstance(message.content, str):
        parts = (text, message.content) if first else (message.content, text)
        content = "\n\n".join(part for part in parts if part)
    else:
        block = {"type": "text", "text": text}
        content = [block, *message.content] if first else [*message.content, block]
    return message.model_copy(update={"content": content})


def thread_of(runtime: Runtime[Any]) -> str | None:
    """The thread that the agent runs in, if any."""
    known = getattr(runtime.execution_info, "thread_id", None)
    if known is None:
        known = get_config().get("configurable", {}).get("thread_id")
    return None if known is None else str(known)


class Recollections:
    """What was recalled for the turns that are under way, so that each step sees the same."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[object, ...], tuple[float, str, Scope]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, scope: Scope, thread: str | None, turn: Turn) -> str | None:
        """The text that was kept for a turn in a scope; ``None``: it is not known."""
        with self._lock:
            kept = self._kept.get(_turn_key(thread, turn))
        if kept is None or kept[2] != scope or time.monotonic() - kept[0] > _FRESH_SECONDS:
            return None
        return kept[1]

    def keep(self, scope: Scope, thread: str | None, turn: Turn, text: str) -> None:
        """Keep the text of a turn, and let the oldest go."""
        key = _turn_key(thread, turn)
        if not turn.asked or None in key:
            return
        with self._lock:
            self._kept[key] = (time.monotonic(), text, scope)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)

    def drop(self, thread: str | None, turn: Turn) -> None:
        """Let a turn go that is over."""
        with self._lock:
            self._kept.pop(_turn_key(thread, turn), None)


def _turn_key(thread: str | None, turn: Turn) -> tuple[object, ...]:
    """What tells a turn from every other one; an id that is ``None`` tells nothing."""
    return (thread or "", turn.text, *(message.id for message in turn.asked))
