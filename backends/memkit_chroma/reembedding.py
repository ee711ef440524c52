"""Replacing all index data: whole rows are made anew beside the old ones, then taken at once.

The new rows stand in collections of another generation. Which generation serves is part of the
store's state, so one commit puts all of them in place.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from memkit.backing.packing import checked_vector, pack_terms
from memkit.backing.times import micros
from memkit.errors import StoreError
from memkit.protocols import Fingerprint, IndexData, Stored
from memkit.types import MemoryRecord
from memkit_chroma import rows
from memkit_chroma.entries import Index
from memkit_chroma.flushing import Flusher
from memkit_chroma.ledger import plain_vector
from memkit_chroma.partition import Partition
from memkit_chroma.session import Session

_Target = tuple[Fingerprint, str, int]


class Reembedding:
    """A re-embedding under way, as one process sees it."""

    def __init__(self, session: Session, flusher: Flusher) -> None:
        self._session = session
        self._flusher = flusher
        self._generation = 0
        #: Of each staged row what it was made from, and the position that it is as of.
        self._staged: dict[str, tuple[str, int]] = {}
        self._todo: list[tuple[str, str]] = []

    def begin(self, target: Fingerprint, analyzer: str) -> tuple[int, int]:
        """Start, or resume if the target is the same; how many are done, how many there are."""
        session = self._session
        while True:
            session.catch_up()
            state = session.state
            held = state.target
            if held is not None and held[1] == analyzer and held[0].matches(target):
                break
            number = state.reserved + 1
            if session.commit_state(
                replace(state, target=(target, analyzer, number), reserved=number)
            ):
                if held is not None:
                    self._drop(held[2])
                break
        self._load(self._target()[2])
        self._todo = self._pending()
        total = sum(session.namespaces().values())
        return total - len(self._todo), total

    def _target(self) -> _Target:
        target = self._session.state.target
        if target is None:
            raise StoreError("no re-embedding was begun, or another process has finished it")
        return target

    def _load(self, generation: int) -> None:
        gateway = self._session.gateway
        gateway.forget()
        self._generation = generation
        self._staged = {}
        for kind in rows.KINDS:
            held = gateway.get(rows.collection_name(gateway, generation, kind))
            for id_, row in zip(held.ids, held.metadatas, strict=True):
                self._staged[id_] = (row["v"], int(row["p"]))

    def _ready(self) -> _Target:
        self._session.catch_up()
        target = self._target()
        if target[2] != self._generation:
            self._load(target[2])
        return target

    def _rows(self) -> Iterator[tuple[str, str, str, str, int]]:
        """Of every record its namespace, id, row, stamp and position."""
        for namespace in self._session.namespaces():

            def work(partition: Partition, name: str = namespace) -> list[Any]:
                return [
                    (name, id_, rows.row_id(name, id_), _stamp(row.packed), row.position)
                    for id_, number in partition.row_of.items()
                    for row in (partition.rows[number],)
                ]

            yield from self._session.look(namespace, work)

    def _pending(self) -> list[tuple[str, str]]:
        return [
            (namespace, id_)
            for namespace, id_, row, stamp, _ in self._rows()
            if self._staged.get(row, ("", 0))[0] != stamp
        ]

    def pending(self, limit: int) -> list[Stored]:
        """Up to ``limit`` records that are not staged as they are."""
        self._ready()
        for anew in (False, True):
            if anew:
                self._todo = self._pending()
            found: list[Stored] = []
            first = len(self._todo)
            for number, (namespace, id_) in enumerate(self._todo):
                record = self._unstaged(namespace, id_)
                if record is not None:
                    first = min(first, number)
                    found.append(Stored(record))
                    if len(found) == limit:
                        break
            del self._todo[:first]
            if found:
                return found
        return []

    def _unstaged(self, namespace: str, id_: str) -> MemoryRecord | None:
        def work(partition: Partition) -> MemoryRecord | None:
            number = partition.row_of.get(id_)
            if number is None:
                return None
            held = self._staged.get(rows.row_id(namespace, id_))
            if held is not None and held[0] == _stamp(partition.rows[number].packed):
                return None
            return partition.record(number)

        return self._session.look(namespace, work)

    def stage(self, items: Sequence[tuple[MemoryRecord, IndexData]]) -> None:
        """Keep new index data for those records that are still as they were read."""
        target = self._ready()
        found: dict[str, list[tuple[str, Any, dict[str, Any]]]] = {kind: [] for kind in rows.KINDS}
        moved: dict[str, list[str]] = {kind: [] for kind in rows.KINDS}
        for record, data in items:
            target = self._dimensioned(target, data)
            index = _indexed(data, target[0].dimension)
            row = self._row(record, index)
            if row is None:
                continue
            kind = rows.UNEMBEDDED if index.vector is None else rows.EMBEDDED
            other = rows.EMBEDDED if index.vector is None else rows.UNEMBEDDED
            vector = plain_vector(len(found[kind])) if index.vector is None else index.vector
            found[kind].append((row[0], vector, row[1]))
            moved[other].append(row[0])
        gateway = self._session.gateway
        for kind, held in found.items():
            if held:
                name = rows.make(gateway, target[2], kind)
                gateway.upsert(name, *map(list, zip(*held, strict=True)))
        for kind, ids in moved.items():
            again = [id_ for id_ in ids if id_ in self._staged]
            if again:
                gateway.delete(rows.collection_name(gateway, target[2], kind), again)
        for held in found.values():
            self._staged.update({id_: (row["v"], row["p"]) for id_, _, row in held})

    def _dimensioned(self, target: _Target, data: IndexData) -> _Target:
        """The target with its dimension, as soon as a vector tells it."""
        while target[0].dimension is None and data.vector is not None:
            known = replace(target[0], dimension=int(data.vector.shape[-1]))
            state = replace(self._session.state, target=(known, *target[1:]))
            self._session.commit_state(state)
            target = self._target()
        return target

    def _row(self, record: MemoryRecord, index: Index) -> tuple[str, dict[str, Any]] | None:
        namespace = record.namespace
        wanted = f"{record.version} {micros(record.updated_at)}"

        def work(partition: Partition) -> tuple[str, dict[str, Any]] | None:
            number = partition.row_of.get(record.id)
            if number is None or _stamp(partition.rows[number].packed) != wanted:
                return None
            row = partition.rows[number]
            fields = rows.record_fields(namespace, row.packed, row.unique, row.position)
            fields = {**fields, **rows.index_fields(index), "v": wanted}
            id_ = rows.row_id(namespace, record.id)
            if id_ not in self._staged:
                fields = {key: value for key, value in fields.items() if value is not None}
            return id_, fields

        return self._session.look(namespace, work)

    def finish(self) -> bool:
        """Put what was staged in its place; false, and nothing done, if some are pending."""
        session = self._session
        while True:
            with self._flusher.turn(), session.ledger_lock:
                target = self._ready()
                self._flusher.flush_in_turn()
                position, generation = session.ledger.position, session.state.generation
                if not self._bring_up(target[2]):
                    return False
                vectors = session.gateway.count(
                    rows.collection_name(session.gateway, target[2], rows.EMBEDDED)
                )
                state = replace(
                    session.state,
                    analyzer=target[1],
                    fingerprint=target[0] if vectors else None,
                    generation=target[2],
                    target=None,
                )
                if not self._flusher.move(state, position):
                    continue
                session.spec = replace(session.spec, fingerprint=target[0], analyzer=target[1])
            self._drop(generation)
            return True

    def _bring_up(self, generation: int) -> bool:
        """Make the staged rows those of the records as they are; false if some are pending."""
        gateway = self._session.gateway
        gone = set(self._staged)
        late: list[tuple[str, str, str]] = []
        for namespace, id_, row, stamp, position in self._rows():
            held = self._staged.get(row)
            if held is None or held[0] != stamp:
                return False
            gone.discard(row)
            if held[1] != position:
                late.append((namespace, id_, row))
        updates = [self._late(*each) for each in late]
        for kind in rows.KINDS:
            name = rows.collection_name(gateway, generation, kind)
            if updates:
                gateway.update(name, [id_ for id_, _ in updates], [row for _, row in updates])
            if gone:
                gateway.delete(name, sorted(gone))
        for id_, fields in updates:
            self._staged[id_] = (self._staged[id_][0], fields["p"])
        for id_ in gone:
            del self._staged[id_]
        return True

    def _late(self, namespace: str, id_: str, row_id: str) -> tuple[str, dict[str, Any]]:
        def work(partition: Partition) -> tuple[str, dict[str, Any]]:
            row = partition.rows[partition.row_of[id_]]
            return row_id, rows.record_fields(namespace, row.packed, row.unique, row.position)

        return self._session.look(namespace, work)

    def _drop(self, generation: int) -> None:
        for kind in rows.KINDS:
            gateway = self._session.gateway
            gateway.drop_collection(rows.collection_name(gateway, generation, kind))


def _stamp(packed: str) -> str:
    """What must be the same for staged index data to be the record's."""
    record = json.loads(packed)
    return f"{record['version']} {record['updated_at']}"


def _indexed(data: IndexData, dimension: int | None) -> Index:
    vector = None if data.vector is None else checked_vector(data.vector, dimension).copy()
    return Index(vector, pack_terms(data.terms), len(data.terms), tuple(data.signature))
