"""Copies: what becomes of a memory that is there already, exactly or nearly.

An exact copy is recognised by its content key, on which the store itself is unique. Near
copies find each other through signature keys, so that no write scans the store; they are
merged only when cosine, word overlap and agreement of numbers, negations and names all say
so, and otherwise reported. A merged text is kept verbatim behind the record it joined.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from memkit.clock import utc_now
from memkit.drafts import (
    IDEMPOTENCY_KEY,
    REQUEST_KEY,
    content_key,
    without_content_key,
)
from memkit.errors import IdempotencyConflict, StoreUnavailable, VersionConflict
from memkit.filters import And, ContainsAny, Eq, Exists, Filter, Not
from memkit.hints import UNSEEN, message_hint
from memkit.protocols import (
    Applied,
    Duplicate,
    Operation,
    Patch,
    Put,
    SignatureLookup,
    Stored,
    WriteResult,
)
from memkit.scope import Reach, Scope
from memkit.selection import living
from memkit.types import MemoryRecord, NearCopy, Remembered, RememberStatus, State

if TYPE_CHECKING:
    from memkit.engine import Engine

# A crowd under one signature key must not make a write slow.
_CANDIDATES = 16
# Of those that cannot be merged, the nearest are told: comparing texts is what costs.
_REPORTED = 5
_ATTEMPTS = 16


class Copies:
    """Stores records among their copies."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        # Asked once: such a question of a protocol costs as much as a small query.
        backend = engine.backend
        self._lookup = backend if isinstance(backend, SignatureLookup) else None

    async def remember(self, scope: Scope, put: Put, notices: tuple[str, ...]) -> Remembered:
        """Store a record unless it is a copy; near copies are merged or reported."""
        from memkit.retrieval.near import MERGE_COSINE, MERGE_OVERLAP

        near = await self._near(scope, put)
        for stored, copy in near:
            exact = content_key(stored.record) == content_key(put.record)
            gates = copy.cosine >= MERGE_COSINE and copy.overlap >= MERGE_OVERLAP and copy.agrees
            if gates and not exact and _compatible(put.record, stored.record):
                return await self._merge(put, stored, notices)
        (result,) = await self._engine.commit((put,))
        outcome = await self.outcome(put, result, notices)
        if outcome.status is not RememberStatus.STORED:
            return outcome
        return replace(outcome, near=tuple(copy for _, copy in near))

    async def outcome(self, put: Put, result: WriteResult, notices: tuple[str, ...]) -> Remembered:
        """What a write of ``put`` came to, with what a duplicate still lacked added to it.

        Raises:
            IdempotencyConflict: its idempotency key was used for another memory.
        """
        for _ in range(_ATTEMPTS):
            if isinstance(result, Applied):
                return Remembered(RememberStatus.STORED, put.record, notices=notices)
            existing = await self._holder(put, result)
            if existing is not None:
                return await self._duplicate(put, result, existing, notices)
            (result,) = await self._engine.commit((put,))
        raise StoreUnavailable("a copy of this memory keeps coming and going: try again")

    async def _holder(self, put: Put, result: Duplicate) -> Stored | None:
        """The living record that holds a key; one that has expired gives its keys back."""
        namespace = put.record.namespace
        existing = (await self._engine.backend.get(namespace, (result.id,), vectors=True)).get(
            result.id
        )
        if existing is None:
            return None
        expires = existing.record.expires_at
        if expires is None or expires > utc_now():
            return existing
        record = existing.record
        released = Patch(
            replace(record, version=record.version + 1),
            expect_version=record.version,
            unique=(),
            about=UNSEEN,
        )
        await self._write_unless_overtaken((released,))
        return None

    async def _duplicate(
        self,
        put: Put,
        result: Duplicate,
        existing: Stored,
        notices: tuple[str, ...],
    ) -> Remembered:
        record = existing.record
        if result.key.startswith(IDEMPOTENCY_KEY):
            request = [key for key in put.unique if key.startswith(REQUEST_KEY)]
            if not set(request) <= set(existing.unique):
                raise IdempotencyConflict(
                    f"this idempotency key already stored record {record.id}, a different "
                    "memory: use a new key for each memory"
                )
        elif record.state == State.ACTIVE:
            record = await self._with_tags(existing, put.record.tags)
        return Remembered(RememberStatus.DUPLICATE, record, matched=record.id, notices=notices)

    async def _with_tags(self, stored: Stored, tags: Sequence[str]) -> MemoryRecord:
        for _ in range(_ATTEMPTS):
            record = stored.record
            patch = await self._tagged(stored, tags)
            if patch is None:
                return record
            if await self._write_unless_overtaken((patch,)):
                return patch.record
            found = await self._engine.backend.get(record.namespace, (record.id,), vectors=True)
            if record.id not in found:
                return record
            stored = found[record.id]
        return stored.record

    async def _tagged(self, stored: Stored, tags: Sequence[str]) -> Patch | None:
        """The patch that adds the tags that a record lacks; ``None`` if it has them all."""
        record = stored.record
        missing = [tag for tag in tags if tag not in record.tags and not tag.startswith("agent:")]
        if not missing:
            return None
        changed = replace(
            record,
            tags=(*record.tags, *missing),
            updated_at=utc_now(),
            version=record.version + 1,
        )
        index = await self._engine.reindexed(stored, changed)
        sent = message_hint(record.tags, changed.tags)
        return Patch(changed, record.version, index, about=sent)

    async def _near(self, scope: Scope, put: Put) -> list[tuple[Stored, NearCopy]]:
        from memkit.retrieval.analysis import analyze
        from memkit.retrieval.near import MERGE_COSINE, REPORT_COSINE, agrees, overlap
        from memkit.retrieval.text import index_text

        record, index = put.record, put.index
        if not index.signature or index.vector is None:
            return []
        wanted = And((_comparable(scope, record.visibility, record.kind), living(utc_now())))
        near: list[tuple[float, Stored]] = []
        for stored in await self._sharing(record.namespace, index.signature, wanted):
            if stored.vector is not None:
                cosine = float(stored.vector @ index.vector)
                if cosine >= REPORT_COSINE:
                    near.append((cosine, stored))
        near.sort(key=lambda pair: (-pair[0], pair[1].record.id))
        # Texts are compared, not what the records are labelled with.
        words = analyze(index_text(record)) if near else ()
        found = []
        for rank, (cosine, stored) in enumerate(near):
            if rank >= _REPORTED and cosine < MERGE_COSINE:
                break
            other = stored.record
            shared = overlap(words, analyze(index_text(other)))
            same = agrees(record.content, other.content)
            found.append((stored, NearCopy(other.id, cosine, shared, same)))
        return found

    async def _sharing(
        self, namespace: str, signature: tuple[str, ...], wanted: Filter
    ) -> Sequence[Stored]:
        if self._lookup is not None:
            return await self._lookup.sharing(namespace, signature, wanted, _CANDIDATES)
        shared = And((wanted, ContainsAny("signature", signature)))
        page = await self._engine.backend.scan(namespace, shared, limit=_CANDIDATES, vectors=True)
        return page.items

    async def _merge(self, put: Put, existing: Stored, notices: tuple[str, ...]) -> Remembered:
        """Keep the new text behind the record that says it already."""
        for _ in range(_ATTEMPTS):
            into = existing.record
            now = utc_now()
            kept = replace(
                put.record,
                state=State.MERGED.value,
                superseded_by=into.id,
                superseded_at=now,
            )
            batch: list[Operation] = [Put(kept, put.index, without_content_key(put.unique))]
            # The version is checked even where no tag is new: the record may be gone.
            patch = await self._tagged(existing, kept.tags) or Patch(
                into, expect_version=into.version, about=UNSEEN
            )
            batch.append(patch)
            try:
                result, _ = await self._engine.commit(batch)
            except VersionConflict:
                found = await self._engine.backend.get(into.namespace, (into.id,), vectors=True)
                current = found.get(into.id)
                if current is None or current.record.state != State.ACTIVE:
                    (result,) = await self._engine.commit((put,))
                    return await self.outcome(put, result, notices)
                existing = current
                continue
            if isinstance(result, Duplicate):
                return await self.outcome(put, result, notices)
            return Remembered(
                RememberStatus.MERGED,
                patch.record,
                matched=into.id,
                merged=kept.id,
                notices=notices,
            )
        raise StoreUnavailable("the record to merge with keeps changing: try again")

    async def _write_unless_overtaken(self, batch: Sequence[Operation]) -> bool:
        try:
            await self._engine.commit(batch)
        except VersionConflict:
            return False
        return True


@lru_cache(maxsize=1024)
def _comparable(scope: Scope, visibility: str, kind: str) -> Filter:
    """The records that a new one in this scope may be a near copy of."""
    return And(
        (
            scope.readable(Reach.EXACT),
            Eq("state", State.ACTIVE.value),
            Eq("visibility", visibility),
            Eq("kind", kind),
            # A fact is told from another by its parts, not by its sentence.
            Not(Exists("subject")),
        )
    )


def _compatible(new: MemoryRecord, old: MemoryRecord) -> bool:
    """Whether merging would lose nothing but wording."""
    return (
        new.metadata == old.metadata
        and new.speaker == old.speaker
        and new.occurred_at == old.occurred_at
        and new.expires_at == old.expires_at
        and new.pinned == old.pinned
    )
