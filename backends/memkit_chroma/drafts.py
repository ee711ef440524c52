"""What a batch would do: checked against the store's state, step by step, before it is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from memkit.backing.compatibility import check_compatible
from memkit.backing.packing import checked_vector, pack_record, pack_terms, unpack_record
from memkit.errors import InvalidInput, RecordNotFound, VersionConflict
from memkit.protocols import (
    Applied,
    Delete,
    Duplicate,
    IndexData,
    Operation,
    Patch,
    Put,
    StoreSpec,
    Touch,
    WriteResult,
)
from memkit.types import MemoryRecord
from memkit_chroma.entries import CHANGES_BITS, Index, State, Step
from memkit_chroma.partition import Partition

_APPLIED = Applied()
_Key = tuple[str, str]
_MISSING: Any = object()


@dataclass(frozen=True, slots=True)
class _Held:
    """A record as the steps before have left it; ``packed`` is ``None`` once it is deleted."""

    packed: str | None
    unique: tuple[str, ...]


class Draft:
    """The steps of one commit, batch by batch: one that fails leaves none of its own."""

    def __init__(self, partitions: Mapping[str, Partition], state: State, spec: StoreSpec) -> None:
        self._partitions = partitions
        self._spec = spec
        self.steps: list[Step] = []
        #: As it is to be afterwards; ``None`` while nothing of it changes.
        self.state: State | None = None
        self._before = state
        self._records: dict[_Key, _Held] = {}
        self._holders: dict[_Key, str | None] = {}
        self._undo: list[tuple[dict[_Key, Any], _Key, Any]] = []

    def apply(self, batch: Sequence[Operation]) -> list[WriteResult]:
        """Work out a batch; what it would do is added to the draft, or nothing if it fails.

        Raises:
            VersionConflict, RecordNotFound, EmbedderMismatch, InvalidInput: as their names say.
        """
        length, state = len(self.steps), self.state
        self._undo.clear()
        try:
            self._check(batch)
            results = [self._one(operation) for operation in batch]
            if len(self.steps) >= 1 << CHANGES_BITS:
                raise InvalidInput("the batch is too long: write it in several")
            return results
        except BaseException:
            del self.steps[length:]
            self.state = state
            for held, key, value in reversed(self._undo):
                if value is _MISSING:
                    del held[key]
                else:
                    held[key] = value
            raise

    def _set(self, held: dict[_Key, Any], key: _Key, value: Any) -> None:
        self._undo.append((held, key, held.get(key, _MISSING)))
        held[key] = value

    def _check(self, batch: Sequence[Operation]) -> None:
        held = self.state or self._before
        indexes = [
            each.index for each in batch if isinstance(each, Put | Patch) and each.index is not None
        ]
        only_light = all(isinstance(each, Touch | Delete) for each in batch)
        if indexes or (not self._spec.migrating and not only_light):
            check_compatible(held.fingerprint, held.analyzer, self._spec)
        vector = next((index.vector for index in indexes if index.vector is not None), None)
        if vector is None:
            return
        if self._spec.fingerprint is None:
            raise InvalidInput("a store opened without an embedder takes no vectors")
        if held.fingerprint is None or held.fingerprint.dimension is None:
            dimension = int(np.shape(vector)[-1]) if np.ndim(vector) else 0
            self.state = replace(
                held, fingerprint=replace(self._spec.fingerprint, dimension=dimension)
            )

    @property
    def _dimension(self) -> int | None:
        fingerprint = (self.state or self._before).fingerprint
        return None if fingerprint is None else fingerprint.dimension

    def _one(self, operation: Operation) -> WriteResult:
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

    def _put(self, put: Put) -> WriteResult:
        record = put.record
        if self._held(record.namespace, record.id) is not None:
            return Duplicate(record.id, record.id)
        unique = _keys(put.unique)
        duplicate = self._taken(record, unique)
        if duplicate is None:
            self._keep("P", record, _packed(record), unique, self._indexed(put.index))
        return duplicate or _APPLIED

    def _patch(self, patch: Patch) -> WriteResult:
        record = patch.record
        held = self._held(record.namespace, record.id)
        if held is None or held.packed is None:
            raise RecordNotFound(f"there is no record {record.id} to change")
        stored = unpack_record(held.packed)
        if stored.version != patch.expect_version:
            raise VersionConflict(
                f"record {record.id} has version {stored.version}, not {patch.expect_version}: "
                "read it again, then repeat the change"
            )
        unique = held.unique
        if patch.unique is not None:
            unique = _keys(patch.unique)
            duplicate = self._taken(record, unique)
            if duplicate is not None:
                return duplicate
        packed = _packed(
            replace(
                record,
                uses=stored.uses,
                used_at=stored.used_at,
                useful=stored.useful,
                useless=stored.useless,
            )
        )
        index = None if patch.index is None else self._indexed(patch.index)
        self._keep("K" if index is None else "R", record, packed, unique, index, patch.about)
        return _APPLIED

    def _touch(self, touch: Touch) -> None:
        held = self._held(touch.namespace, touch.id)
        if held is None or held.packed is None:
            return
        stored = unpack_record(held.packed)
        used = [each for each in (stored.used_at, touch.used_at) if each is not None]
        touched = replace(
            stored,
            uses=stored.uses + touch.uses,
            useful=stored.useful + touch.useful,
            useless=stored.useless + touch.useless,
            used_at=max(used, default=None),
        )
        self._keep("T", touched, _packed(touched), held.unique, None)

    def _delete(self, operation: Delete) -> None:
        held = self._held(operation.namespace, operation.id)
        if held is None:
            return
        for key in held.unique:
            self._set(self._holders, (operation.namespace, key), None)
        self._set(self._records, (operation.namespace, operation.id), _Held(None, ()))
        self.steps.append(Step("D", operation.namespace, operation.id, about=operation.about))

    def _keep(
        self,
        op: Any,
        record: MemoryRecord,
        packed: str,
        unique: tuple[str, ...],
        index: Index | None,
        about: str | None = None,
    ) -> None:
        namespace, id_ = record.namespace, record.id
        held = self._held(namespace, id_)
        if held is not None:
            for key in held.unique:
                self._set(self._holders, (namespace, key), None)
        for key in unique:
            self._set(self._holders, (namespace, key), id_)
        self._set(self._records, (namespace, id_), _Held(packed, unique))
        self.steps.append(Step(op, namespace, id_, packed, unique, index, about))

    def _held(self, namespace: str, id_: str) -> _Held | None:
        held = self._records.get((namespace, id_))
        if held is not None:
            return None if held.packed is None else held
        partition = self._partitions[namespace]
        number = partition.row_of.get(id_)
        if number is None:
            return None
        row = partition.rows[number]
        return _Held(row.packed, row.unique)

    def _taken(self, record: MemoryRecord, keys: Sequence[str]) -> Duplicate | None:
        """The record, other than this one, that holds the first of these keys that is taken."""
        for key in keys:
            holder = self._holders.get((record.namespace, key), "")
            if holder == "":
                holder = self._partitions[record.namespace].holders.get(key)
            if holder is not None and holder != record.id:
                return Duplicate(holder, key)
        return None

    def _indexed(self, index: IndexData) -> Index:
        vector = None
        if index.vector is not None:
            vector = checked_vector(index.vector, self._dimension).copy()
            if not np.isfinite(vector).all():
                raise InvalidInput("a vector holds finite numbers only")
        try:
            terms = pack_terms(index.terms)
            "".join(index.signature).encode()
        except UnicodeEncodeError:
            raise _surrogate() from None
        return Index(vector, terms, len(index.terms), tuple(index.signature))


def _packed(record: MemoryRecord) -> str:
    packed = pack_record(record)
    try:
        packed.encode()
    except UnicodeEncodeError:
        raise _surrogate() from None
    return packed


def _keys(unique: Sequence[str]) -> tuple[str, ...]:
    try:
        "".join(unique).encode()
    except UnicodeEncodeError:
        raise _surrogate() from None
    return tuple(dict.fromkeys(unique))


def _surrogate() -> InvalidInput:
    return InvalidInput("a text holds a lone surrogate: it cannot be stored")
