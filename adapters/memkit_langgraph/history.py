"""MemkitChatMessageHistory: a session's messages as the turns of a conversation."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage, messages_from_dict

from memkit.clock import new_id
from memkit.drafts import Draft
from memkit.errors import InvalidInput, RecordNotFound
from memkit.filters import And, ContainsAll, Eq, Filter
from memkit.handles import Handles, MemoryLike
from memkit.types import MemoryRecord, Page

#: The tag of every record that a history keeps.
TAG = "langchain:history"
_MESSAGE = "langchain_message"
_BATCH = "langchain_batch"
_TURN = "langchain_turn"
_PAGE = 500
_ATTEMPTS = 5


class MemkitChatMessageHistory(BaseChatMessageHistory):
    """The messages of a session, oldest first; each one is a memory too.

    A session is a conversation of the memory's scope: :meth:`memkit.AsyncMemory.recall` finds
    its messages as it finds other memories. Every type of message comes back as it was added,
    with tool calls and content blocks.

    Args:
        session_id: names the session inside the memory's scope.
        memory: a handle or a client, bound to the scope, or the URL or path of a store.

    Raises:
        InvalidInput: the session has no name.
    """

    def __init__(self, session_id: str, memory: MemoryLike = None) -> None:
        if not isinstance(session_id, str) or not session_id.strip():
            raise InvalidInput("session_id must be text that is not blank")
        super().__init__()
        self.session_id = session_id
        self._handles = Handles(memory)

    @property
    def messages(self) -> list[BaseMessage]:  # type: ignore[override]
        """The session's messages, oldest first."""
        return _messages(self._records())

    async def aget_messages(self) -> list[BaseMessage]:
        """The session's messages, oldest first."""
        return _messages(await self._arecords())

    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Add messages at the end; together or not at all, up to 500 of them.

        Raises:
            InvalidInput: a message is no JSON, or larger than the settings
                ``max_content_chars`` and ``max_metadata_bytes`` allow.
        """
        if messages:
            last = self._handles.sync.list(**self._last())
            self._handles.sync.remember_many(self._drafts(messages, last), deduplicate="off")

    async def aadd_messages(self, messages: Sequence[BaseMessage]) -> None:
        """As ``add_messages``."""
        if messages:
            last = await self._handles.aio.list(**self._last())
            await self._handles.aio.remember_many(self._drafts(messages, last), deduplicate="off")

    def clear(self) -> None:
        """Erase the session's messages, for good."""
        for _ in range(_ATTEMPTS):
            ids = [record.id for record in self._records()]
            if not ids:
                return
            try:
                self._handles.sync.erase(ids)
            except RecordNotFound:
                # Somebody else erased one meanwhile, and so nothing was erased here.
                continue

    async def aclear(self) -> None:
        """Erase the session's messages, for good."""
        for _ in range(_ATTEMPTS):
            ids = [record.id for record in await self._arecords()]
            if not ids:
                return
            try:
                await self._handles.aio.erase(ids)
            except RecordNotFound:
                continue

    def close(self) -> None:
        """Close the memory if it was opened here."""
        self._handles.close()

    def _filter(self) -> Filter:
        return And((Eq("conversation_id", self.session_id), ContainsAll("tags", (TAG,))))

    def _page(self, cursor: str | None) -> dict[str, Any]:
        return {
            "reach": "exact",
            "filter": self._filter(),
            "order_by": "sequence",
            "descending": False,
            "cursor": cursor,
            "limit": _PAGE,
        }

    def _last(self) -> dict[str, Any]:
        return {**self._page(None), "descending": True, "limit": 1}

    def _records(self) -> list[MemoryRecord]:
        page = self._handles.sync.list(**self._page(None))
        found = list(page)
        while page.cursor is not None:
            page = self._handles.sync.list(**self._page(page.cursor))
            found += page
        return found

    async def _arecords(self) -> list[MemoryRecord]:
        page = await self._handles.aio.list(**self._page(None))
        found = list(page)
        while page.cursor is not None:
            page = await self._handles.aio.list(**self._page(page.cursor))
            found += page
        return found

    def _drafts(self, messages: Sequence[BaseMessage], last: Page) -> list[Draft]:
        held = [record.sequence for record in last if record.sequence is not None]
        first = held[0] + 1 if held else 0
        # Writers who add at once may count alike: the batch, whose ids only grow, keeps
        # together and in order what was added together.
        batch = new_id()
        return [
            Draft(
                text_of(message),
                kind="message",
                tags=(TAG,),
                metadata={_MESSAGE: _written(message), _BATCH: batch, _TURN: turn},
                conversation_id=self.session_id,
                sequence=first + turn,
                speaker=message.name or message.type,
            )
            for turn, message in enumerate(messages)
        ]


def text_of(message: BaseMessage) -> str:
    """A message's words; for one without any, what it asks for or holds."""
    text = str(message.text)
    if text.strip():
        return text
    if isinstance(message, AIMessage) and message.tool_calls:
        calls = (
            f"{call['name']}({json.dumps(call['args'], ensure_ascii=False, default=str)})"
            for call in message.tool_calls
        )
        return "; ".join(calls)
    if isinstance(message, ToolMessage):
        return f"({message.name or 'tool'}: {message.status})"
    held = message.content if isinstance(message.content, list) else []
    types = [str(block.get("type")) for block in held if isinstance(block, dict)]
    return f"({', '.join(types)})" if types else "(empty)"


def _written(message: BaseMessage) -> str:
    try:
        data = message.model_dump(mode="json")
        return json.dumps({"type": message.type, "data": data}, ensure_ascii=False)
    except ValueError as cause:  # pydantic's error of serialisation is one
        raise InvalidInput(f"a message of type {message.type} cannot be written as JSON") from cause


def _messages(records: Iterable[MemoryRecord]) -> list[BaseMessage]:
    def place(record: MemoryRecord) -> tuple[str, int, str]:
        return str(record.metadata.get(_BATCH)), int(record.metadata.get(_TURN, 0)), record.id

    told = [
        json.loads(record.metadata[_MESSAGE])
        for record in sorted(records, key=place)
        if _MESSAGE in record.metadata
    ]
    return messages_from_dict(told)
