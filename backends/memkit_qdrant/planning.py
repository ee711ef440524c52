"""A batch of operations, worked out against what is stored before anything is written."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from memkit.backing.packing import checked_vector
from memkit.errors import InvalidInput, RecordNotFound, VersionConflict
from memkit.protocols import (
    Applied,
    Delete,
    Duplicate,
    IndexData,
    Operation,
    Patch,
    Put,
    Touch,
    WriteResult,
)
from memkit.types import MemoryRecord
from memkit_qdrant.names import Generation, point_id
from memkit_qdrant.payloads import payload_of, record_of
from memkit_qdrant.plans import (
    Held,
    Insert,
    Overwrite,
    Place,
    Plan,
    Remove,
    Replace,
    carried_fields,
    vectors_of,
)
from memkit_qdrant.transport import Payload

if TYPE_CHECKING:
    from memkit_qdrant.transport import AnyVector

# How many of the last writes a payload remembers, to tell one's own among others' that followed.
_STAMPS = 8


@dataclass(slots=True)
class _Draft:
    """A record as the batch leaves it; ``index`` is ``None`` while the stored one stays."""

    record: MemoryRecord
    unique: tuple[str, ...]
    signature: tuple[str, ...]
    embedded: bool
    index: IndexData | None
    #: Index data of other generations stays valid: nothing but counters changed.
    counted_only: bool = False


class Planner:
    """Works out one batch.

    Args:
        held: the stored records that the batch is about, by place.
        holders: who holds each of the batch's unique keys.
        generation: of the index data that is written.
        staged: the generation that a re-embedding stages, if one was begun.
        dimension: of its vectors, ``None`` while it is not known.
        stamped: whether points are marked, so that one's own writes are known again.
    """

    def __init__(
        self,
        held: Mapping[Place, Held],
        holders: Mapping[Place, str],
        generation: Generation,
        staged: Generation | None,
        dimension: int | None,
        *,
        stamped: bool,
    ) -> None:
        self._held = held
        self._holders = dict(holders)
        self._generation = generation
        self._staged = staged
        self._dimension = dimension
        self._stamped = stamped
        self._drafts: dict[Place, _Draft | None] = {}

    @property
    def dimension(self) -> int | None:
        """That of the vectors: the batch's first, if none was known."""
        return self._dimension

    @property
    def embedded(self) -> bool:
        """Whether the batch writes vectors."""
        return any(
            draft is not None and draft.index is not None and draft.index.vector is not None
            for draft in self._drafts.values()
        )

    def plan(self, batch: Sequence[Operation]) -> Plan:
        """What the batch comes to.

        Raises:
            VersionConflict, RecordNotFound: of a patch.
            InvalidInput, EmbedderMismatch: something in it cannot be stored.
        """
        plan = Plan([self._apply(operation) for operation in batch])
        # 53 bits: every reader of JSON has such a number whole.
        plan.stamp = secrets.randbits(53)
        for place, draft in self._drafts.items():
            self._settle(plan, place, draft)
        return plan

    def _apply(self, operation: Operation) -> WriteResult:
        match operation:
            case Put(record, index, unique):
                return self._put(record, index, unique)
            case Patch():
                return self._patch(operation)
            case Touch(namespace, id_):
                if (draft := self._draft((namespace, id_))) is not None:
                    self._drafts[namespace, id_] = _touched(draft, operation)
            case Delete(namespace, id_):
                if (draft := self._draft((namespace, id_))) is not None:
                    self._free((namespace, id_), draft.unique)
                    self._drafts[namespace, id_] = None
        return Applied()

    def _draft(self, place: Place) -> _Draft | None:
        if place in self._drafts:
            return self._drafts[place]
        held = self._held.get(place)
        if held is None:
            return None
        number = self._generation.number
        return _Draft(
            record_of(held.payload),
            held.unique,
            tuple(held.payload.get(self._generation.signature, ())),
            number in held.payload.get("embedded", ()),
            None,
            counted_only=True,
        )

    def _put(self, record: MemoryRecord, index: IndexData, unique: tuple[str, ...]) -> WriteResult:
        place = (record.namespace, record.id)
        if self._draft(place) is not None:
            return Duplicate(record.id, record.id)
        if (taken := self._taken(place, unique)) is not None:
            return taken
        self._hold(place, unique)
        self._drafts[place] = self._indexed(record, unique, index)
        return Applied()

    def _patch(self, patch: Patch) -> WriteResult:
        record = patch.record
        place = (record.namespace, record.id)
        draft = self._draft(place)
        if draft is None:
            raise RecordNotFound("there is no record with this id to change")
        stored = draft.record
        if stored.version != patch.expect_version:
            raise VersionConflict(
                f"the record is at version {stored.version}, not {patch.expect_version}: read "
                "it again and repeat the change"
            )
        unique = draft.unique if patch.unique is None else patch.unique
        if (taken := self._taken(place, unique)) is not None:
            return taken
        self._free(place, draft.unique)
        self._hold(place, unique)
        # The counters are Touch's.
        record = replace(
            record,
            uses=stored.uses,
            used_at=stored.used_at,
            useful=stored.useful,
            useless=stored.useless,
        )
        if patch.index is not None:
            self._drafts[place] = self._indexed(record, unique, patch.index)
        else:
            self._drafts[place] = replace(draft, record=record, unique=unique, counted_only=False)
        return Applied()

    def _indexed(self, record: MemoryRecord, unique: tuple[str, ...], index: IndexData) -> _Draft:
        vector = index.vector
        if vector is not None:
            # A copy: the caller may change its own afterwards.
            vector = checked_vector(vector, self._dimension).copy()
            if not np.isfinite(vector).all():
                raise InvalidInput("a vector holds numbers that are not finite")
            self._dimension = vector.size
        kept = IndexData(vector, tuple(index.terms), tuple(index.signature))
        return _Draft(record, tuple(unique), kept.signature, vector is not None, kept)

    def _taken(self, place: Place, unique: Iterable[str]) -> Duplicate | None:
        for key in unique:
            holder = self._holders.get((place[0], key))
            if holder is not None and holder != place[1]:
                return Duplicate(holder, key)
        return None

    def _hold(self, place: Place, unique: Iterable[str]) -> None:
        for key in unique:
            self._holders[place[0], key] = place[1]

    def _free(self, place: Place, unique: Iterable[str]) -> None:
        for key in unique:
            if self._holders.get((place[0], key)) in (None, place[1]):
                self._holders.pop((place[0], key), None)

    def _settle(self, plan: Plan, place: Place, draft: _Draft | None) -> None:
        held = self._held.get(place)
        before = set() if held is None else set(held.unique)
        after = set() if draft is None else set(draft.unique)
        plan.taken.update({(place[0], key): place[1] for key in after - before})
        plan.freed.update({(place[0], key): place[1] for key in before - after})
        if draft is None:
            if held is not None:
                plan.actions[place] = Remove(point_id(*place))
            return
        payload = self._payload(plan, draft, held)
        id_ = point_id(*place)
        expected = held.stamps[0] if held is not None and held.stamps else None
        if draft.index is None:
            plan.actions[place] = Overwrite(id_, payload, expected)
        elif held is None:
            plan.actions[place] = Insert(id_, self._vectors(place[0], draft.index), payload)
        else:
            vectors = self._vectors(place[0], draft.index)
            plan.actions[place] = Replace(id_, vectors, payload, expected)

    def _payload(self, plan: Plan, draft: _Draft, held: Held | None) -> Payload:
        payload = payload_of(
            draft.record,
            draft.unique,
            draft.signature,
            self._generation,
            embedded=draft.embedded,
        )
        if held is not None and draft.counted_only:
            for name in carried_fields(self._staged):
                if name in held.payload:
                    payload[name] = held.payload[name]
        if self._stamped:
            older = () if held is None else held.stamps
            payload["stamp"] = plan.stamp
            payload["stamps"] = [plan.stamp, *older][:_STAMPS]
        return payload

    def _vectors(self, namespace: str, index: IndexData) -> dict[str, AnyVector]:
        return vectors_of(namespace, index, self._generation)


def _touched(draft: _Draft, touch: Touch) -> _Draft:
    record = draft.record
    return replace(
        draft,
        record=replace(
            record,
            uses=record.uses + touch.uses,
            used_at=max((t for t in (record.used_at, touch.used_at) if t), default=None),
            useful=record.useful + touch.useful,
            useless=record.useless + touch.useless,
        ),
    )
