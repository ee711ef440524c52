"""A batch of a LangGraph store's operations, carried out on an asynchronous memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from langgraph.store.base import (
    GetOp,
    ListNamespacesOp,
    Op,
    PutOp,
    Result,
    SearchItem,
    SearchOp,
    validate_op_namespace,
)

from memkit import AsyncMemory
from memkit.errors import (
    Forbidden,
    InvalidInput,
    MemkitError,
    RecordNotFound,
    StoreReadOnly,
    VersionConflict,
)
from memkit.filters import And, Eq, Filter, In
from memkit.scope import Reach
from memkit.types import Hit, MemoryRecord, Visibility
from memkit.validation import RECALL_LIMIT_MAX, check_count
from memkit_langgraph.store_filters import ValueFilter, value_filter
from memkit_langgraph.store_items import (
    FOUND_BY_QUERY,
    OURS,
    draft_of,
    found_item,
    is_item,
    item_of,
    memory_key,
    minutes_of,
    prolonged,
    value_of,
)
from memkit_langgraph.store_labels import Labels, below, labels_of, matches_all, spelt_out
from memkit_langgraph.store_texts import likeness, words_of

_MOST = 2**62
_GONE = (RecordNotFound,)
# A read may not fail because what it read was changed or deleted meanwhile, or may only be read.
_NOT_PROLONGED = (RecordNotFound, VersionConflict, InvalidInput, StoreReadOnly, Forbidden)
# Ids that one recall is restricted to, where a filter is not the backend's.
_IDS = 2000


@dataclass(frozen=True, slots=True)
class Operations:
    """What a store does, on one memory's scope.

    Attributes:
        memory: the handle; its place alone is read and written.
        paths: what of a value is indexed, unless a put says it.
        kind: the kind of the memories.
        private: whether they are the handle's agent's alone.
        on_delete: whether what is deleted is gone, or can be restored.
    """

    memory: AsyncMemory
    paths: tuple[str, ...]
    kind: str
    private: bool
    on_delete: Literal["erase", "forget"]
    # Namespaces too long for a tag, by tag: a tag never comes to mean another one.
    _looked_up: dict[str, Labels] = field(default_factory=dict)

    async def carry_out(self, ops: Iterable[Op]) -> list[Result]:
        """Carry out operations: what they read is as it was before the first of them wrote.

        Raises:
            InvalidInput: an operation cannot be accepted; nothing was written.
        """
        batch = list(ops)
        last: dict[tuple[Labels, str], PutOp] = {}
        reads: list[tuple[int, Awaitable[Result]]] = []
        for op in batch:
            if not isinstance(op, GetOp | SearchOp | ListNamespacesOp | PutOp):
                raise InvalidInput(f"a store has no operation {type(op).__name__}")
            validate_op_namespace(op)
            if isinstance(op, PutOp):
                namespace, key = tuple(op.namespace), str(op.key)
                last[namespace, key] = op._replace(namespace=namespace, key=key)
        # All are checked before anything is done.
        drafts = [
            draft_of(op, self.paths, self.kind, private=self.private)
            for op in last.values()
            if op.value is not None
        ]
        filters = {at: value_filter(op.filter) for at, op in _searches(batch)}
        gets = {at: self._id(op) for at, op in enumerate(batch) if isinstance(op, GetOp)}
        results: list[Result] = [None] * len(batch)
        if gets:
            for at, item in (await self._got(batch, gets)).items():
                results[at] = item
        reads += [(at, self._search(op, filters[at])) for at, op in _searches(batch)]
        reads += [
            (at, self._namespaces(op))
            for at, op in enumerate(batch)
            if isinstance(op, ListNamespacesOp)
        ]
        found = await _all_of([read for _, read in reads])
        for (at, _), result in zip(reads, found, strict=True):
            results[at] = result
        await self._delete([self._id(op) for op in last.values() if op.value is None])
        if drafts:
            await self.memory.put_many(drafts)
        return results

    def _id(self, op: GetOp | PutOp) -> str:
        key = memory_key(tuple(op.namespace), str(op.key))
        return self.memory.id_of(key, private=self.private)

    async def _got(self, batch: Sequence[Op], ids: dict[int, str]) -> dict[int, Result]:
        records = await self.memory.get_many(set(ids.values()))
        there = {at: records[id_] for at, id_ in ids.items() if id_ in records}
        there = {at: record for at, record in there.items() if is_item(record)}
        refreshed = {
            record.id: record
            for at, record in there.items()
            if isinstance(op := batch[at], GetOp) and op.refresh_ttl
        }
        await self._prolong(refreshed.values())
        return {at: item_of(record) for at, record in there.items()}

    async def _delete(self, ids: Sequence[str]) -> None:
        if not ids:
            return
        held = await self.memory.get_many(ids)
        doomed = [id_ for id_, record in held.items() if is_item(record)]
        if self.on_delete == "forget":
            await _all_of([_unless(_GONE, self.memory.forget(id_)) for id_ in doomed])
        elif doomed:
            try:
                await self.memory.erase(doomed)
            except _GONE:
                # Somebody else deletes too: nothing was erased, and some of them are still there.
                for id_ in doomed:
                    await _unless(_GONE, self.memory.erase(id_))

    async def _prolong(self, records: Iterable[MemoryRecord]) -> None:
        """Let items live as long again as they did when they were put."""
        spans = [(record, minutes_of(record)) for record in records]
        await _all_of(
            [
                _unless(
                    _NOT_PROLONGED,
                    self.memory.update(
                        record.id,
                        metadata=prolonged(record),
                        ttl=minutes * 60,
                        expect_version=record.version,
                    ),
                )
                for record, minutes in spans
                if minutes is not None
            ]
        )

    # Searching.

    async def _search(self, op: SearchOp, wanted: ValueFilter) -> list[SearchItem]:
        start, stop = _window(op.offset, op.limit)
        if start == stop:
            return []
        filters = (self._own(), *below(tuple(op.namespace_prefix)), *wanted.asked)
        if op.query is not None and not isinstance(op.query, str):
            raise InvalidInput(f"a query is text, not {type(op.query).__name__}")
        if op.query and not op.query.isspace():
            hits = (await self._recalled(op.query, filters, wanted, stop))[start:]
            asked = words_of(op.query)
            records = [hit.record for hit in hits]
            scores: list[float | None] = [likeness(hit, asked) for hit in hits]
        else:
            records = [record async for record in self._listed(filters, wanted, stop)][start:]
            scores = [None] * len(records)
        if op.refresh_ttl:
            await self._prolong(records)
        return [found_item(*each) for each in zip(records, scores, strict=True)]

    def _own(self) -> Filter:
        """What holds of this store's items: no other memory of the place."""
        visibility = Visibility.PRIVATE if self.private else Visibility.SHARED
        return And((OURS, Eq("visibility", visibility.value)))

    async def _listed(
        self, filters: tuple[Filter, ...], wanted: ValueFilter, most: int
    ) -> AsyncIterator[MemoryRecord]:
        """At most so many items that match, the last put first."""
        cursor: str | None = None
        page_size = min(most, RECALL_LIMIT_MAX) if wanted.complete else RECALL_LIMIT_MAX
        given = 0
        while True:
            page = await self.memory.list(
                reach=Reach.EXACT,
                filter=And(filters),
                order_by="updated_at",
                cursor=cursor,
                limit=page_size,
            )
            for record in page:
                if wanted.complete or wanted.matches(value_of(record)):
                    yield record
                    given += 1
                    if given == most:
                        return
            cursor = page.cursor
            if cursor is None:
                return

    async def _recalled(
        self, query: str, filters: tuple[Filter, ...], wanted: ValueFilter, most: int
    ) -> Sequence[Hit]:
        """At most so many hits that match, best first."""
        limit = min(most, RECALL_LIMIT_MAX)
        filters += (FOUND_BY_QUERY,)
        if wanted.complete:
            return await self._hits(query, filters, limit)
        ids = [record.id async for record in self._listed(filters, wanted, _MOST)]
        hits: list[Hit] = []
        for start in range(0, len(ids), _IDS):
            among = In("id", tuple(ids[start : start + _IDS]))
            hits += await self._hits(query, (*filters, among), limit)
        hits.sort(key=lambda hit: -hit.score)
        return hits[:limit]

    async def _hits(self, query: str, filters: tuple[Filter, ...], limit: int) -> tuple[Hit, ...]:
        result = await self.memory.recall(
            query, limit=limit, reach=Reach.EXACT, filter=And(filters), diverse=False
        )
        return result.hits

    # Namespaces.

    async def _namespaces(self, op: ListNamespacesOp) -> list[Labels]:
        start, stop = _window(op.offset, op.limit)
        tags = await self.memory.tags(reach=Reach.EXACT)
        namespaces, hashed = spelt_out(tags, private=self.private)
        namespaces.update(await self._looked(hashed))
        chosen = {each for each in namespaces if matches_all(each, op.match_conditions or ())}
        if op.max_depth is not None:
            chosen = {each[: op.max_depth] for each in chosen}
        return sorted(chosen)[start:stop]

    async def _looked(self, tags: Sequence[str]) -> list[Labels]:
        """The namespaces of tags that do not spell them, from an item of each."""
        for tag in tags:
            if tag not in self._looked_up:
                page = await self.memory.list(
                    reach=Reach.EXACT, tags=[tag], filter=self._own(), limit=1
                )
                for record in page:
                    self._looked_up[tag] = labels_of(record.metadata)
        return [self._looked_up[tag] for tag in tags if tag in self._looked_up]


def _searches(batch: Sequence[Op]) -> list[tuple[int, SearchOp]]:
    return [(at, op) for at, op in enumerate(batch) if isinstance(op, SearchOp)]


def _window(offset: object, limit: object) -> tuple[int, int]:
    start = check_count(offset, "offset", 0, _MOST)
    return start, start + check_count(limit, "limit", 0, _MOST)


async def _all_of(works: Sequence[Awaitable[Result]] | Sequence[Awaitable[None]]) -> list[Result]:
    """What all of them give, in order; they run at once, and none goes on alone."""
    if len(works) == 1:
        return [await works[0]]
    results = await asyncio.gather(*works, return_exceptions=True)
    done: list[Result] = []
    for result in results:
        if isinstance(result, BaseException):
            raise result
        done.append(result)
    return done


async def _unless(hindered: tuple[type[MemkitError], ...], work: Awaitable[object]) -> None:
    """Do it, unless it cannot be done for one of these reasons."""
    try:
        await work
    except hindered:
        return
