"""memkit in Strands Agents: a memory store for the framework's memory manager."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from memkit import AsyncMemory, Hit, Remembered
from memkit.errors import Forbidden, InvalidInput, MissingDependency
from memkit.providers.requirements import install_hint
from memkit.rendering import legible, render
from memkit_agents.delivered import append_new, key_of
from memkit_agents.excerpts import made_legible
from memkit_agents.shared import Bound, Recalling, Source, Turn, Turns, storable

try:
    from strands.memory import MemoryEntry, MemoryStore
except ImportError as cause:
    raise MissingDependency(
        install_hint("strands-agents", "memkit_agents.strands", "strands")
    ) from cause

if TYPE_CHECKING:
    from strands.memory import (
        AddMessagesContext,
        ExtractionConfig,
        InjectionFormatContext,
        MemoryInjectionConfig,
        SearchOptions,
    )
    from strands.types.content import Message

__all__ = ["MemkitMemoryStore", "Recalling"]

_LIMIT_MAX = 100


class MemkitMemoryStore(MemoryStore):
    """A memory store: ``Agent(…, memory_manager=MemoryManager(stores=[MemkitMemoryStore(m)]))``.

    The manager searches it before model calls and for its tool ``search_memory``, adds to it for
    its tool ``add_memory``, and with ``extraction`` hands it the conversation, which becomes the
    turns of ``conversation_id``. Safe to share among threads and event loops; agents that share
    one also share its conversation, so give each a store of its own on the same memory.

    Args:
        memory: a handle on the scope that the agent is to have, or a URL that is opened when an
            agent is made with it.
        name: the store's name in the manager.
        description: what is in it, for the model.
        max_search_results: at most so many entries for a search that does not say; by default
            the manager's own number.
        writable: whether the manager may write.
        extraction: when the conversation is stored: ``True`` for every five turns and the end
            of each call, or the framework's ``ExtractionConfig``.
        conversation_id: the conversation that is stored; by default one of this object's own.
        own_conversation: find turns of that conversation too: for agents whose window does not
            hold them any more.
        recalling: what is recalled, and how many tokens all entries of a search have together.
        **opening: for a URL, what ``Memory.open`` takes.

    Raises:
        InvalidInput: ``memory`` is neither a handle nor a URL.
        InvalidInput: the name or the conversation's id is blank.
    """

    def __init__(
        self,
        memory: Source = None,
        *,
        name: str = "memkit",
        description: str | None = None,
        max_search_results: int | None = None,
        writable: bool = True,
        extraction: ExtractionConfig | bool | None = None,
        conversation_id: str | None = None,
        own_conversation: bool = False,
        recalling: Recalling | None = None,
        **opening: Any,
    ) -> None:
        if not name.strip() or (conversation_id is not None and not conversation_id.strip()):
            raise InvalidInput("a store's name and its conversation's id are text, not blank")
        self.name = name
        self.description = description
        self.max_search_results = max_search_results
        self.writable = writable
        self.extraction = extraction
        self.conversation_id = conversation_id or f"strands-{uuid4()}"
        self._own_conversation = own_conversation
        self._recalling = recalling or Recalling()
        self._bound = Bound(memory, **opening)
        self._turns = Turns()
        # The keys of messages whose storing failed, until they come again. Their numbers alone
        # would not do: each agent counts from 0, and agents may share a store.
        self._failed: dict[tuple[int, tuple[str, str]], str] = {}

    async def initialize(self) -> None:
        """Open the memory, so that one that cannot be opened is found when the agent is made."""
        await self._bound.get()

    async def search(self, query: str, options: SearchOptions | None = None) -> list[MemoryEntry]:
        """The memories that answer a query best, best first, within the token budget.

        Args:
            query: what is asked; nothing is found for a blank one.
            options: ``max_search_results``, up to 100.

        Raises:
            InvalidInput: less than one result is asked for.
        """
        wanted = (options or {}).get("max_search_results") or self.max_search_results
        recalling = self._recalling
        if wanted is not None:
            recalling = replace(recalling, limit=min(wanted, _LIMIT_MAX))
        memory = await self._bound.get()
        own = None if self._own_conversation else self.conversation_id
        hits = await recalling.hits(memory, query, without_conversation=own)
        return [_entry(hit, text) for hit, text in made_legible(hits, recalling)]

    async def add(self, content: str, metadata: Mapping[str, Any] | None = None) -> Remembered:
        """Store a memory; one that is there already is not stored twice.

        Args:
            content: the text.
            metadata: JSON values by key.

        Returns:
            what happened.

        Raises:
            Forbidden: the store is not writable.
            InvalidInput: the text is blank, or a value cannot be accepted.
        """
        memory = await self._writable()
        return await memory.remember(storable(content), metadata=metadata)

    async def add_messages(
        self, messages: list[Message], context: AddMessagesContext | None = None
    ) -> None:
        """Store what was said as turns of the conversation, all of it or nothing.

        A batch that failed and comes again is stored once, also if it was stored all the same.

        Raises:
            Forbidden: the store is not writable.
        """
        memory = await self._writable()
        numbers = context.sequence_numbers if context is not None else None
        texts = [(message["role"], _text(message)) for message in messages]
        if numbers is None:
            said = [Turn(text, speaker=role) for role, text in texts]
            await self._turns.append(memory, self.conversation_id, said)
            return
        names = list(zip(numbers, texts, strict=True))
        keys = [self._failed.pop(name, "") or key_of("strands", uuid4().hex) for name in names]
        said = [
            Turn(text, speaker=role, key=key) for (role, text), key in zip(texts, keys, strict=True)
        ]
        try:
            await append_new(self._turns, memory, self.conversation_id, said)
        except BaseException:
            self._failed.update(zip(names, keys, strict=True))
            raise

    def injection(self) -> MemoryInjectionConfig:
        """For ``MemoryManager(injection=…)``: memories with date and author, behind bars.

        They keep to the limit and the token budget of ``recalling``; other stores' entries are
        shown in the same way. The framework's own format tells neither date nor author.
        """
        return {"max_entries": self._recalling.limit, "format": self._rendered}

    async def close(self) -> None:
        """Close the memory, if the store opened it itself."""
        await self._bound.close()

    def _rendered(self, context: InjectionFormatContext) -> str:
        return render(
            [
                {"source": entry.store_name, **(entry.metadata or {}), "content": entry.content}
                for entry in context.entries
            ],
            max_tokens=self._recalling.max_tokens,
            count_tokens=self._recalling.count_tokens,
        )

    async def _writable(self) -> AsyncMemory:
        if not self.writable:
            raise Forbidden(f"the store {self.name!r} is not writable")
        return await self._bound.get()


def _text(message: Message) -> str:
    texts = (block["text"] for block in message["content"] if "text" in block)
    return storable("\n".join(texts)).strip()


def _entry(hit: Hit, text: str) -> MemoryEntry:
    """An entry; its metadata reaches the model too, so it tells what memkit vouches for."""
    record = hit.record
    about = {
        "id": record.id,
        "kind": record.kind,
        "occurred_at": record.occurred_at and record.occurred_at.isoformat(timespec="seconds"),
        "created_at": record.created_at.isoformat(timespec="seconds"),
        "agent": record.agent and legible(record.agent),
        "speaker": record.speaker and legible(record.speaker),
        "source": record.source and legible(record.source),
        "relevance": hit.relevance and round(hit.relevance, 3),
    }
    return MemoryEntry(
        content=text,
        metadata={name: value for name, value in about.items() if value is not None},
    )
