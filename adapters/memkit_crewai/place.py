"""The part of a memory that a storage keeps CrewAI's records in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from memkit import AsyncMemory
from memkit.drafts import KEY_MAX
from memkit.errors import InvalidInput
from memkit.filters import And, ContainsAny, Exists, Filter, Not, Or
from memkit.types import MemoryRecord, State
from memkit.validation import RECALL_LIMIT_MAX, check_id
from memkit_crewai.paths import ROOT, Labels, contains, labels_of, path_of
from memkit_crewai.records import LONG_PATH_TAG, PATH_TAG, WITHIN, own_of

_PLACED = PATH_TAG + ROOT
_FOREIGN = Not(Exists(f"metadata.{WITHIN}"))


class Place:
    """The records of a handle's place from a root on; those that others wrote are read alone.

    Args:
        aio: the handle.
        root: where CrewAI's paths begin.
        shared: whether what others than CrewAI stored belongs to it.
        erase: whether removing is final.
    """

    def __init__(self, aio: AsyncMemory, root: Labels, *, shared: bool, erase: bool) -> None:
        self.aio = aio
        self.root = root
        self.shared = shared
        self._erase = erase

    def lies_in(self, place: Labels) -> Filter:
        """The filter of CrewAI's own records of a place and all below it."""
        return ContainsAny(f"metadata.{WITHIN}", (path_of((*self.root, *place)),))

    def covered(self, place: Labels) -> Filter:
        """The filter of all that a search of a place finds."""
        if self.shared and not place:
            return Or((self.lies_in(place), _FOREIGN))
        return self.lies_in(place)

    async def held(self, record_id: str) -> MemoryRecord | None:
        """The active record with one of CrewAI's ids, or of memkit's for what others wrote."""
        if not isinstance(record_id, str) or not record_id.strip() or len(record_id) > KEY_MAX:
            return None
        ids = [self.aio.id_of(record_id), self.aio.id_of(record_id, private=True)]
        if self.shared and _is_id(record_id):
            ids.append(record_id)
        found = await self.aio.get_many(ids)
        scope = self.aio.scope
        for id_ in ids:
            record = found.get(id_)
            if record is None or record.state != State.ACTIVE:
                continue
            if (record.project, record.task) != (scope.project, scope.task):
                continue
            own = own_of(record)
            if self.shared if own is None else self._holds(own):
                return record
        return None

    def _holds(self, own: Mapping[str, Any]) -> bool:
        return contains(self.root, labels_of(own["scope"]))

    async def own(self, place: Labels, also: Filter | None = None) -> list[MemoryRecord]:
        """CrewAI's own records of a place and all below it."""
        lies = self.lies_in(place)
        wanted = lies if also is None else And((lies, also))
        records: list[MemoryRecord] = []
        cursor: str | None = None
        while True:
            page = await self.aio.list(
                reach="exact", filter=wanted, cursor=cursor, limit=RECALL_LIMIT_MAX
            )
            records += page.records
            cursor = page.cursor
            if cursor is None:
                return records

    async def paths(self) -> set[Labels]:
        """The places, below the root, that hold records of CrewAI's."""
        tags = await self.aio.tags(reach="exact")
        paths = {labels_of(tag.removeprefix(PATH_TAG)) for tag in tags if tag.startswith(_PLACED)}
        if LONG_PATH_TAG in tags:
            for record in await self.own((), ContainsAny("tags", (LONG_PATH_TAG,))):
                paths.add(labels_of((own_of(record) or {}).get("scope")))
        depth = len(self.root)
        return {path[depth:] for path in paths if contains(self.root, path)}

    async def remove(self, ids: Sequence[str]) -> None:
        """Forget these records, or erase them if that is how the storage removes."""
        if self._erase:
            for start in range(0, len(ids), RECALL_LIMIT_MAX):
                await self.aio.erase(ids[start : start + RECALL_LIMIT_MAX])
        else:
            for id_ in ids:
                await self.aio.forget(id_)

    async def has_foreign(self) -> bool:
        """Whether others than CrewAI stored anything that belongs to it."""
        return self.shared and bool(await self.aio.count(reach="exact", filter=_FOREIGN))


def _is_id(text: str) -> bool:
    try:
        check_id(text)
    except InvalidInput:
        return False
    return True
