"""memkit in Google's Agent Development Kit: a memory service for its runners and memory tools."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from memkit import AsyncMemory, Draft, Hit
from memkit.errors import InvalidScope, MissingDependency, RecordNotFound
from memkit.providers.requirements import install_hint
from memkit.rendering import legible, word
from memkit.scope import check_label
from memkit_agents.delivered import append_new, key_of, unknown
from memkit_agents.excerpts import behind_bars
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
    from google.adk.memory.base_memory_service import BaseMemoryService, SearchMemoryResponse
    from google.adk.memory.memory_entry import MemoryEntry
    from google.genai import types
except ImportError as cause:
    raise MissingDependency(
        install_hint("google-adk", "memkit_agents.google_adk", "google-adk")
    ) from cause

if TYPE_CHECKING:
    from google.adk.events.event import Event
    from google.adk.sessions.session import Session

__all__ = ["Labels", "MemkitMemoryService", "Placing", "Recalling", "project_and_task"]

#: Labels of the scope of an application's user, as ``Memory.at`` takes them.
Placing: TypeAlias = Callable[[str, str], Labels]

# What a memory's custom metadata may say of the record itself; all else is metadata of it.
_FIELDS = frozenset({"confidence", "expires_at", "kind", "pinned", "private", "tags", "ttl"})


def project_and_task(app_name: str, user_id: str) -> Labels:
    """The application as the project, its user as the task in it.

    Raises:
        InvalidScope: one of them is no label, or would be the label of another spelling too.
    """
    labels = {"project": app_name, "task": user_id}
    for what, value in (("app_name", app_name), ("user_id", user_id)):
        if check_label(value, what) != value:
            raise InvalidScope(f"{what} is not in its NFC form: another spelling has its label")
    return labels


class MemkitMemoryService(BaseMemoryService):
    """A memory service: ``Runner(…, memory_service=MemkitMemoryService(memory))``.

    What an application's user said and was told lives in the scope that ``placed`` gives; each
    event is stored once, however often its session is added. Safe to share among runners,
    threads and event loops.

    Args:
        memory: a handle on which neither project nor task is bound, or a URL that is opened at
            the first use.
        placed: the labels of a user's scope; by default :func:`project_and_task`.
        recalling: how much a search gives, and how many tokens all its entries have together.
        verbatim: give entries' texts exactly as they are stored, all of them, with their
            metadata. By default they stand behind bars and within the budget, since ADK's memory
            tools put them into the prompt as they are.
        failures: ``raise`` memkit's errors, or ``log`` them and go on without memory.
        **opening: for a URL, what ``Memory.open`` takes.

    Raises:
        InvalidInput: ``memory`` is neither a handle nor a URL.
    """

    def __init__(
        self,
        memory: Source = None,
        *,
        placed: Placing = project_and_task,
        recalling: Recalling | None = None,
        verbatim: bool = False,
        failures: Failures = "raise",
        **opening: Any,
    ) -> None:
        self._bound = Bound(memory, **opening)
        self._placed = placed
        self._recalling = recalling or Recalling()
        self._verbatim = verbatim
        self._failures = check_failures(failures)
        self._turns = Turns()

    async def add_session_to_memory(self, session: Session) -> None:
        """Store the session's events that have text and are not stored yet."""
        await self.add_events_to_memory(
            app_name=session.app_name,
            user_id=session.user_id,
            events=session.events,
            session_id=session.id,
        )

    async def add_events_to_memory(
        self,
        *,
        app_name: str,
        user_id: str,
        events: Sequence[Event],
        session_id: str | None = None,
        custom_metadata: Mapping[str, object] | None = None,
    ) -> None:
        """Store events that have text and are not stored yet, after what their session has.

        Args:
            app_name, user_id: whose they are.
            events: in order; thoughts, tool calls and partial answers are left out.
            session_id: the conversation; without one an event is a memory by itself.
            custom_metadata: JSON values that each of them gets as metadata.

        Raises:
            InvalidInput: a value cannot be accepted; nothing was written.
        """
        extra = dict(custom_metadata or {})
        said = [_turn(event, session_id, extra) for event in events if _text(event)]
        with tolerating(self._failures, "remembering"):
            memory = await self._at(app_name, user_id)
            if session_id is not None:
                await append_new(self._turns, memory, session_id, said)
            elif new := await unknown(memory, said):
                await memory.put_many(_alone(turn) for turn in new)

    async def add_memory(
        self,
        *,
        app_name: str,
        user_id: str,
        memories: Sequence[MemoryEntry],
        custom_metadata: Mapping[str, object] | None = None,
    ) -> None:
        """Store memories as they are: with an ``id`` in the place of what it named before.

        Args:
            app_name, user_id: whose they are.
            memories: each with text.
            custom_metadata: of all of them, before their own: ``kind``, ``tags``, ``private``,
                ``confidence``, ``pinned``, ``ttl`` (seconds) and ``expires_at`` as for
                ``remember``, all else as metadata.

        Raises:
            InvalidInput: a value cannot be accepted, or a memory has no text.
        """
        drafts = [_draft(entry, {**(custom_metadata or {})}) for entry in memories]
        named = [draft for draft in drafts if draft.key is not None]
        others = [draft for draft in drafts if draft.key is None]
        with tolerating(self._failures, "remembering"):
            memory = await self._at(app_name, user_id)
            if named:
                await memory.put_many(named)
            if others:
                await memory.remember_many(others)

    async def search_memory(
        self, *, app_name: str, user_id: str, query: str
    ) -> SearchMemoryResponse:
        """The user's memories that answer a query best, best first, within the token budget.

        What lies above the user's scope (the application's, the namespace's own) is found too.
        """
        found: list[MemoryEntry] = []
        with tolerating(self._failures, "recalling"):
            memory = await self._at(app_name, user_id)
            hits = await self._recalling.hits(memory, query)
            texts = (
                ((hit, hit.content) for hit in hits)
                if self._verbatim
                else behind_bars(hits, self._recalling)
            )
            found = [_entry(hit, text, self._verbatim) for hit, text in texts]
        return SearchMemoryResponse(memories=found)

    async def delete_memory(
        self, *, app_name: str, user_id: str, memory_id: str | None = None
    ) -> None:
        """Forget one of the user's own memories; adding its session again does not bring it back.

        A tool may call this for a model, so nothing is erased: ``restore`` brings it back.

        Raises:
            RecordNotFound: it is none of the user's own; what is shared is not the user's.
        """
        if not memory_id:
            return
        with tolerating(self._failures, "forgetting"):
            memory = await self._at(app_name, user_id)
            scope, record = memory.scope, await memory.get(memory_id)
            if (record.project, record.task) != (scope.project, scope.task):
                raise RecordNotFound("this user has no such memory")
            await memory.forget(memory_id)

    async def close(self) -> None:
        """Close the memory, if the service opened it itself."""
        await self._bound.close()

    async def _at(self, app_name: str, user_id: str) -> AsyncMemory:
        return await self._bound.get(self._placed(app_name, user_id))


def _text(event: Event) -> str:
    return "" if event.partial else _spoken(event.content)


def _spoken(content: types.Content | None) -> str:
    parts = content.parts if content is not None else None
    said = [part.text for part in parts or () if part.text and not part.thought]
    return storable("\n".join(said)).strip()


def _turn(event: Event, session_id: str | None, extra: Mapping[str, Any]) -> Turn:
    text = _text(event)
    named = event.id or [event.author, event.timestamp, text]
    return Turn(
        text,
        speaker=event.author or None,
        occurred_at=datetime.fromtimestamp(event.timestamp, UTC),
        metadata={**extra, **({"event_id": event.id} if event.id else {})},
        key=key_of("adk-event", session_id, named),
    )


def _alone(turn: Turn) -> Draft:
    return Draft(
        turn.text[:TURN_CHARS],
        kind=turn.kind,
        metadata=turn.metadata,
        occurred_at=turn.occurred_at,
        speaker=turn.speaker,
        key=turn.key,
    )


def _draft(entry: MemoryEntry, said: dict[str, Any]) -> Draft:
    said |= entry.custom_metadata
    fields = {name: said.pop(name) for name in _FIELDS & said.keys()}
    return Draft(
        _spoken(entry.content),
        metadata=said,
        speaker=entry.author or None,
        occurred_at=_time(entry.timestamp),
        key=key_of("adk-memory", entry.id) if entry.id else None,
        **fields,
    )


def _time(said: str | None) -> datetime | None:
    """An entry's time; ADK's own services write local times without saying so."""
    try:
        return datetime.fromisoformat(said).astimezone() if said else None
    except ValueError:
        return None


def _entry(hit: Hit, text: str, verbatim: bool) -> MemoryEntry:
    record = hit.record
    author = record.speaker or record.agent
    about = {
        # All that is told here reaches the model, and metadata can say and weigh anything.
        **(record.metadata if verbatim else {}),
        "kind": record.kind,
        "session_id": record.conversation_id,
        "source": record.source and legible(record.source),
        "relevance": hit.relevance,
    }
    return MemoryEntry(
        id=record.id,
        content=types.Content(
            role="user" if author == "user" else "model", parts=[types.Part(text=text)]
        ),
        author=None if author is None else word(author),
        timestamp=(record.occurred_at or record.created_at).isoformat(timespec="seconds"),
        custom_metadata={name: value for name, value in about.items() if value is not None},
    )
