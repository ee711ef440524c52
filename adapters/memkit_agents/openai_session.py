"""MemkitSession: the OpenAI Agents SDK's conversation history, kept in a memory."""

from __future__ import annotations

from collections.abc import Awaitable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from memkit import AsyncMemory, MemoryRecord
from memkit.errors import InvalidInput, MissingDependency, RecordNotFound, VersionConflict
from memkit.filters import And, Eq, Exists, Filter, Not, Or
from memkit.providers.requirements import install_hint
from memkit.types import State
from memkit_agents.items import ITEM, items_of, starts_item, turns_of
from memkit_agents.shared import Bound, Source, Turns

try:
    from agents.memory import SessionSettings
except ImportError as cause:
    raise MissingDependency(
        install_hint("openai-agents", "MemkitSession", "openai-agents")
    ) from cause

if TYPE_CHECKING:
    from agents import TResponseInputItem

# The metadata key of an item that somebody has taken out.
_POPPED = "openai_popped"
_THERE = And((Exists(f"metadata.{ITEM}"), Not(Exists(f"metadata.{_POPPED}"))))
_PAGE = 500


class MemkitSession:
    """A conversation's items, one record each: ``Runner.run(agent, "…", session=session)``.

    Items come back exactly as they were added, in the order of their adding, whatever they are.
    What user and assistant say is also an ordinary memory of the scope (kind ``episode``), for
    other conversations to recall; tool calls, results and reasoning have the kind ``trace``.
    The conversation belongs to the handle's place (namespace, project, task) and is shared by
    its agents. It may be used by many threads, tasks and event loops at once.

    Args:
        session_id: the conversation, 1 to 1,000 characters.
        memory: a handle, narrowed to where the conversation is to live, or a URL.
        session_settings: the SDK's; its ``limit`` holds where ``get_items`` is given none.
        forgets: ``pop_item`` and ``clear_session`` keep what they take out as forgotten records
            instead of erasing it; what was cleared ``restore`` brings back into the session. On a
            server only an admin of the namespace may erase.
        **opening: for a URL, what ``Memory.open`` takes.

    Raises:
        InvalidInput: ``memory`` is neither a handle nor a URL, or the id is empty.
    """

    def __init__(
        self,
        session_id: str,
        memory: Source = None,
        *,
        session_settings: SessionSettings | dict[str, Any] | None = None,
        forgets: bool = False,
        **opening: Any,
    ) -> None:
        if not isinstance(session_id, str) or not session_id.strip():
            raise InvalidInput("a session needs an id: text with at least one visible character")
        self.session_id = session_id
        self.session_settings: SessionSettings | None = (
            SessionSettings(**session_settings)
            if isinstance(session_settings, dict)
            else session_settings or SessionSettings()
        )
        self._bound = Bound(memory, **opening)
        self._turns = Turns()
        self._forgets = forgets

    async def get_items(self, limit: int | None = None) -> list[TResponseInputItem]:
        """The conversation's items, oldest first.

        Args:
            limit: only the latest so many; by default that of ``session_settings``, else all.
        """
        if limit is None and self.session_settings is not None:
            limit = self.session_settings.limit
        if limit is not None and limit <= 0:
            return []
        memory = await self._bound.get()
        found = items_of(await self._records(memory, limit))
        wanted = found if limit is None else found[-limit:]
        return [cast("TResponseInputItem", item) for item, _ in wanted]

    async def add_items(self, items: list[TResponseInputItem]) -> None:
        """Append items, all of them or none; what is added at once stays together.

        Raises:
            TypeError: an item is not JSON; nothing was added.
        """
        turns = [turn for item in items for turn in turns_of(cast("dict[str, Any]", item))]
        if turns:
            await self._turns.append(await self._bound.get(), self.session_id, turns)

    async def pop_item(self) -> TResponseInputItem | None:
        """Take the latest item out; ``None`` where there is none. Nobody else gets the same one."""
        memory = await self._bound.get()
        while True:
            found = items_of(await self._records(memory, 1))
            if not found:
                return None
            item, records = found[-1]
            first = records[0]
            left = dict(first.metadata) if self._forgets else {}
            try:
                await memory.update(
                    first.id, metadata=left | {_POPPED: True}, expect_version=first.version
                )
            except (InvalidInput, RecordNotFound, VersionConflict):
                continue  # somebody else took it
            await self._remove(memory, [record.id for record in records])
            return cast("TResponseInputItem", item)

    async def clear_session(self) -> None:
        """Take every item out, the pieces of half-done work too."""
        memory = await self._bound.get()
        wanted = Or((Exists(f"metadata.{ITEM}"), Exists(f"metadata.{_POPPED}")))
        states = (State.ACTIVE.value,) if self._forgets else tuple(State)
        while True:
            page = await memory.list(
                reach="exact", filter=self._own(wanted), states=states, limit=_PAGE
            )
            if not page.records:
                return
            await self._remove(memory, [record.id for record in page])

    async def close(self) -> None:
        """Close the memory, if the session opened it itself."""
        await self._bound.close()

    async def _records(self, memory: AsyncMemory, items: int | None) -> list[MemoryRecord]:
        """The records of the latest items, in order; of all of them for ``None``."""
        found: list[MemoryRecord] = []
        started = 0
        cursor: str | None = None
        while items is None or started < items:
            page = await memory.list(
                reach="exact",
                filter=self._own(_THERE),
                order_by="sequence",
                cursor=cursor,
                limit=_PAGE if items is None else min(_PAGE, items - started),
            )
            found += page.records
            started += sum(starts_item(record) for record in page)
            cursor = page.cursor
            if cursor is None:
                break
        # Two processes may give one number twice: then it is the time that orders.
        return sorted(found, key=lambda record: (record.sequence or 0, record.id))

    async def _remove(self, memory: AsyncMemory, ids: list[str]) -> None:
        if not self._forgets:
            try:
                await memory.erase(ids)
            except RecordNotFound:
                # Some are gone already: the others are erased one by one.
                for id_ in ids:
                    await _unless_gone(memory.erase(id_))
            return
        for id_ in ids:
            await _unless_gone(memory.forget(id_))

    def _own(self, wanted: Filter) -> Filter:
        return And((Eq("conversation_id", self.session_id), wanted))


async def _unless_gone(removal: Awaitable[object]) -> None:
    # Somebody else took it out first: it is out.
    with suppress(RecordNotFound):
        await removal
