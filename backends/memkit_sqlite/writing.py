"""What each operation of a batch does to the tables, inside a writer's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any

from memkit.errors import EmbedderMismatch, InvalidInput, RecordNotFound, VersionConflict
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
from memkit_sqlite.rows import (
    WRITTEN_COLUMNS,
    Row,
    index_row,
    labels,
    link_targets,
    micros,
    record_row,
    signature_hash,
    unique_hash,
)
from memkit_sqlite.schema import CHANGES_KEPT, OP_DELETE, OP_PATCH, OP_PUT, OP_REINDEX
from memkit_sqlite.store import StoreState, read_state

if TYPE_CHECKING:
    import apsw

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
_INSERT_CHANGE = "INSERT INTO changes (seq, op, ns, id, at) VALUES (?, ?, ?, ?, ?)"
_SELECT_HELD = (
    "SELECT seq, version, tags, links, unique_keys, embedded FROM records WHERE ns = ? AND id = ?"
)
_TOUCH = (
    "UPDATE records SET uses = uses + ?, useful = useful + ?, useless = useless + ?, "
    "used_at = CASE WHEN ?4 IS NULL OR used_at >= ?4 THEN used_at ELSE ?4 END "
    "WHERE ns = ?5 AND id = ?6"
)
# How many changes pass between two looks at whether old ones can go.
_TRIM_EVERY = 8192


def check_compatible(state: StoreState, spec: StoreSpec) -> None:
    """Refuse to go on with another model's vectors or another analysis' terms.

    Raises:
        EmbedderMismatch: the store's are not those of ``spec``.
    """
    held, wanted = state.fingerprint, spec.fingerprint
    if held is not None and wanted is not None and not held.matches(wanted):
        raise EmbedderMismatch(
            f"the store's vectors are of {held}, and this embedder is {wanted}: use that one, or "
            "replace all vectors with memkit reembed"
        )
    if state.analyzer is not None and state.analyzer != spec.analyzer:
        raise EmbedderMismatch(
            f"the store's words were analysed by {state.analyzer}, and this memkit uses "
            f"{spec.analyzer}: bring it up to date with memkit reembed"
        )


class Tables:
    """The tables of a store under one writer's connection."""

    def __init__(self, connection: apsw.Connection, spec: StoreSpec) -> None:
        self.connection = connection
        self.spec = spec
        self.state: StoreState
        self._namespaces: dict[str, int] = {}
        self._next_seq = 0
        self._trimmed_at = 0

    def begin(self) -> None:
        """Start a transaction; the state of the store is read anew."""
        self.connection.execute("BEGIN IMMEDIATE")
        self.state = read_state(self.connection)
        self._read_next_seq()

    def commit(self) -> None:
        """End the transaction: what was done is durable."""
        self.connection.execute("COMMIT")

    def rollback(self) -> None:
        """Undo the transaction, if SQLite has not done so by itself."""
        self._namespaces.clear()
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")

    def savepoint(self) -> None:
        """Mark where :meth:`undo` goes back to."""
        self.connection.execute("SAVEPOINT batch")

    def release(self) -> None:
        """Keep what was done since the savepoint."""
        self.connection.execute("RELEASE batch")

    def undo(self) -> None:
        """Go back to the savepoint."""
        self._namespaces.clear()
        self.connection.execute("ROLLBACK TO batch")
        self.connection.execute("RELEASE batch")
        self.state = read_state(self.connection)
        self._read_next_seq()

    def _read_next_seq(self) -> None:
        row: Any = self.connection.execute(
            "SELECT seq FROM sqlite_sequence WHERE name = 'records'"
        ).fetchone()
        self._next_seq = 1 if row is None else row[0] + 1

    def apply(self, batch: Sequence[Operation]) -> list[WriteResult]:
        """Carry out a batch's operations in order.

        Raises:
            VersionConflict, RecordNotFound, EmbedderMismatch, InvalidInput: what was done of
                the batch must be undone.
        """
        self._check_batch(batch)
        now = micros(datetime.now(UTC))
        results: list[WriteResult] = []
        for kind, group in groupby(batch, type):
            if kind is Put:
                results += self._put_all(list(group), now)  # type: ignore[arg-type]
            elif kind is Touch:
                results += self._touch_all(list(group))  # type: ignore[arg-type]
            elif kind is Patch:
                results += [self._patch(item, now) for item in group]  # type: ignore[arg-type]
            elif kind is Delete:
                for item in group:
                    self._delete(item, now)  # type: ignore[arg-type]
                    results.append(_APPLIED)
            else:
                raise InvalidInput(f"a batch holds operations, not {kind.__name__}")
        self._trim()
        return results

    def _check_batch(self, batch: Sequence[Operation]) -> None:
        found = [
            operation.index
            for operation in batch
            if isinstance(operation, Put | Patch) and operation.index is not None
        ]
        if found or (
            not self.spec.migrating
            and not all(isinstance(operation, Touch | Delete) for operation in batch)
        ):
            check_compatible(self.state, self.spec)
        vector = next((index.vector for index in found if index.vector is not None), None)
        if vector is None:
            return
        fingerprint = self.spec.fingerprint
        if fingerprint is None:
            raise InvalidInput("a store opened without an embedder takes no vectors")
        held = self.state.fingerprint
        if held is None or held.dimension is None:
            self.set_fingerprint(replace(fingerprint, dimension=int(vector.shape[-1])))

    def set_fingerprint(self, fingerprint: Any) -> None:
        """Say whose vectors the store holds."""
        self.connection.execute(
            "UPDATE store SET model = ?, dimension = ?, normalized = ?, epoch = epoch + 1",
            (fingerprint.model, fingerprint.dimension, fingerprint.normalized),
        )
        self.state = read_state(self.connection)

    @property
    def dimension(self) -> int | None:
        """That of the store's vectors, if it holds any."""
        held = self.state.fingerprint
        return None if held is None else held.dimension

    def namespace(self, name: str, *, create: bool = False) -> int | None:
        """The number of a namespace."""
        ns = self._namespaces.get(name)
        if ns is not None:
            return ns
        row: Any = self.connection.execute(
            "SELECT ns FROM namespaces WHERE name = ?", (name,)
        ).fetchone()
        if row is None:
            if not create:
                return None
            self.connection.execute("INSERT INTO namespaces (name) VALUES (?)", (name,))
            row = (self.connection.last_insert_rowid(),)
        self._namespaces[name] = row[0]
        return int(row[0])

    def _ns(self, name: str) -> int:
        ns = self.namespace(name, create=True)
        assert ns is not None
        return ns

    # Puts.

    def _put_all(self, puts: list[Put], now: int) -> list[WriteResult]:
        """Insert all at once; one by one only if one of them turns out to be a duplicate."""
        import apsw

        first = self._next_seq
        self.connection.execute("SAVEPOINT puts")
        try:
            self._insert(puts, now)
        except apsw.ConstraintError:
            # A namespace that was made for these went with them.
            self._namespaces.clear()
            self.connection.execute("ROLLBACK TO puts")
            self.connection.execute("RELEASE puts")
            self._next_seq = first
            return [self._put(put, now) for put in puts]
        self.connection.execute("RELEASE puts")
        return [_APPLIED] * len(puts)

    def _put(self, put: Put, now: int) -> WriteResult:
        record = put.record
        ns = self._ns(record.namespace)
        if self.connection.execute(_SELECT_HELD, (ns, record.id)).fetchone() is not None:
            return Duplicate(record.id, record.id)
        duplicate = self._holder(ns, put.unique, None)
        if duplicate is None:
            self._insert([put], now)
        return duplicate or _APPLIED

    def _holder(self, ns: int, keys: Sequence[str], own: int | None) -> Duplicate | None:
        """The record, other than ``own``, that holds the first of these keys that is taken."""
        for key in keys:
            row: Any = self.connection.execute(
                "SELECT u.seq, r.id FROM uniques u JOIN records r ON r.seq = u.seq "
                "WHERE u.ns = ? AND u.value = ?",
                (ns, unique_hash(key)),
            ).fetchone()
            if row is not None and row[0] != own:
                return Duplicate(row[1], key)
        return None

    def _insert(self, puts: Sequence[Put], now: int) -> None:
        rows: list[Row] = []
        index: list[Row] = []
        changes: list[Row] = []
        tags: list[Row] = []
        targets: list[Row] = []
        signatures: list[Row] = []
        uniques: list[Row] = []
        dimension = self.dimension
        seq = self._next_seq
        for put in puts:
            record, data = put.record, put.index
            ns = self._namespaces.get(record.namespace) or self._ns(record.namespace)
            unique = put.unique if len(put.unique) < 2 else tuple(dict.fromkeys(put.unique))
            rows.append(record_row(record, ns, seq, unique, data.vector is not None))
            index.append(index_row(seq, data, dimension))
            changes.append((seq, OP_PUT, ns, record.id, now))
            if record.tags:
                tags += [(ns, tag, seq) for tag in dict.fromkeys(record.tags)]
            if record.links:
                targets += [(ns, to, seq) for to in {link.target for link in record.links}]
            if data.signature:
                signatures += [(ns, signature_hash(key), seq) for key in set(data.signature)]
            if unique:
                uniques += [(ns, unique_hash(key), seq) for key in unique]
            seq += 1
        many = self.connection.executemany
        many(_INSERT_RECORD, rows)
        many(_INSERT_INDEX, index)
        self._add_labels("uniques", uniques)
        self._add_labels("tags", tags)
        self._add_labels("targets", targets)
        self._add_labels("signatures", signatures)
        many(_INSERT_CHANGE, changes)
        self._next_seq = seq

    def _add_labels(self, table: str, rows: list[Row]) -> None:
        if rows:
            # In key order each page of the tree is visited once.
            rows.sort()
            self.connection.executemany(
                f"INSERT INTO {table} (ns, value, seq) VALUES (?, ?, ?)", rows
            )

    def _drop_labels(self, table: str, ns: int, values: Iterable[Any], seq: int) -> None:
        rows = [(ns, value, seq) for value in values]
        if rows:
            self.connection.executemany(
                f"DELETE FROM {table} WHERE ns = ? AND value = ? AND seq = ?", rows
            )

    def _replace_labels(
        self, table: str, ns: int, old: Iterable[Any], new: Iterable[Any], seq: int
    ) -> None:
        before, after = set(old), set(new)
        self._drop_labels(table, ns, before - after, seq)
        self._add_labels(table, [(ns, value, seq) for value in after - before])

    # Patches, touches, deletions.

    def _patch(self, patch: Patch, now: int) -> WriteResult:
        record = patch.record
        ns = self.namespace(record.namespace)
        held: Any = (
            None
            if ns is None
            else self.connection.execute(_SELECT_HELD, (ns, record.id)).fetchone()
        )
        if ns is None or held is None:
            raise RecordNotFound(f"there is no record {record.id} to change")
        seq, version, tags, links, unique_keys, embedded = held
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
            self._replace_labels(
                "uniques", ns, map(unique_hash, old_unique), map(unique_hash, unique), seq
            )
        if patch.index is not None:
            embedded = patch.index.vector is not None
            self._reindex(ns, seq, patch.index)
        row = record_row(record, ns, seq, unique, embedded)
        self.connection.execute(_UPDATE_RECORD, (*(row[i] for i in _PATCHED_AT), seq))
        old_tags = labels(tags)
        self._replace_labels("tags", ns, old_tags, record.tags, seq)
        self._replace_labels(
            "targets", ns, link_targets(links), (link.target for link in record.links), seq
        )
        anew = patch.index is not None or old_tags != record.tags
        self.connection.execute(
            _INSERT_CHANGE, (seq, OP_REINDEX if anew else OP_PATCH, ns, record.id, now)
        )
        return _APPLIED

    def _signature(self, seq: int) -> list[int]:
        row: Any = self.connection.execute(
            "SELECT signature FROM indexed WHERE seq = ?", (seq,)
        ).fetchone()
        return [] if row is None else [signature_hash(key) for key in labels(row[0])]

    def _reindex(self, ns: int, seq: int, index: IndexData) -> None:
        new = map(signature_hash, index.signature)
        self._replace_labels("signatures", ns, self._signature(seq), new, seq)
        self.connection.execute("DELETE FROM indexed WHERE seq = ?", (seq,))
        self.connection.execute(_INSERT_INDEX, index_row(seq, index, self.dimension))
        if self.state.target is not None:
            self.connection.execute("DELETE FROM staged WHERE seq = ?", (seq,))

    def _touch_all(self, touches: Sequence[Touch]) -> list[WriteResult]:
        rows = [
            (
                touch.uses,
                touch.useful,
                touch.useless,
                None if touch.used_at is None else micros(touch.used_at),
                self.namespace(touch.namespace),
                touch.id,
            )
            for touch in touches
        ]
        self.connection.executemany(_TOUCH, rows)
        self.connection.execute("UPDATE store SET touches = touches + 1")
        return [_APPLIED] * len(rows)

    def _delete(self, operation: Delete, now: int) -> None:
        ns = self.namespace(operation.namespace)
        held: Any = (
            None
            if ns is None
            else self.connection.execute(_SELECT_HELD, (ns, operation.id)).fetchone()
        )
        if ns is None or held is None:
            return
        seq, _, tags, links, unique_keys, _ = held
        self._drop_labels("tags", ns, labels(tags), seq)
        self._drop_labels("targets", ns, link_targets(links), seq)
        self._drop_labels("uniques", ns, map(unique_hash, labels(unique_keys)), seq)
        self._drop_labels("signatures", ns, self._signature(seq), seq)
        for table in ("indexed", "staged", "records"):
            self.connection.execute(f"DELETE FROM {table} WHERE seq = ?", (seq,))
        self.connection.execute(_INSERT_CHANGE, (seq, OP_DELETE, ns, operation.id, now))

    def _trim(self) -> None:
        """Drop the oldest of far too many changes, once in a while."""
        newest = self.connection.last_insert_rowid()
        if newest - self._trimmed_at < _TRIM_EVERY:
            return
        self._trimmed_at = newest
        self.trim_changes()

    def trim_changes(self) -> None:
        """Keep the newest :data:`~memkit_sqlite.schema.CHANGES_KEPT` changes."""
        self.connection.execute(
            "DELETE FROM changes WHERE position <= (SELECT max(position) FROM changes) - ?",
            (CHANGES_KEPT,),
        )

    def stage(self, rows: Iterable[Row]) -> None:
        """Keep new index data beside the old."""
        self.connection.executemany(
            "INSERT OR REPLACE INTO staged (seq, signature, length, terms, vector) "
            "VALUES (?, ?, ?, ?, ?)",
            rows,
        )
