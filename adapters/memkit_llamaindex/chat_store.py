"""Chat stores: the messages of each session, complete and in order."""

from __future__ import annotations

from typing import Any

from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.bridge.pydantic import ConfigDict, PrivateAttr
from llama_index.core.storage.chat_store.base import BaseChatStore
from llama_index.core.storage.chat_store.base_db import AsyncDBChatStore, MessageStatus

from memkit.handles import Handles, MemoryLike, run
from memkit_llamaindex.holding import Holding
from memkit_llamaindex.turns import Turns


class MemkitChatStore(Holding, AsyncDBChatStore):
    """A chat store for LlamaIndex's ``Memory``: ``Memory.from_defaults(chat_store=...)``.

    A session's key is the conversation id of its messages, 1 to 1,000 characters. Messages are
    ordinary records, so that they can be recalled; each is durable when a call returns. Sessions
    belong to the scope of the memory: its namespace, project and task.

    Args:
        memory: a ``Memory``, an ``AsyncMemory``, a client, or the URL or path of a store.
        private: only the handle's own agent reads the messages.
        forget: deleting forgets instead of erasing: messages can be restored, and a server
            lets those do it who are no admins.

    Raises:
        StoreError: a method could not do what it was asked; nothing is lost silently.
    """

    _handles: Handles = PrivateAttr()
    _turns: Turns = PrivateAttr()

    def __init__(
        self, memory: MemoryLike | Handles = None, *, private: bool = False, forget: bool = False
    ) -> None:
        super().__init__()
        self._handles = Handles(memory)
        self._turns = Turns(self._handles.aio, private=private, forget=forget)

    @classmethod
    def class_name(cls) -> str:
        """The name of the class."""
        return "MemkitChatStore"

    async def get_messages(
        self,
        key: str,
        status: MessageStatus | None = MessageStatus.ACTIVE,
        limit: int | None = None,
        offset: int | None = None,
    ) -> list[ChatMessage]:
        """A session's messages, oldest first.

        Args:
            key: the session.
            status: only those with this status; ``None``: all.
            limit: at most so many.
            offset: pass over so many of the oldest.
        """
        start = offset or 0
        end = None if limit is None else start + limit
        records = await self._turns.records(key, status, least=end)
        return await self._turns.messages(records[start:end])

    async def count_messages(
        self, key: str, status: MessageStatus | None = MessageStatus.ACTIVE
    ) -> int:
        """How many messages a session has."""
        return await self._turns.count(key, status)

    async def add_message(
        self, key: str, message: ChatMessage, status: MessageStatus = MessageStatus.ACTIVE
    ) -> None:
        """Add a message to the end of a session."""
        await self._turns.append(key, [message], status)

    async def add_messages(
        self,
        key: str,
        messages: list[ChatMessage],
        status: MessageStatus = MessageStatus.ACTIVE,
    ) -> None:
        """Add messages to the end of a session, in order."""
        await self._turns.append(key, messages, status)

    async def set_messages(
        self,
        key: str,
        messages: list[ChatMessage],
        status: MessageStatus = MessageStatus.ACTIVE,
    ) -> None:
        """Make these the messages of a session, in the place of all that it has.

        Those at its beginning that are the same already stay as they are.
        """
        await self._turns.replace(key, messages, status)

    async def replace_active(self, key: str, messages: list[ChatMessage]) -> None:
        """As :meth:`set_messages`, but archived messages stay."""
        await self._turns.replace(key, messages, MessageStatus.ACTIVE, MessageStatus.ACTIVE)

    async def delete_message(self, key: str, idx: int) -> ChatMessage | None:
        """Delete the message at a position of the active ones, counted from 0, and return it.

        There is none before the first or after the last: then ``None`` is returned.
        """
        if idx < 0:
            return None
        records = await self._turns.records(key, MessageStatus.ACTIVE, least=idx + 1)
        return next(iter(await self._without(records[idx : idx + 1])), None)

    async def delete_messages(self, key: str, status: MessageStatus | None = None) -> None:
        """Delete a session's messages: all, or those with a status."""
        await self._turns.remove(await self._turns.records(key, status))

    async def delete_oldest_messages(self, key: str, n: int) -> list[ChatMessage]:
        """Delete the ``n`` oldest active messages and return them."""
        return await self._without(
            (await self._turns.records(key, MessageStatus.ACTIVE, least=n))[:n]
        )

    async def archive_oldest_messages(self, key: str, n: int) -> list[ChatMessage]:
        """Archive the ``n`` oldest active messages and return them."""
        records = (await self._turns.records(key, MessageStatus.ACTIVE, least=n))[:n]
        await self._turns.archive(records)
        return await self._turns.messages(records)

    async def get_keys(self) -> list[str]:
        """The keys of all sessions; reads every message of this place."""
        return await self._turns.keys()

    async def _without(self, records: list[Any]) -> list[ChatMessage]:
        messages = await self._turns.messages(records)
        await self._turns.remove(records)
        return messages


class MemkitSyncChatStore(Holding, BaseChatStore):
    """A chat store for what takes a ``BaseChatStore``, such as ``ChatMemoryBuffer``.

    It holds the sessions that :class:`MemkitChatStore` holds, whatever their messages' status,
    and its asynchronous methods use no threads. The arguments are those of that class.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    _handles: Handles = PrivateAttr()
    _turns: Turns = PrivateAttr()

    def __init__(
        self, memory: MemoryLike | Handles = None, *, private: bool = False, forget: bool = False
    ) -> None:
        super().__init__()
        self._handles = Handles(memory)
        self._turns = Turns(self._handles.aio, private=private, forget=forget)

    @classmethod
    def class_name(cls) -> str:
        """The name of the class."""
        return "MemkitSyncChatStore"

    def set_messages(self, key: str, messages: list[ChatMessage]) -> None:
        """Make these the messages of a session."""
        run(self.aset_messages(key, messages))

    def get_messages(self, key: str) -> list[ChatMessage]:
        """A session's messages, oldest first."""
        return run(self.aget_messages(key))

    def add_message(self, key: str, message: ChatMessage) -> None:
        """Add a message to the end of a session."""
        run(self.async_add_message(key, message))

    def delete_messages(self, key: str) -> list[ChatMessage] | None:
        """Delete a session's messages and return them; ``None``: there were none."""
        return run(self.adelete_messages(key))

    def delete_message(self, key: str, idx: int) -> ChatMessage | None:
        """Delete the message at a position, from 0, and return it, if there is one."""
        return run(self.adelete_message(key, idx))

    def delete_last_message(self, key: str) -> ChatMessage | None:
        """Delete the last message and return it, if there is one."""
        return run(self.adelete_last_message(key))

    def get_keys(self) -> list[str]:
        """The keys of all sessions."""
        return run(self.aget_keys())

    async def aset_messages(self, key: str, messages: list[ChatMessage]) -> None:
        """As :meth:`set_messages`."""
        await self._turns.replace(key, messages, MessageStatus.ACTIVE)

    async def aget_messages(self, key: str) -> list[ChatMessage]:
        """As :meth:`get_messages`."""
        return await self._turns.messages(await self._turns.records(key))

    async def async_add_message(self, key: str, message: ChatMessage) -> None:
        """As :meth:`add_message`."""
        await self._turns.append(key, [message], MessageStatus.ACTIVE)

    async def adelete_messages(self, key: str) -> list[ChatMessage] | None:
        """As :meth:`delete_messages`."""
        records = await self._turns.records(key)
        messages = await self._turns.messages(records)
        await self._turns.remove(records)
        return messages or None

    async def adelete_message(self, key: str, idx: int) -> ChatMessage | None:
        """As :meth:`delete_message`."""
        return await self._delete(key, idx) if idx >= 0 else None

    async def adelete_last_message(self, key: str) -> ChatMessage | None:
        """As :meth:`delete_last_message`."""
        return await self._delete(key, -1)

    async def aget_keys(self) -> list[str]:
        """As :meth:`get_keys`."""
        return await self._turns.keys()

    async def _delete(self, key: str, idx: int) -> ChatMessage | None:
        records = await self._turns.records(key)
        if not -len(records) <= idx < len(records):
            return None
        messages = await self._turns.messages([records[idx]])
        await self._turns.remove([records[idx]])
        return messages[0]
