"""The shape that all adapters of this package share: a bound memory, recall as text, turns."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from os import PathLike
from typing import Any, Literal, TypeAlias

from memkit import AsyncMemory, Draft, Memory, RecallResult, Remembered
from memkit.errors import InvalidInput, MemkitError
from memkit.filters import And, Eq, Filter, Ne
from memkit.handles import Handles, MemoryLike
from memkit.rendering import render
from memkit.types import State

#: A memory that is open: an embedded one's or a client's, for code that awaits or that waits.
Handle: TypeAlias = AsyncMemory | Memory

#: What a user of a framework hands in: a handle, or the URL of a store or server that the
#: adapter opens itself; ``None``: the store that the settings name.
Source: TypeAlias = MemoryLike

#: What becomes of memkit's errors around a run: ``raise``, or ``log``: a warning, and the
#: agent goes on without its memory.
Failures: TypeAlias = Literal["raise", "log"]

#: The labels of a narrower scope, as ``Memory.at`` takes them, for one session or user.
Labels: TypeAlias = Mapping[str, str]

#: The kind of what a framework needs again to go on (tool calls, reasoning): no helper of
#: this package recalls it.
TRACE = "trace"
#: The kind of what somebody said.
TURN = "episode"

QUERY_CHARS = 8_000
TURN_CHARS = 50_000

_log = logging.getLogger("memkit.agents")


def awaitable(memory: Handle, labels: Labels | None = None) -> AsyncMemory:
    """A handle for code that awaits, in any event loop; narrowed by ``labels``, if there are any.

    Raises:
        InvalidInput: it is no handle.
        InvalidScope: a label is malformed or already bound to another value.
    """
    if isinstance(memory, Memory):
        memory = memory.asynchronous
    if not isinstance(memory, AsyncMemory):
        raise InvalidInput(
            f"memory must be a Memory, an AsyncMemory or a client, not {type(memory).__name__}"
        )
    return memory.at(**labels) if labels else memory


class Bound:
    """A memory as an adapter holds it: handed in, or opened at the first use.

    Safe to share among threads, tasks and event loops.

    Args:
        source: see :data:`memkit.handles.MemoryLike`.
        **opening: for a URL, what ``Memory.open`` takes (``namespace``, ``token``, …).

    Raises:
        InvalidInput: it is no memory, or a handle came with settings.
    """

    def __init__(self, source: Source = None, **opening: Any) -> None:
        self._handles = Handles(source, **opening)
        #: Whether a URL or nothing was handed in, so that another one can be opened like it.
        self.repeatable = source is None or isinstance(source, str | PathLike)

    @property
    def url(self) -> str | None:
        """The URL that was handed in, if one was."""
        return self._handles.source

    @property
    def opening(self) -> Mapping[str, Any]:
        """The settings that came with it."""
        return self._handles.opening

    async def get(self, labels: Labels | None = None) -> AsyncMemory:
        """The memory, to be awaited in any loop; narrowed by ``labels``, if there are any.

        Raises:
            InvalidScope: a label is malformed or already bound to another value.
            StoreError: the store cannot be opened.
        """
        return awaitable(await self._handles.get(), labels)

    async def close(self) -> None:
        """Close what the adapter opened; a handle that was handed in stays open."""
        await self._handles.aclose()


@dataclass(frozen=True, slots=True)
class Recalling:
    """How an adapter recalls, and how much of it becomes a prompt.

    Attributes:
        limit: at most so many memories.
        max_tokens: at most so many tokens of prompt text.
        count_tokens: counts a text's tokens; by default memkit's own estimate.
        min_relevance: leave out what is less likely to answer, 0 to 1.
        kinds: only memories of these kinds.
        options: further arguments of ``recall`` (``reach``, ``tags``, ``filter``, …).
    """

    limit: int = 8
    max_tokens: int = 1_000
    count_tokens: Callable[[str], int] | None = None
    min_relevance: float = 0.0
    kinds: Sequence[str] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    async def hits(
        self, memory: AsyncMemory, query: str, *, without_conversation: str | None = None
    ) -> RecallResult:
        """The memories that answer a query best; none for a blank one, and no turn that asks it.

        The constraints of the scope ride along.

        Args:
            memory: where to look.
            query: what is asked; its beginning is enough.
            without_conversation: leave out the turns of this one: the model sees them anyway.
        """
        query = query[:QUERY_CHARS].strip()
        if not query:
            return RecallResult(())
        wanted: list[Filter] = [Ne("kind", TRACE)]
        if without_conversation is not None:
            wanted.append(Ne("conversation_id", without_conversation))
        options = dict(self.options)
        if options.get("filter") is not None:
            wanted.append(options["filter"])
        options["filter"] = And(tuple(wanted))
        found = await memory.recall(
            query,
            limit=self.limit,
            kinds=self.kinds,
            min_relevance=self.min_relevance,
            **options,
        )
        # The question itself, stored as a turn before it is answered, would come first.
        answers = tuple(
            hit for hit in found if hit.record.kind != TURN or hit.content.strip() != query
        )
        return replace(found, hits=answers)

    async def text(
        self, memory: AsyncMemory, query: str, *, without_conversation: str | None = None
    ) -> str:
        """The same as text for a model; ``""`` where nothing was found and nothing applies."""
        return self.rendered(
            await self.hits(memory, query, without_conversation=without_conversation)
        )

    def rendered(self, hits: RecallResult) -> str:
        """Hits as text for a model: delimited, with instructions inside defused."""
        return render(hits, max_tokens=self.max_tokens, count_tokens=self.count_tokens)


@dataclass(frozen=True, slots=True)
class Turn:
    """What was said, by whom (``user``, ``assistant``, a name), when; a key as for ``put``."""

    text: str
    speaker: str | None = None
    occurred_at: datetime | None = None
    kind: str = TURN
    metadata: Mapping[str, Any] | None = None
    source: str | None = None
    key: str | None = None


class Turns:
    """Appends turns to conversations, numbered on from what is stored.

    What one object appends at once stays together, whatever threads and tasks do; of two
    processes at the same conversation both keep everything, and their turns may alternate.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next: dict[object, int] = {}

    async def append(
        self, memory: AsyncMemory, conversation_id: str, turns: Sequence[Turn], **common: Any
    ) -> list[Remembered]:
        """Store turns after the last one of their conversation, all or none; blank ones are not.

        Args:
            memory: the handle whose scope they get.
            conversation_id: the session, thread or chat, 1 to 1,000 characters.
            turns: in order, all of them with a key or none; a text longer than 50,000
                characters is cut there.
            **common: further fields of :class:`memkit.Draft` that all of them get.
        """
        said = [turn for turn in turns if storable(turn.text).strip()]
        if not said:
            return []
        last = await last_turn(memory, conversation_id)
        first = self._take(memory, conversation_id, last + 1, len(said))
        drafts = [
            Draft(
                storable(turn.text)[:TURN_CHARS],
                kind=turn.kind,
                metadata=turn.metadata,
                occurred_at=turn.occurred_at,
                conversation_id=conversation_id,
                sequence=sequence,
                speaker=turn.speaker,
                source=turn.source,
                key=turn.key,
                **common,
            )
            for sequence, turn in enumerate(said, first)
        ]
        if all(turn.key is not None for turn in said):
            return await memory.put_many(drafts)
        return await memory.remember_many(drafts, deduplicate="off")

    def _take(self, memory: AsyncMemory, conversation_id: str, least: int, count: int) -> int:
        scope = memory.scope
        key = (scope.namespace, scope.project, scope.task, conversation_id)
        with self._lock:
            first = max(least, self._next.pop(key, 0))
            # Numbers in flight are all that this must know: the store knows the others.
            if len(self._next) >= 1_000:
                self._next.pop(next(iter(self._next)))
            self._next[key] = first + count
        return first


async def last_turn(memory: AsyncMemory, conversation_id: str) -> int:
    """The number of a conversation's last turn in exactly this place; -1 if there is none."""
    page = await memory.list(
        reach="exact",
        filter=Eq("conversation_id", conversation_id),
        states=tuple(State),
        order_by="sequence",
        limit=1,
    )
    sequence = page.records[0].sequence if page.records else None
    return -1 if sequence is None else sequence


def storable(text: str) -> str:
    """A text without the characters that no store keeps: NUL, and halves of surrogate pairs."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def check_failures(failures: str) -> Failures:
    """``failures`` if it is ``raise`` or ``log``.

    Raises:
        InvalidInput: it is neither.
    """
    if failures not in ("raise", "log"):
        raise InvalidInput("failures is 'raise' or 'log'")
    return failures  # type: ignore[return-value]


@contextmanager
def tolerating(failures: Failures, doing: str) -> Iterator[None]:
    """Let memkit's errors pass, or log them as a warning and leave the block.

    Args:
        failures: ``raise`` or ``log``.
        doing: for the warning, such as ``recalling``.
    """
    try:
        yield
    except MemkitError as error:
        if failures == "raise":
            raise
        _log.warning("%s failed, the agent goes on without: [%s] %s", doing, error.code, error)
