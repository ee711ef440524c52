"""What each operation of a batch does to the tables, inside a writer's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from memkit.backing.compatibility import check_compatible
from memkit.backing.hashing import signature_hash, unique_hash
from memkit.backing.times import micros
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
from memkit_sqlite import tokens
from memkit_sqlite.rows import WRITTEN_COLUMNS, Row, index_row, labels, link_targets, record_row
from memkit_sqlite.schema import OP_DELETE, OP_PATCH, OP_PUT, OP_REINDEX
from memkit_sqlite.tables import Tables

_APPLIED = Applied()
_INSERT_RECORD = (
    f"INSERT INTO records ({', '.join(WRITTEN_COLUMNS)}) "
    f"VALUES ({', '.join('?' * len(WRITTEN_COLUMNS))})"
)
#: What a patch leaves alone: the keys of the row, and what belongs to Touch.
_KEPT = frozenset({"seq", "ns", "id", "uses", "used_at", "useful", "useless"})
_PATCHED = [name for name in WRITTEN_COLUMNS if name not in _KEPT]
_UPDATE_RECORD = f"UPDATE records SET {', '.join(f'{name} = ?' for name in _PATCHED)} WHERE seq = ?"
_PATCHED_AT = [WRITTEN_COLUMNS.index(name) for name in _PATCHED]
_INSERT_INDEX = "INSERT INTO indexed (seq, signature, length, terms, vector) VALUES (?, ?, ?, ?, ?)"
_INSERT_CHANGE = "INSERT INTO changes (seq, op, ns, id, at, about) VALUES (?, ?, ?, ?, ?, ?)"
_SELECT_HELD = (
    "SELECT seq, version, tags, entities, links, unique_keys, embedded FROM records "
    "WHERE ns = ? AND id = ?"
)
_TOUCH = (
    "UPDATE records SET uses = uses + ?, useful = useful + ?, useless = useless + ?, "
    "used_at = CASE WHEN ?4 IS NULL OR used_at >= ?4 THEN used_at ELSE ?4 END "
    "WHERE ns = ?5 AND id = ?6"
)


class Batch:
    """One batch, on the tables of a store."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._run = tables.connection.execute
        self._run_many = tables.connection.executemany
        self._now = micros(datetime.now(UTC))

    def apply(self, operations: Sequence[Operation]) -> list[WriteResult]:
        """Carry out a batch's operations in order.

        Raises:
            VersionConflict, RecordNotFound, EmbedderMismatch, InvalidInput: what was done of
                the batch must be undone.
        """
        self._check(operations)
        results: list[WriteResult] = []
        for kind, group in groupby(operations, type):
            if kind is Put:
                results += self._put_all(list(group))  # type: ignore[arg-type]
            elif kind is Touch:
                results += self._touch_all(list(group))  # type: ignore[arg-type]
            elif kind is Patch:
                results += [self._patch(item) for item in group]  # type: ignore[arg-type]
            elif kind is Delete:
                for item in group:
                    self._delete(item)  # type: ignore[arg-type]
                    results.append(_APPLIED)
            else:
                raise InvalidInput(f"a batch holds operations, not {kind.__name__}")
        self._tables.trim_if_due()
        return results

    def _check(self, operations: Sequence[Operation]) -> None:
        found = [
            operation.index
            for operation in operations
            if isinstance(operation, Put | Patch) and operation.index is not None
        ]
        if found or (
            not self._tables.spec.migrating
            and not all(isinstance(operation, Touch | Delete) for operation in operations)
        ):
            check_compatible(
                self._tables.state.fingerprint, self._tables.state.analyzer, self._tables.spec
            )
        vector = next((index.vector for index in found if index.vector is not None), None)
        if vector is None:
            return
        fingerprint = self._tables.spec.fingerprint
        if fingerprint is None:
            raise InvalidInput("a store opened without an embedder takes no vectors")
        held = self._tables.state.fingerprint
        if held is None or held.dimension is None:
            self._tables.set_fingerprint(replace(fingerprint, dimension=int(vector.shape[-1])))

    def _put_all(self, puts: list[Put]) -> list[WriteResult]:
        """Insert all at once; one by one only if one of them turns out to be a duplicate."""
        import apsw

        first = self._tables.next_seq
        self._run("SAVEPOINT puts")
        try:
            self._insert(puts)
        except apsw.ConstraintError:
            # A namespace that was made for these went with them.
            self._tables.forget_namespaces()
            self._run("ROLLBACK TO puts")
            self._run("RELEASE puts")
            self._tables.next_seq = first
            return [self._put(put) for put in puts]
        self._run("RELEASE puts")
        return [_APPLIED] * len(puts)

    def _put(self, put: Put) -> WriteResult:
        record = put.record
        ns = self._tables.namespace_made(record.namespace)
        if self._run(_SELECT_HELD, (ns, record.id)).fetchone() is not None:
            return Duplicate(record.id, record.id)
        duplicate = self._holder(ns, put.unique, None)
        if duplicate is None:
            self._insert([put])
        return duplicate or _APPLIED

    def _holder(self, ns: int, keys: Sequence[str], own: int | None) -> Duplicate | None:
        """The record, other than ``own``, that holds the first of these keys that is taken."""
        for key in keys:
            row: Any = self._run(
                "SELECT u.seq, r.id FROM uniques u JOIN records r ON r.seq = u.seq "
                "WHERE u.ns = ? AND u.value = ?",
                (ns, unique_hash(key)),
            ).fetchone()
            if row is not None and row[0] != own:
                return Duplicate(row[1], key)
        return None

    def _insert(self, puts: Sequence[Put]) -> None:
        rows: list[Row] = []
        index: list[Row] = []
        kept: list[tuple[int, bytes | None]] = []
        changes: list[Row] = []
        tags: list[Row] = []
        entities: list[Row] = []
        targets: list[Row] = []
        signatures: list[Row] = []
        uniques: list[Row] = []
        dimension = self._tables.dimension
        seq = self._tables.next_seq
        for put in puts:
            record, data = put.record, put.index
            ns = self._tables.namespace_made(record.namespace)
            unique = put.unique if len(put.unique) < 2 else tuple(dict.fromkeys(put.unique))
            rows.append(record_row(record, ns, seq, unique, data.vector is not None))
            index.append(index_row(seq, data, dimension))
            if data.tokens is not None:
                kept.append((seq, data.tokens))
            changes.append((seq, OP_PUT, ns, record.id, self._now, None))
            if record.tags:
                tags += [(ns, tag, seq) for tag in dict.fromkeys(record.tags)]
            if record.entities:
                entities += [(ns, name, seq) for name in dict.fromkeys(record.entities)]
            if record.links:
                targets += [(ns, to, seq) for to in {link.target for link in record.links}]
            if data.signature:
                signatures += [(ns, signature_hash(key), seq) for key in set(data.signature)]
            if unique:
                uniques += [(ns, unique_hash(key), seq) for key in unique]
            seq += 1
        many = self._run_many
        many(_INSERT_RECORD, rows)
        many(_INSERT_INDEX, index)
        if kept:
            tokens.put(self._tables.connection, kept)
        self._tables.add_labels("uniques", uniques)
        self._tables.add_labels("tags", tags)
        self._tables.add_labels("entities", entities)
        self._tables.add_labels("targets", targets)
        self._tables.add_labels("signatures", signatures)
        many(_INSERT_CHANGE, changes)
        self._tables.next_seq = seq

    def _patch(self, patch: Patch) -> WriteResult:
        record = patch.record
        ns = self._tables.namespace(record.namespace)
        held: Any = None if ns is None else self._run(_SELECT_HELD, (ns, record.id)).fetchone()
        if ns is None or held is None:
            raise RecordNotFound(f"there is no record {record.id} to change")
        seq, version, tags, entities, links, unique_keys, embedded = held
        if version != patch.expect_version:
            raise VersionConflict(
                f"record {record.id} has version {version}, not {patch.expect_version}: read it "
                "again, then repeat the change"
            )
        unique = old_unique = labels(unique_keys)
        if patch.unique is not None:
            unique = tuple(dict.fromkeys(patch.unique))
            duplicate = self._holder(ns, unique, seq)
            if duplicate is not None:
                return duplicate
            self._tables.replace_labels(
                "uniques", ns, map(unique_hash, old_unique), map(unique_hash, unique), seq
            )
        if patch.index is not None:
            embedded = patch.index.vector is not None
            self._reindex(ns, seq, patch.index)
        row = record_row(record, ns, seq, unique, embedded)
        self._run(_UPDATE_RECORD, (*(row[i] for i in _PATCHED_AT), seq))
        old_tags, old_entities = labels(tags), labels(entities)
        self._tables.replace_labels("tags", ns, old_tags, record.tags, seq)
        self._tables.replace_labels("entities", ns, old_entities, record.entities, seq)
        self._tables.replace_labels(
            "targets", ns, link_targets(links), (link.target for link in record.links), seq
        )
        same = old_tags == record.tags and old_entities == record.entities
        anew = patch.index is not None or not same
        op = OP_REINDEX if anew else OP_PATCH
        self._run(_INSERT_CHANGE, (seq, op, ns, record.id, self._now, patch.about))
        return _APPLIED

    def _signature(self, seq: int) -> list[int]:
        row: Any = self._run("SELECT signature FROM indexed WHERE seq = ?", (seq,)).fetchone()
        return [] if row is None else [signature_hash(key) for key in labels(row[0])]

    def _reindex(self, ns: int, seq: int, index: IndexData) -> None:
        new = map(signature_hash, index.signature)
        self._tables.replace_labels("signatures", ns, self._signature(seq), new, seq)
        row = index_row(seq, index, self._tables.dimension)
        vector = row[-1]
        held: Any = self._run("SELECT vector FROM indexed WHERE seq = ?", (seq,)).fetchone()
        # Token vectors stay with the vector that they were made with.
        if index.tokens is not None or held is None or vector is None or held[0] != vector:
            tokens.put(self._tables.connection, [(seq, index.tokens)])
        self._run("DELETE FROM indexed WHERE seq = ?", (seq,))
        self._run(_INSERT_INDEX, row)
        if self._tables.state.target is not None:
            for table in ("staged", tokens.STAGED):
                self._run(f"DELETE FROM {table} WHERE seq = ?", (seq,))

    def _touch_all(self, touches: Sequence[Touch]) -> list[WriteResult]:
        rows = [
            (
                touch.uses,
                touch.useful,
                touch.useless,
                None if touch.used_at is None else micros(touch.used_at),
                self._tables.namespace(touch.namespace),
                touch.id,
            )
            for touch in touches
        ]
        self._run_many(_TOUCH, rows)
        self._run("UPDATE store SET touches = touches + 1")
        return [_APPLIED] * len(rows)

    def _delete(self, operation: Delete) -> None:
        ns = self._tables.namespace(operation.namespace)
        held: Any = None if ns is None else self._run(_SELECT_HELD, (ns, operation.id)).fetchone()
        if ns is None or held is None:
            return
        seq, _, tags, entities, links, unique_keys, _ = held
        self._tables.drop_labels("tags", ns, labels(tags), seq)
        self._tables.drop_labels("entities", ns, labels(entities), seq)
        self._tables.drop_labels("targets", ns, link_targets(links), seq)
        self._tables.drop_labels("uniques", ns, map(unique_hash, labels(unique_keys)), seq)
        self._tables.drop_labels("signatures", ns, self._signature(seq), seq)
        for table in ("indexed", "staged", tokens.KEPT, tokens.STAGED, "records"):
            self._run(f"DELETE FROM {table} WHERE seq = ?", (seq,))
        change = (seq, OP_DELETE, ns, operation.id, self._now, operation.about)
        self._run(_INSERT_CHANGE, change)
