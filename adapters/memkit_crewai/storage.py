"""MemkitStorage: CrewAI's storage of memories, in memkit."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from memkit.clock import utc_now
from memkit.drafts import Draft
from memkit.errors import Forbidden, InvalidInput, MemkitError
from memkit.filters import And, Eq, Filter, Or
from memkit.types import Hit, MemoryRecord
from memkit.validation import RECALL_LIMIT_MAX
from memkit_crewai.bounds import Bound, bound_of
from memkit_crewai.criteria import Criteria
from memkit_crewai.embedding import MemkitEmbedder
from memkit_crewai.framework import load
from memkit_crewai.handles import Handle, MemoryLike
from memkit_crewai.listing import categories_counted, children_of, told_of
from memkit_crewai.paths import Labels, labels_of, path_of
from memkit_crewai.place import Place
from memkit_crewai.records import (
    crew_record,
    draft_of,
    naive,
    own_of,
)

if TYPE_CHECKING:
    from crewai.memory.types import MemoryRecord as CrewRecord
    from crewai.memory.types import ScopeInfo

# Deep recall searches the children of a scope alone, and of them so many.
_SEARCHED = 20
_TOUCHED_MAX = 10_000


class MemkitStorage:
    """A storage for ``crewai.memory.Memory``, bound to a memkit handle.

    CrewAI's scopes are paths inside the handle's place, and no path leads out of it. What CrewAI
    keeps as private is memkit-private to the handle's agent. Safe to share among threads;
    copies are the same storage.

    Args:
        memory: a handle (its place and agent are CrewAI's), a client, or the URL or path of a
            store, which is then opened and closed here; nothing: the default store.
        root: the path that CrewAI's ``/`` stands for.
        agent: who speaks; by default the handle's agent, else ``crewai``.
        shared: whether a search that covers ``/`` finds what others than CrewAI stored
            in the place. They are found and read, never changed.
        erase: whether deleting is final. By default it can be taken back by memkit's
            ``restore``, since a model decides on it.

    Raises:
        MissingDependency: CrewAI is not installed.
        InvalidInput: an argument cannot be accepted.
    """

    def __init__(
        self,
        memory: MemoryLike = None,
        *,
        root: str = "/",
        agent: str | None = None,
        shared: bool = True,
        erase: bool = False,
    ) -> None:
        load("MemkitStorage")
        self._root = labels_of(root)
        self._handle = Handle(memory, agent)
        self._aio = self._handle.aio
        self._place = Place(self._aio, self._root, shared=shared and not self._root, erase=erase)
        self._embedder = MemkitEmbedder(self._aio)
        self._lock = threading.Lock()
        self._touched: OrderedDict[str, datetime] = OrderedDict()

    def __repr__(self) -> str:
        return f"MemkitStorage({self._aio.scope}, root={path_of(self._root)!r})"

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        # CrewAI copies memories whole; there is one store.
        return self

    @property
    def embedder(self) -> MemkitEmbedder:
        """The memory's own embedder, to hand to CrewAI: it then asks no provider."""
        return self._embedder

    def save(self, records: list[CrewRecord]) -> None:
        """Store records under their ids, all in one batch.

        Raises:
            EmbedderMismatch: a vector is another model's.
            InvalidInput: a record cannot be stored; none was.
            StoreError: the store could not keep them.
        """
        self._handle.run(self.asave(records))

    async def asave(self, records: list[CrewRecord]) -> None:
        """As :meth:`save`, awaited."""
        drafts = [self._draft(each, each.private, each.source) for each in records]
        if drafts:
            await self._aio.put_many(drafts)

    def update(self, record: CrewRecord) -> None:
        """Replace the record with this id; what is private stays so, and a source is kept.

        CrewAI's consolidation hands in records without either. A record that others than CrewAI
        wrote stays, and the new text is stored beside it.
        """
        self._handle.run(self._update(record))

    async def _update(self, record: CrewRecord) -> None:
        held = await self._place.held(record.id)
        if held is None or own_of(held) is None:
            await self.asave([record])
            return
        known = self._crew(held)
        draft = self._draft(
            record,
            known.private or record.private,
            known.source if record.source is None else record.source,
        )
        try:
            await self._aio.put_many([draft])
        except Forbidden:
            # Where a server knows who is who, nobody rewrites another's record.
            beside = f"{record.id}#{self._aio.scope.agent}"
            await self.asave([record.model_copy(update={"id": beside, "source": known.source})])

    def get_record(self, record_id: str) -> CrewRecord | None:
        """The record with this id; ``None`` if there is none, or if it was deleted."""
        return self._handle.run(self._get_record(record_id))

    async def _get_record(self, record_id: str) -> CrewRecord | None:
        held = await self._place.held(record_id)
        return None if held is None else self._crew(held)

    def search(
        self,
        query_embedding: list[float],
        scope_prefix: str | None = None,
        categories: list[str] | None = None,
        metadata_filter: dict[str, Any] | None = None,
        limit: int = 10,
        min_score: float = 0.0,
    ) -> list[tuple[CrewRecord, float]]:
        """The records that are nearest, by meaning and, where the text is known, by its words.

        Args:
            query_embedding: a vector, of ``embedder``.
            scope_prefix: the place to look in, with all below it; label by label.
            categories: only records of one of them.
            metadata_filter: only records with these values.
            limit: at most so many.
            min_score: leave out what scores less.

        Returns:
            records with their scores, 0 to 1: the mean of the cosine and memkit's estimate of
            how likely the record answers.

        Raises:
            EmbedderMismatch: the vector is another model's.
        """
        return self._handle.run(
            self.asearch(
                query_embedding, scope_prefix, categories, metadata_filter, limit, min_score
            )
        )

    async def asearch(
        self,
        query_embedding: list[float],
        scope_prefix: str | None = None,
        categories: list[str] | None = None,
        metadata_filter: dict[str, Any] | None = None,
        limit: int = 10,
        min_score: float = 0.0,
    ) -> list[tuple[CrewRecord, float]]:
        """As :meth:`search`, awaited."""
        bound = bound_of(self)
        try:
            return await self._search(
                query_embedding,
                labels_of(scope_prefix),
                Criteria(categories or None, metadata_filter or None),
                limit,
                min_score,
                bound,
            )
        except MemkitError as error:
            if bound is not None:
                bound.failures.append(error)
            raise

    async def _search(
        self,
        vector: Sequence[float],
        place: Labels,
        criteria: Criteria,
        limit: int,
        min_score: float,
        bound: Bound | None,
    ) -> list[tuple[CrewRecord, float]]:
        if limit < 1:
            return []
        if bound is not None:
            place = bound.held(place)
        wanted = [self._place.covered(place), criteria.filter()]
        if bound is not None and not bound.include_private:
            wanted.append(_seen_by(bound.source))
        text = self._embedder.text_of(vector)
        if text is None:
            self._embedder.require_own(vector)
        result = await self._aio.recall(
            text or "",
            vector=vector if text is None else None,
            limit=min(limit, RECALL_LIMIT_MAX),
            reach="exact",
            filter=And(tuple(wanted)),
            diverse=False,
        )
        found = [
            (self._crew(hit.record), score) for hit in result if (score := _score(hit)) >= min_score
        ]
        found.sort(key=lambda each: -each[1])
        return found

    def delete(
        self,
        scope_prefix: str | None = None,
        categories: list[str] | None = None,
        record_ids: list[str] | None = None,
        older_than: datetime | None = None,
        metadata_filter: dict[str, Any] | None = None,
    ) -> int:
        """Delete CrewAI's records that meet all that is given.

        Unless the storage erases, memkit's ``restore`` brings them back. An empty list of ids
        or categories matches nothing.

        Returns:
            how many there were.

        Raises:
            InvalidInput: nothing is given; ``reset`` deletes everything.
        """
        return self._handle.run(
            self.adelete(scope_prefix, categories, record_ids, older_than, metadata_filter)
        )

    async def adelete(
        self,
        scope_prefix: str | None = None,
        categories: list[str] | None = None,
        record_ids: list[str] | None = None,
        older_than: datetime | None = None,
        metadata_filter: dict[str, Any] | None = None,
    ) -> int:
        """As :meth:`delete`, awaited."""
        criteria = Criteria(categories, metadata_filter, older_than, labels_of(scope_prefix))
        if scope_prefix is None and record_ids is None and not criteria.given:
            raise InvalidInput("say which memories to delete; reset() deletes all of a scope")
        if record_ids is None:
            records = await self._place.own(criteria.place, criteria.filter())
        else:
            held = [await self._place.held(id_) for id_ in dict.fromkeys(record_ids)]
            records = [each for each in held if each is not None and own_of(each) is not None]
        chosen = [each.id for each in records if criteria.meets(self._crew(each))]
        await self._place.remove(chosen)
        return len(chosen)

    def reset(self, scope_prefix: str | None = None) -> None:
        """Delete all of CrewAI's records of a scope, or of this storage's root.

        What others than CrewAI stored stays, and so does what lies above or beside the root.
        """
        self._handle.run(self._reset(labels_of(scope_prefix)))

    async def _reset(self, place: Labels) -> None:
        await self._place.remove([each.id for each in await self._place.own(place)])
        self._embedder.forget()

    def list_records(
        self, scope_prefix: str | None = None, limit: int = 200, offset: int = 0
    ) -> list[CrewRecord]:
        """CrewAI's records of a scope, newest first."""
        if limit < 1 or offset < 0:
            return []
        records = [self._crew(each) for each in self._all(scope_prefix)]
        records.sort(key=lambda each: each.created_at, reverse=True)
        return records[offset : offset + limit]

    def get_scope_info(self, scope: str) -> ScopeInfo:
        """How many of CrewAI's records a scope has, of which categories and times."""
        records = [self._crew(each) for each in self._all(scope)]
        return told_of(labels_of(scope), records)

    def list_scopes(self, parent: str = "/") -> list[str]:
        """The scopes right below one that hold records.

        ``parent`` itself comes first where that alone leads to all of it: if it has both
        children and memories of its own, or more than 20 children. CrewAI's deep recall
        searches what is listed here and nothing else, and of it the first 20.
        """
        return self._handle.run(self._list_scopes(labels_of(parent)))

    async def _list_scopes(self, place: Labels) -> list[str]:
        paths = await self._place.paths()
        children = children_of(place, paths)
        if not children:
            return []
        direct = place in paths or (not place and await self._place.has_foreign())
        whole = [path_of(place)] if direct or len(children) > _SEARCHED else []
        return whole + children

    def list_categories(self, scope_prefix: str | None = None) -> dict[str, int]:
        """The categories of CrewAI's records of a scope, and on how many each is."""
        return categories_counted(self._all(scope_prefix))

    def count(self, scope_prefix: str | None = None) -> int:
        """How many records CrewAI has in a scope."""
        lies = self._place.lies_in(labels_of(scope_prefix))
        return self._handle.run(self._aio.count(reach="exact", filter=lies))

    def touch_records(self, record_ids: list[str]) -> None:
        """Note that these records were recalled just now.

        Nothing is written: memkit counts recalls itself, and stores the counts now and then.
        """
        now = naive(utc_now())
        with self._lock:
            for record_id in record_ids:
                self._touched[record_id] = now
                self._touched.move_to_end(record_id)
            while len(self._touched) > _TOUCHED_MAX:
                self._touched.popitem(last=False)

    def close(self) -> None:
        """Close the memory if this storage opened it; one that was handed in stays open."""
        self._handle.close()

    def _draft(self, record: CrewRecord, private: bool, source: str | None) -> Draft:
        draft = draft_of(record, self._root, private=private, source=source)
        vector = record.embedding
        if not vector:
            return draft
        if self._embedder.given:
            return replace(draft, vector=vector)
        # memkit embeds the text itself, as a document; the vector tells whether CrewAI's
        # queries will be of the same model.
        if not self._embedder.made(vector, record.content):
            self._embedder.require_own(vector, record.content)
        return draft

    def _crew(self, record: MemoryRecord) -> CrewRecord:
        found = crew_record(record, self._root)
        with self._lock:
            touched = self._touched.get(found.id)
        if touched is not None and touched > found.last_accessed:
            found.last_accessed = touched
        return found

    def _all(self, scope: str | None) -> list[MemoryRecord]:
        return self._handle.run(self._place.own(labels_of(scope)))


def _seen_by(source: str | None) -> Filter:
    """The filter of what CrewAI shows to a source: what is not private, and its own."""
    shared = Eq("visibility", "shared")
    return shared if not source else Or((shared, Eq("source", source)))


def _score(hit: Hit) -> float:
    likely = hit.relevance or 0.0
    if not hit.why.legs.keys() - {"lexical"}:
        # Words alone: there is no cosine to speak of.
        return likely
    dense = hit.why.legs.get("dense")
    cosine = 0.0 if dense is None else min(1.0, max(0.0, dense.score))
    return (cosine + likely) / 2
