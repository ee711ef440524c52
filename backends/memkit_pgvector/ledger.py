"""What the operations of a batch come to, worked out before anything is written.

A transaction reads and locks what its batches name, then a :class:`Ledger` carries their
operations out in memory, one batch after another, and only what they come to is written. So a
batch costs the same few statements however long it is, and one that fails leaves no trace
among the others of its transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias

import numpy as np

from memkit.backing.hashing import unique_hash
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
from memkit_pgvector.keys import namespace_key, record_key
from memkit_pgvector.schema import OP_DELETE, OP_PATCH, OP_PUT

#: A namespace's key and a record's, or a namespace's and that of a unique key.
Key: TypeAlias = tuple[bytes, bytes]
_APPLIED = Applied()


@dataclass(frozen=True, slots=True)
class Held:
    """What is stored of a record that the ledger needs."""

    version: int
    unique: tuple[str, ...]
    signature: tuple[str, ...]
    embedded: bool
    length: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A record as a batch leaves it.

    Attributes:
        stored: what the table holds of it before, ``None`` if nothing.
        held: what it is to hold, ``None`` if it is to be gone.
        record: the record to write, ``None`` where the stored one stays.
        index: the index data to write, ``None`` where those stored stay.
        whole: whether the row is written with its counters: it is new, or was deleted between.
        uses, useful, useless, used_at: what to add to the stored counters.
    """

    stored: Held | None
    held: Held | None
    record: MemoryRecord | None = None
    index: IndexData | None = None
    whole: bool = False
    uses: int = 0
    useful: int = 0
    useless: int = 0
    used_at: datetime | None = None

    @property
    def touched(self) -> bool:
        """Whether stored counters move."""
        return bool(self.uses or self.useful or self.useless or self.used_at)


_ABSENT = Entry(None, None)


def record_keys(operations: Sequence[Operation]) -> set[Key]:
    """The records that operations name."""
    found = set()
    for each in operations:
        named = each.record if isinstance(each, Put | Patch) else each
        found.add((namespace_key(named.namespace), record_key(named.id)))
    return found


def unique_keys(operations: Sequence[Operation]) -> set[Key]:
    """The unique keys that operations name."""
    return {
        (namespace_key(each.record.namespace), unique_hash(key))
        for each in operations
        if isinstance(each, Put | Patch) and each.unique
        for key in each.unique
    }


@dataclass(frozen=True, slots=True)
class ChangeMade:
    """A change for the feed."""

    ns: bytes
    op: int
    id: str
    about: str | None = None


class Ledger:
    """The records and unique keys that a transaction's batches deal with.

    Args:
        held: the stored records among those that are named.
        holders: which record, by key and id, holds which of the unique keys that are named.
    """

    def __init__(self, held: Mapping[Key, Held], holders: Mapping[Key, tuple[bytes, str]]) -> None:
        self.entries: dict[Key, Entry] = {key: Entry(each, each) for key, each in held.items()}
        self.ids: dict[Key, str] = {}
        self._holders: dict[Key, tuple[bytes, str] | None] = dict(holders)
        self.changes: list[ChangeMade] = []
        self._draft: dict[Key, Entry] = {}
        self._taken: dict[Key, tuple[bytes, str] | None] = {}

    def apply(self, operations: Sequence[Operation]) -> list[WriteResult]:
        """Carry out one batch; if it fails, nothing of it remains.

        Raises:
            VersionConflict, RecordNotFound: of a patch.
            InvalidInput: something is no operation.
        """
        self._draft, self._taken = {}, {}
        mark = len(self.changes)
        try:
            results = [self._apply(operation) for operation in operations]
        except BaseException:
            del self.changes[mark:]
            raise
        self.entries.update(self._draft)
        self._holders.update(self._taken)
        return results

    def _apply(self, operation: Operation) -> WriteResult:
        match operation:
            case Put():
                return self._put(operation)
            case Patch():
                return self._patch(operation)
            case Touch():
                self._touch(operation)
            case Delete():
                self._delete(operation)
            case _:
                raise InvalidInput(f"a batch holds operations, not {type(operation).__name__}")
        return _APPLIED

    def _entry(self, key: Key) -> Entry:
        return self._draft.get(key) or self.entries.get(key, _ABSENT)

    def _holder(self, key: Key) -> tuple[bytes, str] | None:
        return self._taken[key] if key in self._taken else self._holders.get(key)

    def _conflict(self, ns: bytes, rid: bytes, keys: Sequence[str]) -> Duplicate | None:
        """The other record that holds the first of these keys that is taken."""
        for key in keys:
            holder = self._holder((ns, unique_hash(key)))
            if holder is not None and holder[0] != rid:
                return Duplicate(holder[1], key)
        return None

    def _rekey(
        self, ns: bytes, rid: bytes, id_: str, old: Sequence[str], new: Sequence[str]
    ) -> None:
        for key in old:
            self._taken[ns, unique_hash(key)] = None
        for key in new:
            self._taken[ns, unique_hash(key)] = (rid, id_)

    def _put(self, put: Put) -> WriteResult:
        record = put.record
        key = ns, rid = namespace_key(record.namespace), record_key(record.id)
        before = self._entry(key)
        if before.held is not None:
            return Duplicate(record.id, record.id)
        unique = tuple(dict.fromkeys(put.unique))
        duplicate = self._conflict(ns, rid, unique)
        if duplicate is not None:
            return duplicate
        self._rekey(ns, rid, record.id, (), unique)
        held = _held_of(record, put.index, unique)
        self._draft[key] = Entry(before.stored, held, record, put.index, whole=True)
        self.ids[key] = record.id
        self.changes.append(ChangeMade(ns, OP_PUT, record.id))
        return _APPLIED

    def _patch(self, patch: Patch) -> WriteResult:
        record = patch.record
        key = ns, rid = namespace_key(record.namespace), record_key(record.id)
        before = self._entry(key)
        if before.held is None:
            raise RecordNotFound(f"there is no record {record.id} to change")
        if before.held.version != patch.expect_version:
            raise VersionConflict(
                f"record {record.id} has version {before.held.version}, not "
                f"{patch.expect_version}: read it again, then repeat the change"
            )
        unique = before.held.unique
        if patch.unique is not None:
            unique = tuple(dict.fromkeys(patch.unique))
            duplicate = self._conflict(ns, rid, unique)
            if duplicate is not None:
                return duplicate
            self._rekey(ns, rid, record.id, before.held.unique, unique)
        if patch.index is not None:
            held = _held_of(record, patch.index, unique)
        else:
            held = replace(before.held, version=record.version, unique=unique)
        if before.whole and before.record is not None:
            # Not yet stored: its counters are still those of the record that was put.
            counters = before.record
            record = replace(
                record,
                uses=counters.uses,
                used_at=counters.used_at,
                useful=counters.useful,
                useless=counters.useless,
            )
        self._draft[key] = replace(
            before, held=held, record=record, index=_joined(before.index, patch.index)
        )
        self.ids[key] = record.id
        self.changes.append(ChangeMade(ns, OP_PATCH, record.id, patch.about))
        return _APPLIED

    def _touch(self, touch: Touch) -> None:
        key = namespace_key(touch.namespace), record_key(touch.id)
        before = self._entry(key)
        if before.held is None:
            return
        if before.whole and before.record is not None:
            held = before.record
            record = replace(
                held,
                uses=held.uses + touch.uses,
                useful=held.useful + touch.useful,
                useless=held.useless + touch.useless,
                used_at=_latest(held.used_at, touch.used_at),
            )
            self._draft[key] = replace(before, record=record)
            return
        self._draft[key] = replace(
            before,
            uses=before.uses + touch.uses,
            useful=before.useful + touch.useful,
            useless=before.useless + touch.useless,
            used_at=_latest(before.used_at, touch.used_at),
        )

    def _delete(self, operation: Delete) -> None:
        key = ns, rid = namespace_key(operation.namespace), record_key(operation.id)
        before = self._entry(key)
        if before.held is None:
            return
        self._rekey(ns, rid, operation.id, before.held.unique, ())
        self._draft[key] = Entry(before.stored, None)
        self.changes.append(ChangeMade(ns, OP_DELETE, operation.id, operation.about))


def _held_of(record: MemoryRecord, index: IndexData, unique: tuple[str, ...]) -> Held:
    return Held(
        record.version,
        unique,
        tuple(dict.fromkeys(index.signature)),
        index.vector is not None,
        len(index.terms),
    )


def _joined(before: IndexData | None, after: IndexData | None) -> IndexData | None:
    """Index data that two operations write; tokens stay with the vector that they belong to."""
    if before is None or after is None:
        return after or before
    if (
        after.tokens is None
        and before.tokens is not None
        and before.vector is not None
        and after.vector is not None
        and np.array_equal(before.vector, after.vector)
    ):
        return replace(after, tokens=before.tokens)
    return after


def _latest(one: datetime | None, other: datetime | None) -> datetime | None:
    if one is None or other is None:
        return one or other
    return max(one, other)
