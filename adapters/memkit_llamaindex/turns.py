"""The messages of chat sessions in a memory: appended, read, archived, removed."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.storage.chat_store.base_db import MessageStatus

from memkit import AsyncMemory, MemoryRecord
from memkit.errors import RecordNotFound
from memkit.filters import And, Eq, Filter
from memkit.types import State
from memkit_llamaindex.messages import CHAT_TAG, STATUS, drafts_of, message_of, parts_of

_PAGE = 1_000
_AT_ONCE = 500
_ATTEMPTS = 8


class Turns:
    """The chat sessions of one place: each a list of messages under its key.

    Args:
        memory: whose scope they have; messages of other places are never seen.
        private: only this handle's agent reads them.
        forget: remove softly: what is removed can be restored.
    """

    def __init__(self, memory: AsyncMemory, *, private: bool = False, forget: bool = False) -> None:
        self._memory = memory
        self._private = private
        self._forget = forget
        self._lock = threading.Lock()
        self._next: dict[str, int] = {}

    async def append(
        self, key: str, messages: Sequence[ChatMessage], status: MessageStatus
    ) -> None:
        """Add messages to the end of a session; they are durable when this returns."""
        if not messages:
            return
        first = await self._take(key, len(messages))
        settings = self._memory.settings
        await self._memory.put_many(
            draft
            for at, message in enumerate(messages, first)
            for draft in drafts_of(message, key, at, status, settings, private=self._private)
        )

    async def records(
        self, key: str, status: MessageStatus | None = None, *, least: int | None = None
    ) -> list[MemoryRecord]:
        """A session's records, oldest first: all of them, or at least the first ``least``."""
        found: list[MemoryRecord] = []
        cursor: str | None = None
        while least is None or len(found) < least:
            page = await self._memory.list(
                reach="exact",
                tags=CHAT_TAG,
                filter=_selected(key, status),
                order_by="sequence",
                descending=False,
                cursor=cursor,
                limit=_PAGE if least is None else max(1, min(_PAGE, least - len(found))),
            )
            found += page.records
            cursor = page.cursor
            if cursor is None:
                break
        return found

    async def messages(self, records: Sequence[MemoryRecord]) -> list[ChatMessage]:
        """The messages that records stand for."""
        keys = {
            self._memory.id_of(key, private=self._private): key
            for record in records
            for key in parts_of(record)
        }
        parts: dict[str, MemoryRecord] = {}
        ids = list(keys)
        for start in range(0, len(ids), _AT_ONCE):
            found = await self._memory.get_many(ids[start : start + _AT_ONCE])
            parts |= {keys[id_]: record for id_, record in found.items()}
        return [message_of(record, parts) for record in records]

    async def count(self, key: str, status: MessageStatus | None) -> int:
        """How many messages a session has."""
        return await self._memory.count(reach="exact", tags=CHAT_TAG, filter=_selected(key, status))

    async def replace(
        self,
        key: str,
        messages: Sequence[ChatMessage],
        status: MessageStatus,
        replaced: MessageStatus | None = None,
    ) -> None:
        """Make these a session's messages; those at the beginning that are the same stay.

        Args:
            key: the session.
            messages: what it shall hold.
            status: theirs.
            replaced: only messages with this status make room; by default all do.
        """
        held = await self.records(key, replaced)
        same = 0
        for record, old, new in zip(held, await self.messages(held), messages, strict=False):
            if record.metadata.get(STATUS) != status.value:
                break
            if old.model_dump(mode="json") != new.model_dump(mode="json"):
                break
            same += 1
        # New before old: whoever is interrupted in between has both rather than neither.
        await self.append(key, messages[same:], status)
        await self.remove(held[same:])

    async def archive(self, records: Sequence[MemoryRecord]) -> None:
        """Mark messages as archived, oldest first."""
        for record in records:
            metadata = {**record.metadata, STATUS: MessageStatus.ARCHIVED.value}
            try:
                await self._memory.update(record.id, metadata=metadata)
            except RecordNotFound:
                continue  # removed by somebody else meanwhile

    async def remove(self, records: Sequence[MemoryRecord]) -> None:
        """Erase messages, or forget them, with all that they carry."""
        ids = [record.id for record in records]
        ids += [
            self._memory.id_of(key, private=self._private)
            for record in records
            for key in parts_of(record)
        ]
        await remove(self._memory, ids, forget=self._forget)

    async def keys(self) -> list[str]:
        """The keys of all sessions, in the order in which they began."""
        keys: dict[str, None] = {}
        cursor: str | None = None
        while True:
            page = await self._memory.list(
                reach="exact", tags=CHAT_TAG, descending=False, cursor=cursor, limit=_PAGE
            )
            for record in page:
                if record.conversation_id is not None:
                    keys[record.conversation_id] = None
            cursor = page.cursor
            if cursor is None:
                return list(keys)

    async def _take(self, key: str, count: int) -> int:
        """So many numbers that follow on the session's last, for nobody else in this process."""
        page = await self._memory.list(
            reach="exact",
            filter=Eq("conversation_id", key),
            states=tuple(State),
            order_by="sequence",
            limit=1,
        )
        last = page.records[0].sequence if page.records else None
        with self._lock:
            first = max(0 if last is None else last + 1, self._next.pop(key, 0))
            if len(self._next) >= _PAGE:
                self._next.pop(next(iter(self._next)))
            self._next[key] = first + count
        return first


async def remove(memory: AsyncMemory, ids: Sequence[str], *, forget: bool) -> None:
    """Erase records, or forget them; those that are gone already are passed over."""
    for start in range(0, len(ids), _AT_ONCE):
        left = list(ids[start : start + _AT_ONCE])
        if forget:
            for id_ in left:
                try:
                    await memory.forget(id_)
                except RecordNotFound:
                    continue
            continue
        for attempt in range(_ATTEMPTS):
            left = list(await memory.get_many(left))
            if not left:
                break
            try:
                await memory.erase(left)
            except RecordNotFound:
                # Somebody else erases some of them at the same time.
                if attempt == _ATTEMPTS - 1:
                    raise
            else:
                break


def _selected(key: str, status: MessageStatus | None) -> Filter:
    session = Eq("conversation_id", key)
    if status is None:
        return session
    return And((session, Eq(f"metadata.{STATUS}", MessageStatus(status).value)))
