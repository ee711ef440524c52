"""The engine: the write path and the read path, nothing else.

Both work on one backend and one embedder; every call names its scope. The scope's filter is
added here, in one place, and what comes back is checked against it again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from math import prod
from operator import itemgetter
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from memkit.backfill import Backfill
from memkit.clock import utc_now
from memkit.copies import Copies
from memkit.drafts import Draft, record_from, unique_keys
from memkit.errors import RecordNotFound, StoreClosed
from memkit.filters import And, Eq, Exists, Filter, Gt, In, Lte, Not, Or, predicate
from memkit.indexing import analysed
from memkit.loops import LoopThread
from memkit.protocols import (
    Backend,
    DenseLeg,
    IndexData,
    LexicalLeg,
    Operation,
    Put,
    SearchLeg,
    Stored,
    StoreInfo,
)
from memkit.retrieval.factors import factors_of
from memkit.retrieval.fusion import Fused, fuse
from memkit.retrieval.text import index_text
from memkit.scope import Reach, Scope
from memkit.selection import living
from memkit.types import Hit, MemoryRecord, RecallResult, Remembered, State, Why
from memkit.usage import Usage

if TYPE_CHECKING:
    from memkit.config import Settings
    from memkit.protocols import Vector
    from memkit.vectorizer import Vectorizer

P = ParamSpec("P")
T = TypeVar("T")

Progress = Callable[[int, int | None], None]
Store = Callable[[Scope, Sequence[Put], tuple[str, ...]], Coroutine[None, None, list[Remembered]]]

#: Records per backend batch when many are written.
WRITE_CHUNK = 1000
# Records that are checked or analysed on the event loop, some 50 microseconds each.
_BRIEF = 64
# Entries asked of each leg when two are fused, and candidates weighed beyond the limit.
_DEPTH = 100
_SPARE = 10


@dataclass(frozen=True, slots=True)
class Query:
    """What a recall asks for, checked."""

    text: str
    limit: int
    reach: Reach
    mode: str
    filter: Filter
    states: tuple[str, ...]
    as_of: datetime | None


class Engine:
    """Writes drafts and answers queries on one backend with one embedder."""

    def __init__(
        self, backend: Backend, vectorizer: Vectorizer, settings: Settings, info: StoreInfo
    ) -> None:
        self.backend = backend
        self.vectorizer = vectorizer
        self.settings = settings
        self.info = info
        self._background = LoopThread()
        self.usage = Usage(backend, settings.usage_flush_seconds, self._background)
        self._copies = Copies(self)
        self._backfill = Backfill(self, self._background)
        self._closed = False

    def require_open(self) -> None:
        """Refuse to go on once closed.

        Raises:
            StoreClosed: it is closed.
        """
        if self._closed:
            raise StoreClosed("this memory is closed: open it again with Memory.open(...)")

    async def close(self) -> None:
        """Flush what is due and free everything; called again, it does nothing."""
        if self._closed:
            return
        self._closed = True
        await asyncio.to_thread(self._background.stop)
        try:
            await self.usage.flush()
        finally:
            await self.vectorizer.close()
            await self.backend.close()

    # The write path.

    async def remember(
        self,
        scope: Scope,
        drafts: Sequence[Draft],
        deduplicate: str,
        progress: Progress | None = None,
    ) -> list[Remembered]:
        """Store drafts, in order; each is durable when this returns.

        All drafts are checked before any is written. They are then written in chunks of
        :data:`WRITE_CHUNK`: a failure of the store leaves whole chunks, never half a record.
        """
        self.require_open()
        records, keys = await _unless_long(
            len(drafts), self._records, scope, drafts, deduplicate != "off"
        )
        store = self._store_near if deduplicate == "near" else self._store
        if len(records) <= WRITE_CHUNK:
            results = await store(scope, *await self._puts(records, keys))
        else:
            results = await self._overlapped(scope, records, keys, store, progress)
        _tell(progress, len(results), len(records))
        self._backfill.start_if_due()
        return results

    def _records(
        self, scope: Scope, drafts: Sequence[Draft], deduplicate: bool
    ) -> tuple[list[MemoryRecord], list[tuple[str, ...]]]:
        # Each has its own moment: listings by time keep the order they were handed in.
        records = [record_from(draft, scope, utc_now(), self.settings) for draft in drafts]
        keys = [
            unique_keys(record, draft.idempotency_key, deduplicate=deduplicate)
            for record, draft in zip(records, drafts, strict=True)
        ]
        return records, keys

    async def _overlapped(
        self,
        scope: Scope,
        records: Sequence[MemoryRecord],
        keys: Sequence[tuple[str, ...]],
        store: Store,
        progress: Progress | None,
    ) -> list[Remembered]:
        """Store chunk by chunk; while one is written the next one is embedded and analysed."""
        results: list[Remembered] = []
        written: asyncio.Task[list[Remembered]] | None = None
        try:
            for start in range(0, len(records), WRITE_CHUNK):
                chunk = slice(start, start + WRITE_CHUNK)
                puts, notices = await self._puts(records[chunk], keys[chunk])
                if written is not None:
                    results += await written
                    _tell(progress, len(results), len(records))
                written = asyncio.create_task(store(scope, puts, notices))
                # Let it start: what follows may not give way for long.
                await asyncio.sleep(0)
        finally:
            # Also when embedding the next chunk failed: this one is on its way.
            if written is not None:
                results += await written
        return results

    async def _puts(
        self, records: Sequence[MemoryRecord], keys: Sequence[tuple[str, ...]]
    ) -> tuple[list[Put], tuple[str, ...]]:
        index, notice = await self.index(records)
        if notice is not None:
            self._backfill.note_missing()
        puts = [Put(*parts) for parts in zip(records, index, keys, strict=True)]
        return puts, () if notice is None else (notice,)

    async def _store_near(
        self, scope: Scope, puts: Sequence[Put], notices: tuple[str, ...]
    ) -> list[Remembered]:
        # One after the other: a near copy may stand earlier among them.
        return [await self._copies.remember(scope, put, notices) for put in puts]

    async def _store(
        self, scope: Scope, puts: Sequence[Put], notices: tuple[str, ...]
    ) -> list[Remembered]:
        written = await self.backend.write(puts)
        return [
            await self._copies.outcome(put, result, notices)
            for put, result in zip(puts, written, strict=True)
        ]

    async def index(
        self, records: Sequence[MemoryRecord], known: Sequence[Vector | None] = ()
    ) -> tuple[list[IndexData], str | None]:
        """What records are found by, and a notice if they have no vectors for now.

        ``known`` are vectors that some of them have already.
        """
        texts = [index_text(record) for record in records]
        rows = list(known) or [None] * len(texts)
        lacking = [at for at, row in enumerate(rows) if row is None]
        vectors, notice = None, None
        if lacking:
            vectors, notice = await self.vectorizer.documents([texts[at] for at in lacking])
        if vectors is not None:
            for at, vector in zip(lacking, vectors, strict=True):
                rows[at] = vector
        terms, keys = await _unless_long(len(texts), analysed, records, texts)
        return [IndexData(*parts) for parts in zip(rows, terms, keys, strict=True)], notice

    # The read path.

    async def recall(self, scope: Scope, query: Query) -> RecallResult:
        """The records of a scope that answer a query best."""
        self.require_open()
        now = utc_now()
        visible = And((scope.readable(query.reach), self._current(query, now)))
        wanted = And((visible, query.filter))
        legs, notices = await self._legs(query)
        # Factors move a record by a few places, so a few more than asked for are weighed. One
        # leg's order is its own; two are fused better the deeper both lists go.
        weighed = query.limit + _SPARE
        depth = weighed if len(legs) < 2 else max(_DEPTH, 2 * weighed)
        found = await self.backend.search(scope.namespace, list(legs.values()), wanted, depth)
        lists = dict(zip(legs, found.legs, strict=True))
        weight = self.settings.dense_weight
        fused = fuse(lists, {"dense": weight, "lexical": 1 - weight}, depth, weighed)
        records = dict(found.records)
        missing = [entry.id for entry in fused if entry.id not in records]
        if missing:
            stored = await self.backend.get(scope.namespace, missing)
            records.update((id_, item.record) for id_, item in stored.items())
        hits = self._weigh(fused, records, scope, visible, now, query.limit)
        self.usage.add(scope.namespace, [hit.record.id for hit in hits], now)
        self.usage.flush_if_due()
        self._backfill.start_if_due()
        return RecallResult(tuple(hits), notices)

    async def _legs(self, query: Query) -> tuple[dict[str, SearchLeg], tuple[str, ...]]:
        from memkit.retrieval.analysis import analyze

        legs: dict[str, SearchLeg] = {}
        notices: tuple[str, ...] = ()
        if query.mode != "lexical":
            vector, notice = await self.vectorizer.query(
                query.text, self.settings.embedder_wait_seconds
            )
            if vector is not None:
                legs["dense"] = DenseLeg(vector)
            if notice is not None:
                notices = (notice,)
        # Without a vector the words answer alone, even where meaning alone was asked for.
        if query.mode != "dense" or not legs:
            terms = analyze(query.text)
            if terms:
                legs["lexical"] = LexicalLeg(terms)
        return legs, notices

    @staticmethod
    def _current(query: Query, now: datetime) -> Filter:
        if query.as_of is None:
            return And((_states(query.states), living(now)))
        moment = query.as_of
        return And(
            (
                In("state", (State.ACTIVE.value, State.SUPERSEDED.value)),
                Lte("created_at", moment),
                Or((Not(Exists("superseded_at")), Gt("superseded_at", moment))),
                living(now),
            )
        )

    def _weigh(
        self,
        fused: Sequence[Fused],
        records: Mapping[str, MemoryRecord],
        scope: Scope,
        visible: Filter,
        now: datetime,
        limit: int,
    ) -> list[Hit]:
        weighed = []
        for entry in fused:
            record = records.get(entry.id)
            if record is not None:
                factors = factors_of(record, now, self.settings)
                score = entry.score * prod(factors.values())
                weighed.append((-score, entry.id, record, entry, factors))
        weighed.sort(key=itemgetter(0, 1))
        # Changed since it was found, or never ours to see: either way it is not shown.
        allowed = _gate(scope, visible)
        shown = (
            Hit(record, -negated, Why(entry.legs, entry.score, factors))
            for negated, _, record, entry, factors in weighed
            if allowed(record)
        )
        return list(islice(shown, limit))

    # What both paths, and the operations on single records, share.

    async def visible(
        self, scope: Scope, ids: Iterable[str], *, vectors: bool = False
    ) -> dict[str, Stored]:
        """Those of the records that any reach of the scope shows, whatever their state."""
        self.require_open()
        wanted = And((scope.accessible(), living(utc_now())))
        found = await self.backend.get(scope.namespace, list(ids), vectors=vectors)
        allowed = _gate(scope, wanted)
        return {id_: item for id_, item in found.items() if allowed(item.record)}

    async def one(self, scope: Scope, id_: str, *, vectors: bool = False) -> Stored:
        """The record, if the scope shows it; with its vector and unique keys if asked for.

        Raises:
            RecordNotFound: it does not: whether the id exists elsewhere is not told.
        """
        item = (await self.visible(scope, (id_,), vectors=vectors)).get(id_)
        if item is None:
            raise RecordNotFound(f"no record {id_} is visible from this scope")
        return item

    async def write(self, batch: Sequence[Operation]) -> None:
        """Write operations of which none can be a duplicate."""
        self.require_open()
        if batch:
            await self.backend.write(batch)


async def _unless_long(size: int, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do ``work`` here, or in a thread if so many records would hold the event loop up."""
    if size <= _BRIEF:
        return work(*args, **kwargs)
    return await asyncio.to_thread(work, *args, **kwargs)


def _tell(progress: Progress | None, done: int, total: int) -> None:
    if progress is not None:
        progress(done, total)


def _gate(scope: Scope, wanted: Filter) -> Callable[[MemoryRecord], bool]:
    """Whether a record may be shown: the second check, after the backend's own."""
    test = predicate(wanted)
    return lambda record: record.namespace == scope.namespace and test(record.value_of)


def _states(states: tuple[str, ...]) -> Filter:
    return Eq("state", states[0]) if len(states) == 1 else In("state", states)
