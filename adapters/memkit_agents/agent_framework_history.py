"""The Microsoft Agent Framework's conversation history, kept in a memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from memkit import MemoryRecord
from memkit.errors import MissingDependency
from memkit.filters import And, Eq, Exists
from memkit.providers.requirements import install_hint
from memkit_agents.items import ITEM, items_of, starts_item, turns_of
from memkit_agents.shared import Bound, Source, Turns

try:
    from agent_framework import HistoryProvider, Message
except ImportError as cause:
    raise MissingDependency(
        install_hint("agent-framework-core", "MemkitHistoryProvider", "agent-framework")
    ) from cause

_PAGE = 500
#: The conversation of whoever has no session, as for the framework's own providers.
NO_SESSION = "default"


class MemkitHistoryProvider(HistoryProvider):
    """A session's messages, which outlive the process: in place of the framework's own history.

    Messages come back as they were, tool calls and results too. What user and assistant said is
    also an ordinary memory of the scope (kind ``episode``) for other sessions to recall, so a
    :class:`~memkit_agents.agent_framework.MemkitContextProvider` beside it takes
    ``remembers=False``; all else has the kind ``trace``. Safe to share among agents, sessions,
    threads and event loops.

    Args:
        memory: a handle on where the sessions are to live, or a URL that is opened at the first
            use. Session ids are told apart in this place alone.
        source_id: the provider's name in the framework.
        latest: load at most so many messages, the latest; by default all.
        load_messages, store_inputs, store_context_messages, store_context_from, store_outputs:
            the framework's own.
        **opening: for a URL, what ``Memory.open`` takes.

    Raises:
        InvalidInput: ``memory`` is neither a handle nor a URL.
    """

    def __init__(
        self,
        memory: Source = None,
        *,
        source_id: str = "memkit_history",
        latest: int | None = None,
        load_messages: bool = True,
        store_inputs: bool = True,
        store_context_messages: bool = False,
        store_context_from: set[str] | None = None,
        store_outputs: bool = True,
        **opening: Any,
    ) -> None:
        super().__init__(
            source_id,
            load_messages=load_messages,
            store_inputs=store_inputs,
            store_context_messages=store_context_messages,
            store_context_from=store_context_from,
            store_outputs=store_outputs,
        )
        self._bound = Bound(memory, **opening)
        self._latest = latest
        self._turns = Turns()

    async def get_messages(
        self, session_id: str | None, *, state: dict[str, Any] | None = None, **kwargs: Any
    ) -> list[Message]:
        """The session's messages, oldest first; the latest ones, if there is a limit."""
        return await self._stored(session_id or NO_SESSION, self._latest)

    async def save_messages(
        self,
        session_id: str | None,
        messages: Sequence[Message],
        *,
        state: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Append messages, all of them or none; what is there of a whole transcript stays.

        Raises:
            TypeError: a message holds what is no JSON; nothing was added.
        """
        talk = session_id or NO_SESSION
        new = list(messages)
        if any(message.role == "user" for message in new[1:]):
            new = new[_known(await self._stored(talk, len(new)), new) :]
        turns = [turn for message in new for turn in turns_of(_item(message))]
        if turns:
            await self._turns.append(await self._bound.get(), talk, turns)

    async def close(self) -> None:
        """Close the memory, if the provider opened it itself."""
        await self._bound.close()

    async def _stored(self, session_id: str, latest: int | None) -> list[Message]:
        if latest is not None and latest <= 0:
            return []
        memory = await self._bound.get()
        records: list[MemoryRecord] = []
        started = 0
        cursor: str | None = None
        while latest is None or started < latest:
            page = await memory.list(
                reach="exact",
                filter=And((Eq("conversation_id", session_id), Exists(f"metadata.{ITEM}"))),
                order_by="sequence",
                cursor=cursor,
                limit=_PAGE if latest is None else min(_PAGE, latest - started),
            )
            records += page.records
            started += sum(starts_item(record) for record in page)
            cursor = page.cursor
            if cursor is None:
                break
        # Two processes may give one number twice: then it is the time that orders.
        ordered = sorted(records, key=lambda record: (record.sequence or 0, record.id))
        return [_message(item) for item, _ in items_of(ordered)]


def _item(message: Message) -> dict[str, Any]:
    """A message as JSON: speaker and text, and all of it where they do not tell all."""
    plain = {"role": message.role, "content": message.text}
    whole = message.to_dict()
    same = _message(plain).to_dict() == whole
    return plain if same else {**plain, "message": whole}


def _message(item: Mapping[str, Any]) -> Message:
    if "message" in item:
        return Message.from_dict(dict(item["message"]))
    return Message(item["role"], [item["content"]])


def _known(stored: Sequence[Message], given: Sequence[Message]) -> int:
    """How many messages the store has already of a transcript that goes on where it ends.

    It goes on with one message at least: whoever says the same again and gets the same answer
    repeats nothing of it.
    """
    before, after = list(map(_told, stored)), list(map(_told, given))
    for size in range(min(len(before), len(after) - 1), 0, -1):
        if before[-size:] == after[:size]:
            return size
    return 0


def _told(message: Message) -> tuple[str, str | list[Any]]:
    """What makes a message the same as another, whatever has been noted on it meanwhile."""
    return message.role, message.text or [content.to_dict() for content in message.contents]
