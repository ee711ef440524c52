"""Memory: the synchronous face of AsyncMemory, one line a method."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from os import PathLike
from typing import TYPE_CHECKING, Any, Self, TypeVar

from memkit.drafts import DraftLike
from memkit.engine import Progress
from memkit.events.watching import Watch
from memkit.facts.asking import Fact
from memkit.facts.asserting import Asserted
from memkit.facts.predicates import Predicate
from memkit.facts.timeline import Moment
from memkit.filters import Filter
from memkit.lifecycle.revisions import UNSET, Unset
from memkit.loops import LoopThread, run_here
from memkit.memory import _ACTIVE, AsyncMemory, Target
from memkit.protocols import Embedder
from memkit.scope import Reach, Scope
from memkit.selection import Labels
from memkit.types import (
    Channel,
    Delivery,
    ErasureReceipt,
    Event,
    Imported,
    MemoryRecord,
    Page,
    Problem,
    RecallResult,
    Related,
    Remembered,
    Status,
)

if TYPE_CHECKING:
    from memkit.config import Settings

T = TypeVar("T")
Method = TypeVar("Method", bound=Callable[..., Any])


def _documented(method: Method) -> Method:
    """The docstring of AsyncMemory's method of the same name."""
    method.__doc__ = getattr(AsyncMemory, method.__name__).__doc__
    return method


class Events(Iterator[Event]):
    """Events as they come, for a ``for`` loop; each step waits for the next one.

    It starts when it is made, and may be closed by another thread.
    """

    def __init__(self, watch: Watch, loop: LoopThread) -> None:
        self._watch = watch
        self._loop = loop

    @property
    def cursor(self) -> str | None:
        """Where to go on after the last event that was given out."""
        return self._watch.cursor

    def __next__(self) -> Event:
        event = run_here(self._watch.next(), self._loop)
        if event is None:
            raise StopIteration
        return event

    def close(self) -> None:
        """End it; whoever waits for an event is told at once."""
        run_here(self._watch.aclose(), self._loop)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Memory:
    """A handle on a memory, bound to a scope; every call returns when it is done.

    Calls run in the calling thread. Handles are cheap, share one engine and may be used by
    many threads at once, and inside a running event loop too (where each call blocks it:
    prefer :class:`~memkit.memory.AsyncMemory` there). Closing one closes the engine for all.
    """

    def __init__(self, memory: AsyncMemory, loop: LoopThread) -> None:
        self._memory = memory
        self._loop = loop

    @staticmethod
    def open(
        url: str | PathLike[str] | None = None,
        *,
        namespace: str | None = None,
        project: str | None = None,
        task: str | None = None,
        agent: str | None = None,
        embedder: str | Embedder | None = None,
        read_only: bool = False,
        **settings: Any,
    ) -> Memory:
        """Open a memory; use it in a ``with`` block, or call ``close`` at the end.

        The arguments are those of :meth:`memkit.AsyncMemory.open`.
        """
        loop = LoopThread()
        opening = AsyncMemory.open(
            url,
            namespace=namespace,
            project=project,
            task=task,
            agent=agent,
            embedder=embedder,
            read_only=read_only,
            **settings,
        )
        try:
            opened = run_here(opening.start(), loop)
            face = type(opened)._face
            made: Memory = Memory(opened, loop) if face is None else face(opened)
            return made
        except BaseException:
            loop.stop()
            raise

    @property
    def scope(self) -> Scope:
        """The scope this handle is bound to."""
        return self._memory.scope

    @property
    def asynchronous(self) -> AsyncMemory:
        """The handle that this is a face of: for code that awaits, in any event loop."""
        return self._memory

    @property
    def settings(self) -> Settings:
        """The settings the memory was opened with."""
        return self._memory.settings

    @property
    def embedder(self) -> Embedder | None:
        """What embeds here, safe to use beside: ``None`` for words alone, and on a server."""
        return self._memory.embedder

    @_documented
    def at(
        self,
        *,
        namespace: str | None = None,
        project: str | None = None,
        task: str | None = None,
        agent: str | None = None,
    ) -> Memory:
        narrower = self._memory.at(namespace=namespace, project=project, task=task, agent=agent)
        return Memory(narrower, self._loop)

    @_documented
    def within(self, scope: Scope) -> Memory:
        return Memory(self._memory.within(scope), self._loop)

    @_documented
    def remember(
        self,
        content: str,
        *,
        kind: str = "note",
        tags: Iterable[str] = (),
        metadata: Mapping[str, Any] | None = None,
        private: bool = False,
        confidence: float | None = None,
        pinned: bool = False,
        occurred_at: datetime | None = None,
        ttl: float | timedelta | None = None,
        expires_at: datetime | None = None,
        conversation_id: str | None = None,
        sequence: int | None = None,
        speaker: str | None = None,
        source: str | None = None,
        idempotency_key: str | None = None,
        vector: Sequence[float] | None = None,
        deduplicate: str | None = None,
    ) -> Remembered:
        return self._run(
            self._memory.remember(
                content,
                kind=kind,
                tags=tags,
                metadata=metadata,
                private=private,
                confidence=confidence,
                pinned=pinned,
                occurred_at=occurred_at,
                ttl=ttl,
                expires_at=expires_at,
                conversation_id=conversation_id,
                sequence=sequence,
                speaker=speaker,
                source=source,
                idempotency_key=idempotency_key,
                vector=vector,
                deduplicate=deduplicate,
            )
        )

    @_documented
    def remember_many(
        self,
        items: Iterable[DraftLike],
        *,
        deduplicate: str = "exact",
        progress: Progress | None = None,
    ) -> builtins.list[Remembered]:
        return self._run(
            self._memory.remember_many(items, deduplicate=deduplicate, progress=progress)
        )

    @_documented
    def put(
        self,
        key: str,
        content: str,
        *,
        kind: str = "note",
        tags: Iterable[str] = (),
        metadata: Mapping[str, Any] | None = None,
        private: bool = False,
        confidence: float | None = None,
        pinned: bool = False,
        occurred_at: datetime | None = None,
        ttl: float | timedelta | None = None,
        expires_at: datetime | None = None,
        conversation_id: str | None = None,
        sequence: int | None = None,
        speaker: str | None = None,
        source: str | None = None,
        vector: Sequence[float] | None = None,
    ) -> Remembered:
        return self._run(
            self._memory.put(
                key,
                content,
                kind=kind,
                tags=tags,
                metadata=metadata,
                private=private,
                confidence=confidence,
                pinned=pinned,
                occurred_at=occurred_at,
                ttl=ttl,
                expires_at=expires_at,
                conversation_id=conversation_id,
                sequence=sequence,
                speaker=speaker,
                source=source,
                vector=vector,
            )
        )

    @_documented
    def put_many(
        self, items: Iterable[DraftLike], *, progress: Progress | None = None
    ) -> builtins.list[Remembered]:
        return self._run(self._memory.put_many(items, progress=progress))

    @_documented
    def id_of(self, key: str, *, private: bool = False) -> str:
        return self._memory.id_of(key, private=private)

    @_documented
    def get_many(self, ids: Iterable[str]) -> dict[str, MemoryRecord]:
        return self._run(self._memory.get_many(ids))

    @_documented
    def recall(
        self,
        query: str,
        *,
        limit: int | None = None,
        reach: Reach | str = Reach.ANCESTORS,
        kinds: Labels = None,
        tags: Labels = None,
        filter: Filter | None = None,
        mode: str = "hybrid",
        states: Labels = _ACTIVE,
        as_of: datetime | None = None,
        at: datetime | None = None,
        profile: str | None = None,
        context: int = 0,
        diverse: bool = True,
        min_relevance: float = 0.0,
        vector: Sequence[float] | None = None,
    ) -> RecallResult:
        return self._run(
            self._memory.recall(
                query,
                limit=limit,
                reach=reach,
                kinds=kinds,
                tags=tags,
                filter=filter,
                mode=mode,
                states=states,
                as_of=as_of,
                at=at,
                profile=profile,
                context=context,
                diverse=diverse,
                min_relevance=min_relevance,
                vector=vector,
            )
        )

    @_documented
    def get(self, id: str) -> MemoryRecord:
        return self._run(self._memory.get(id))

    @_documented
    def list(
        self,
        *,
        reach: Reach | str = Reach.ANCESTORS,
        kinds: Labels = None,
        tags: Labels = None,
        filter: Filter | None = None,
        states: Labels = _ACTIVE,
        order_by: str = "created_at",
        descending: bool = True,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page:
        return self._run(
            self._memory.list(
                reach=reach,
                kinds=kinds,
                tags=tags,
                filter=filter,
                states=states,
                order_by=order_by,
                descending=descending,
                cursor=cursor,
                limit=limit,
            )
        )

    @_documented
    def count(
        self,
        *,
        reach: Reach | str = Reach.ANCESTORS,
        kinds: Labels = None,
        tags: Labels = None,
        filter: Filter | None = None,
        states: Labels = _ACTIVE,
    ) -> int:
        return self._run(
            self._memory.count(reach=reach, kinds=kinds, tags=tags, filter=filter, states=states)
        )

    @_documented
    def tags(self, *, reach: Reach | str = Reach.ANCESTORS) -> dict[str, int]:
        return self._run(self._memory.tags(reach=reach))

    @_documented
    def agents(self, *, reach: Reach | str = Reach.ANCESTORS) -> dict[str, int]:
        return self._run(self._memory.agents(reach=reach))

    @_documented
    def update(
        self,
        id: str,
        *,
        content: str | Unset = UNSET,
        kind: str | Unset = UNSET,
        tags: Iterable[str] | Unset = UNSET,
        metadata: Mapping[str, Any] | None | Unset = UNSET,
        private: bool | Unset = UNSET,
        confidence: float | Unset = UNSET,
        occurred_at: datetime | None | Unset = UNSET,
        ttl: float | timedelta | None | Unset = UNSET,
        expires_at: datetime | None | Unset = UNSET,
        speaker: str | None | Unset = UNSET,
        source: str | None | Unset = UNSET,
        expect_version: int | None = None,
    ) -> MemoryRecord:
        return self._run(
            self._memory.update(
                id,
                content=content,
                kind=kind,
                tags=tags,
                metadata=metadata,
                private=private,
                confidence=confidence,
                occurred_at=occurred_at,
                ttl=ttl,
                expires_at=expires_at,
                speaker=speaker,
                source=source,
                expect_version=expect_version,
            )
        )

    @_documented
    def correct(
        self,
        id: str,
        content: str,
        *,
        kind: str | None = None,
        tags: Iterable[str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        confidence: float | None = None,
    ) -> Remembered:
        return self._run(
            self._memory.correct(
                id, content, kind=kind, tags=tags, metadata=metadata, confidence=confidence
            )
        )

    @_documented
    def forget(self, id: str) -> MemoryRecord:
        return self._run(self._memory.forget(id))

    @_documented
    def restore(self, id: str) -> MemoryRecord:
        return self._run(self._memory.restore(id))

    @_documented
    def erase(self, ids: str | Iterable[str]) -> ErasureReceipt:
        return self._run(self._memory.erase(ids))

    @_documented
    def pin(self, id: str, pinned: bool = True) -> MemoryRecord:
        return self._run(self._memory.pin(id, pinned))

    @_documented
    def feedback(self, id: str, *, useful: bool) -> None:
        return self._run(self._memory.feedback(id, useful=useful))

    @_documented
    def assert_fact(
        self,
        subject: str,
        predicate: str,
        object: str,
        *,
        valid_from: datetime | None = None,
        valid_to: datetime | None = None,
        content: str | None = None,
        confidence: float | None = None,
        source: str | None = None,
        tags: Iterable[str] = (),
        metadata: Mapping[str, Any] | None = None,
        private: bool = False,
    ) -> Asserted:
        return self._run(
            self._memory.assert_fact(
                subject,
                predicate,
                object,
                valid_from=valid_from,
                valid_to=valid_to,
                content=content,
                confidence=confidence,
                source=source,
                tags=tags,
                metadata=metadata,
                private=private,
            )
        )

    @_documented
    def correct_fact(
        self,
        id: str,
        *,
        object: str | Unset = UNSET,
        valid_from: datetime | Unset = UNSET,
        valid_to: datetime | None | Unset = UNSET,
        content: str | None = None,
        confidence: float | None = None,
        source: str | None = None,
    ) -> Asserted:
        return self._run(
            self._memory.correct_fact(
                id,
                object=object,
                valid_from=valid_from,
                valid_to=valid_to,
                content=content,
                confidence=confidence,
                source=source,
            )
        )

    @_documented
    def retract_fact(self, id: str) -> Asserted:
        return self._run(self._memory.retract_fact(id))

    @_documented
    def undo(self, id: str) -> Asserted:
        return self._run(self._memory.undo(id))

    @_documented
    def facts(
        self,
        *,
        subject: str | None = None,
        predicate: str | None = None,
        object: str | None = None,
        as_of: datetime | None = None,
        known_at: datetime | None = None,
        history: bool = False,
        reach: Reach | str = Reach.ANCESTORS,
        limit: int = 100,
    ) -> builtins.list[Fact]:
        return self._run(
            self._memory.facts(
                subject=subject,
                predicate=predicate,
                object=object,
                as_of=as_of,
                known_at=known_at,
                history=history,
                reach=reach,
                limit=limit,
            )
        )

    @_documented
    def timeline(
        self,
        entity: str | None = None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        reach: Reach | str = Reach.ANCESTORS,
        limit: int = 100,
    ) -> builtins.list[Moment]:
        return self._run(
            self._memory.timeline(entity, since=since, until=until, reach=reach, limit=limit)
        )

    @_documented
    def declare_predicate(
        self, name: str, *, single: bool = False, symmetric: bool = False
    ) -> Predicate:
        return self._run(self._memory.declare_predicate(name, single=single, symmetric=symmetric))

    @_documented
    def predicates(self) -> builtins.list[Predicate]:
        return self._run(self._memory.predicates())

    @_documented
    def link(self, source: str, target: str, type: str = "related") -> MemoryRecord:
        return self._run(self._memory.link(source, target, type))

    @_documented
    def unlink(self, source: str, target: str, type: str | None = None) -> MemoryRecord:
        return self._run(self._memory.unlink(source, target, type))

    @_documented
    def related(
        self,
        id: str,
        *,
        types: Labels = None,
        depth: int = 1,
        direction: str = "both",
        limit: int = 50,
    ) -> builtins.list[Related]:
        return self._run(
            self._memory.related(id, types=types, depth=depth, direction=direction, limit=limit)
        )

    @_documented
    def export(
        self,
        target: Target,
        *,
        everyone: bool = False,
        vectors: bool = False,
        progress: Progress | None = None,
    ) -> int:
        return self._run(
            self._memory.export(target, everyone=everyone, vectors=vectors, progress=progress)
        )

    @_documented
    def import_(self, source: Target, *, progress: Progress | None = None) -> Imported:
        return self._run(self._memory.import_(source, progress=progress))

    @_documented
    def send(
        self,
        channel: str,
        content: str,
        *,
        to: str | Iterable[str] | None = None,
        reply_to: str | None = None,
        tags: Iterable[str] = (),
        metadata: Mapping[str, Any] | None = None,
        kind: str = "message",
        ttl: float | timedelta | None = None,
        idempotency_key: str | None = None,
    ) -> Remembered:
        return self._run(
            self._memory.send(
                channel,
                content,
                to=to,
                reply_to=reply_to,
                tags=tags,
                metadata=metadata,
                kind=kind,
                ttl=ttl,
                idempotency_key=idempotency_key,
            )
        )

    @_documented
    def inbox(
        self,
        channel: str | None = None,
        *,
        consumer: str | None = None,
        limit: int = 20,
        lease: float | timedelta | None = None,
        wait: float = 0,
    ) -> builtins.list[Delivery]:
        return self._run(
            self._memory.inbox(channel, consumer=consumer, limit=limit, lease=lease, wait=wait)
        )

    @_documented
    def ack(
        self,
        ids: str | Iterable[str],
        *,
        channel: str | None = None,
        consumer: str | None = None,
    ) -> int:
        return self._run(self._memory.ack(ids, channel=channel, consumer=consumer))

    @_documented
    def channels(self, *, consumer: str | None = None) -> builtins.list[Channel]:
        return self._run(self._memory.channels(consumer=consumer))

    @_documented
    def watch(
        self,
        *,
        kinds: Labels = None,
        reach: Reach | str = Reach.ANCESTORS,
        tags: Labels = None,
        after: str | None = None,
        poll_seconds: float = 0.25,
    ) -> Events:
        watch = self._memory.watch(
            kinds=kinds, reach=reach, tags=tags, after=after, poll_seconds=poll_seconds
        )
        self._run(watch.start())
        return Events(watch, self._loop)

    @_documented
    def status(self) -> Status:
        return self._run(self._memory.status())

    @_documented
    def check(self) -> builtins.list[Problem]:
        return self._run(self._memory.check())

    @_documented
    def compact(self) -> None:
        return self._run(self._memory.compact())

    @_documented
    def warm_up(self) -> None:
        return self._run(self._memory.warm_up())

    @_documented
    def close(self) -> None:
        self._run(self._memory.close())
        self._loop.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return run_here(work, self._loop)
