"""The engine: the write path and the read path, nothing else.

Both work on one backend and one embedder; every call names its scope. The scope's filter is
added here, in one place, and what comes back is checked against it again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from memkit.backfill import Backfill
from memkit.clock import utc_now
from memkit.copies import Copies
from memkit.drafts import Draft, record_from, unique_keys
from memkit.errors import InvalidInput, RecordNotFound, StoreClosed
from memkit.filters import And
from memkit.indexing import index_terms, unless_long
from memkit.loops import LoopThread
from memkit.naming import OFF, Finder, found_by, named
from memkit.policies import Policies
from memkit.protocols import (
    Backend,
    IndexData,
    LanguageModel,
    Operation,
    Put,
    Stored,
    StoreInfo,
    TokenVectors,
    WriteResult,
)
from memkit.recalling import Query, recall
from memkit.retrieval.gating import gate
from memkit.retrieval.text import index_text, labels_text
from memkit.scope import Scope
from memkit.selection import living
from memkit.types import Link, MemoryRecord, RecallResult, Remembered
from memkit.usage import Usage
from memkit.waiting import Pulse

if TYPE_CHECKING:
    from memkit.config import Settings
    from memkit.policy import Policy
    from memkit.protocols import Vector
    from memkit.reranking.runner import RerankRunner
    from memkit.vectorizer import Vectorizer

Progress = Callable[[int, int | None], None]
Store = Callable[[Scope, Sequence[Put], tuple[str, ...]], Coroutine[None, None, list[Remembered]]]

#: Records per backend batch when many are written.
WRITE_CHUNK = 1000


class Engine:
    """Writes drafts and answers queries on one backend with one embedder."""

    def __init__(
        self,
        backend: Backend,
        vectorizer: Vectorizer,
        settings: Settings,
        info: StoreInfo,
        reranker: RerankRunner | None = None,
        language_model: LanguageModel | None = None,
        finder: Finder | None = None,
    ) -> None:
        self.backend = backend
        self.vectorizer = vectorizer
        self.settings = settings
        self.info = info
        self.reranker = reranker
        self.language_model = language_model
        #: What finds the names in texts, where it is not the rules.
        self.finder = finder
        #: The backend, if it keeps token vectors.
        self.token_store = backend if isinstance(backend, TokenVectors) else None
        #: What goes for each kind, in each namespace.
        self.policies = Policies(backend)
        #: Tells whoever waits that something was written.
        self.pulse = Pulse(backend)
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

    def start(self, work: Coroutine[None, None, None]) -> None:
        """Run work in the background, unawaited; it must raise nothing. Closing cancels it."""
        self._background.start(work)

    async def close(self) -> None:
        """Flush what is due and free everything; called again, it does nothing."""
        if self._closed:
            return
        self._closed = True
        self.pulse.bell.ring()
        await asyncio.to_thread(self._background.stop)
        try:
            await self.usage.flush()
        finally:
            await self.vectorizer.close()
            if self.reranker is not None:
                await self.reranker.close()
            if self.language_model is not None:
                await self.language_model.close()
            await self.backend.close()

    # The write path.

    async def remember(
        self,
        scope: Scope,
        drafts: Sequence[Draft],
        deduplicate: str,
        progress: Progress | None = None,
        links: tuple[Link, ...] = (),
    ) -> list[Remembered]:
        """Store drafts, in order; each is durable when this returns.

        All drafts are checked before any is written. They are then written in chunks of
        :data:`WRITE_CHUNK`: a failure of the store leaves whole chunks, never half a record.
        Each record starts with ``links``.
        """
        self.require_open()
        if any(draft.key is not None for draft in drafts):
            raise InvalidInput("a memory with a key replaces what the key holds: use put_many")
        vectors = self.given(drafts)
        policy = await self.policies.of(scope.namespace)
        records, keys = await unless_long(
            len(drafts), self._records, scope, drafts, policy, deduplicate != "off"
        )
        if self.finder is not None:
            records = await self.named(records)
        if links:
            records = [replace(record, links=links) for record in records]
        store = self._store_near if deduplicate == "near" else self._store
        if len(records) <= WRITE_CHUNK:
            results = await store(scope, *await self._puts(records, keys, vectors))
        else:
            results = await self._overlapped(scope, records, keys, vectors, store, progress)
        _tell(progress, len(results), len(records))
        self._backfill.start_if_due()
        return results

    def _records(
        self, scope: Scope, drafts: Sequence[Draft], policy: Policy, deduplicate: bool
    ) -> tuple[list[MemoryRecord], list[tuple[str, ...]]]:
        # Each has its own moment: listings by time keep the order they were handed in.
        settings = self.settings
        records = [record_from(draft, scope, utc_now(), settings, policy) for draft in drafts]
        keys = [
            unique_keys(record, draft.idempotency_key, deduplicate=deduplicate)
            for record, draft in zip(records, drafts, strict=True)
        ]
        return records, keys

    async def named(self, records: Sequence[MemoryRecord]) -> list[MemoryRecord]:
        """The records with the names that are found in them, as the settings say."""
        if self.settings.entities == OFF:
            return list(records)
        found = None
        if self.finder is not None:
            found = await found_by(self.finder, [record.content for record in records])
        if found is None:
            return [named(record) for record in records]
        return [named(*each) for each in zip(records, found, strict=True)]

    async def _overlapped(
        self,
        scope: Scope,
        records: Sequence[MemoryRecord],
        keys: Sequence[tuple[str, ...]],
        vectors: Sequence[Vector | None],
        store: Store,
        progress: Progress | None,
    ) -> list[Remembered]:
        """Store chunk by chunk; while one is written the next one is embedded and analysed."""
        results: list[Remembered] = []
        written: asyncio.Task[list[Remembered]] | None = None
        try:
            for start in range(0, len(records), WRITE_CHUNK):
                chunk = slice(start, start + WRITE_CHUNK)
                puts, notices = await self._puts(records[chunk], keys[chunk], vectors[chunk])
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
        self,
        records: Sequence[MemoryRecord],
        keys: Sequence[tuple[str, ...]],
        vectors: Sequence[Vector | None],
    ) -> tuple[list[Put], tuple[str, ...]]:
        index, notice = await self.index(records, vectors)
        if notice is not None:
            self.note_missing()
        puts = [Put(*parts) for parts in zip(records, index, keys, strict=True)]
        return puts, () if notice is None else (notice,)

    def given(self, drafts: Sequence[Draft]) -> list[Vector | None]:
        """The vectors that came with drafts; an empty list if none has one.

        Raises:
            InvalidInput: one does not fit the store's embedder, or the store has none.
        """
        if all(draft.vector is None for draft in drafts):
            return []
        return [
            None if draft.vector is None else self.vectorizer.checked(draft.vector)
            for draft in drafts
        ]

    def note_missing(self) -> None:
        """Records were stored without vectors: they are added when they can be had."""
        self._backfill.note_missing()

    async def _store_near(
        self, scope: Scope, puts: Sequence[Put], notices: tuple[str, ...]
    ) -> list[Remembered]:
        # One after the other: a near copy may stand earlier among them.
        return [await self._copies.remember(scope, put, notices) for put in puts]

    async def _store(
        self, scope: Scope, puts: Sequence[Put], notices: tuple[str, ...]
    ) -> list[Remembered]:
        written = await self.commit(puts)
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
        packed: list[bytes | None] = [None] * len(texts)
        lacking = [at for at, row in enumerate(rows) if row is None]
        vectors, notice = None, None
        tokens: list[bytes | None] = []
        if lacking:
            vectors, tokens, notice = await self._embedded([texts[at] for at in lacking])
        if vectors is not None:
            for at, vector, held in zip(lacking, vectors, tokens, strict=True):
                rows[at], packed[at] = vector, held
        terms, keys = await index_terms(self.backend, records)
        parts = zip(rows, terms, keys, packed, strict=True)
        return [IndexData(*each) for each in parts], notice

    async def reindexed(self, stored: Stored, changed: MemoryRecord) -> IndexData | None:
        """What a stored record is found by once it is changed; ``None``: by what it was.

        A text that stays keeps its vector, which must have been read: the embedder is not asked.
        """
        record = stored.record
        if index_text(changed) != index_text(record):
            (index,), _ = await self.index((changed,))
        elif labels_text(changed) != labels_text(record):
            # A store that was opened without an embedder takes no vectors.
            embeds = self.vectorizer.fingerprint is not None
            (index,), _ = await self.index((changed,), (stored.vector if embeds else None,))
        else:
            return None
        return index

    async def _embedded(
        self, texts: Sequence[str]
    ) -> tuple[Vector | None, list[bytes | None], str | None]:
        """The texts' vectors, their packed tokens if those are kept, and a notice."""
        if self.token_store is not None and self.settings.token_vectors == "on":
            return await self.vectorizer.packed_documents(texts)
        vectors, notice = await self.vectorizer.documents(texts)
        return vectors, [None] * len(texts), notice

    # The read path.

    async def recall(self, scope: Scope, query: Query) -> RecallResult:
        """The records of a scope that answer a query best."""
        self.require_open()
        result = await recall(self, scope, query)
        self.usage.add(scope.namespace, [hit.record.id for hit in result], utc_now())
        self.usage.flush_if_due()
        self._backfill.start_if_due()
        return result

    # What both paths, and the operations on single records, share.

    async def visible(
        self, scope: Scope, ids: Iterable[str], *, vectors: bool = False
    ) -> dict[str, Stored]:
        """Those of the records that any reach of the scope shows, whatever their state."""
        self.require_open()
        wanted = And((scope.accessible(), living(utc_now())))
        found = await self.backend.get(scope.namespace, list(ids), vectors=vectors)
        allowed = gate(scope, wanted)
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
            await self.commit(batch)

    async def commit(self, batch: Sequence[Operation]) -> list[WriteResult]:
        """Write operations, and tell those who wait for something new."""
        try:
            return await self.backend.write(batch)
        finally:
            # Also of a write that was cancelled: it may be done all the same.
            self.pulse.bell.ring()


def _tell(progress: Progress | None, done: int, total: int) -> None:
    if progress is not None:
        progress(done, total)
