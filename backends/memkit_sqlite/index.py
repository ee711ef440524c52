"""The in-memory index of a store, kept up with what any process writes to it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from memkit.backing.compatibility import check_compatible
from memkit.backing.packing import as_json
from memkit.filters import Filter
from memkit.protocols import SearchLeg, SearchResult, StoreSpec
from memkit_sqlite.compiler import Condition
from memkit_sqlite.driver import told
from memkit_sqlite.masks import split
from memkit_sqlite.partition import FIELD_SELECTION, SELECTION, Partition
from memkit_sqlite.reader import Reader
from memkit_sqlite.schema import OP_DELETE, OP_PATCH
from memkit_sqlite.store import read_state

if TYPE_CHECKING:
    import apsw

_BATCH = 4096
# What may be done on an event loop: so many changes to take in, so many rows to search.
_BRIEF_CHANGES = 64
_BRIEF_ROWS = 20_000
# A filter that leaves at most so many rows in memory is finished by the database on these
# rows alone.
_NARROW_ROWS = 5000


class _TooLong(Exception):
    """What was asked for takes too long for an event loop."""


class MemoryIndex:
    """Searches a store in memory; each namespace is loaded when it is first searched."""

    def __init__(self, reader: Reader, spec: StoreSpec, location: str) -> None:
        self.spec = spec
        self._reader = reader
        self._location = location
        self._lock = threading.Lock()
        self._connection: apsw.Connection | None = None
        self._partitions: dict[int, Partition] = {}
        self._data_version = -1
        self._epoch = -1
        self._dimension: int | None = None
        self._seen = 0

    def search(
        self, namespace: str, legs: Sequence[SearchLeg], filter: Filter, limit: int
    ) -> SearchResult:
        """Each leg's best ``limit`` among the records that match.

        Raises:
            EmbedderMismatch: the store was re-embedded with another model.
        """
        with self._lock:
            return self._search(namespace, legs, filter, limit, brief=False)

    def search_briefly(
        self, namespace: str, legs: Sequence[SearchLeg], filter: Filter, limit: int
    ) -> SearchResult | None:
        """The same, or ``None`` if it would hold up an event loop."""
        if not self._lock.acquire(blocking=False):
            return None
        try:
            return self._search(namespace, legs, filter, limit, brief=True)
        except _TooLong:
            return None
        finally:
            self._lock.release()

    def warm(self, namespaces: Sequence[str] | None) -> None:
        """Load these namespaces, or all, ahead of the first search."""
        with self._lock:
            connection = self._ready(brief=False)
            with told(self._location, connection):
                if namespaces is None:
                    rows: Any = connection.execute("SELECT name FROM namespaces").fetchall()
                    namespaces = [row[0] for row in rows]
                for name in namespaces:
                    ns = self._reader.namespace(connection, name)
                    if ns is not None:
                        self._partition(connection, ns, brief=False)

    def close(self) -> None:
        """Free everything."""
        with self._lock:
            self._partitions.clear()
            if self._connection is not None:
                self._connection.close()
                self._connection = None
            self._data_version = -1

    def _search(
        self,
        namespace: str,
        legs: Sequence[SearchLeg],
        filter: Filter,
        limit: int,
        *,
        brief: bool,
    ) -> SearchResult:
        connection = self._ready(brief=brief)
        with told(self._location, connection):
            ns = self._reader.namespace(connection, namespace)
            if ns is None:
                return SearchResult(tuple(() for _ in legs), {})
            partition = self._partition(connection, ns, brief=brief)
            if brief and partition.size > _BRIEF_ROWS:
                raise _TooLong
            known, rest = split(filter)
            seqs = None
            if rest is not None:
                if brief:
                    raise _TooLong
                seqs = self._matching(connection, ns, partition, known, rest)
        among = partition.select(known, seqs)
        ranked = [partition.rank(leg, among, limit) for leg in legs]
        return SearchResult(tuple(each for each, _ in ranked), {}, tuple(top for _, top in ranked))

    def _matching(
        self,
        connection: apsw.Connection,
        ns: int,
        partition: Partition,
        known: Filter,
        rest: Filter,
    ) -> list[int]:
        """The records that match the part of a filter that only the database can answer."""
        condition = Condition(ns, rest)
        where, values = condition.sql, condition.values
        narrow = partition.seqs(known, _NARROW_ROWS)
        if narrow is not None:
            where = f"r.seq IN (SELECT value FROM json_each(?)) AND {where}"
            values = [as_json(narrow), *values]
        rows: Any = connection.execute(
            f"SELECT r.seq FROM records r WHERE r.ns = ? AND {where}", (ns, *values)
        )
        return [row[0] for row in rows]

    # Keeping up.

    def _ready(self, *, brief: bool) -> apsw.Connection:
        if self._connection is None:
            self._connection = self._reader.connect()
        connection = self._connection
        with told(self._location, connection):
            version: Any = connection.execute("PRAGMA data_version").fetchone()
            if version[0] != self._data_version:
                connection.execute("BEGIN")
                try:
                    self._refresh(connection, brief=brief)
                finally:
                    connection.execute("COMMIT")
                self._data_version = version[0]
        return connection

    def _refresh(self, connection: apsw.Connection, *, brief: bool) -> None:
        state = read_state(connection)
        if state.epoch != self._epoch:
            check_compatible(state.fingerprint, state.analyzer, self.spec)
            # Loaded anew as they are searched: every vector may be another one now.
            self._partitions.clear()
            self._epoch = state.epoch
            self._dimension = None if state.fingerprint is None else state.fingerprint.dimension
        ends: Any = connection.execute(
            "SELECT (SELECT min(position) FROM changes), (SELECT max(position) FROM changes)"
        ).fetchone()
        oldest, newest = ends[0] or 0, ends[1] or 0
        if not self._partitions or oldest > self._seen + 1:
            # Nothing to keep up, or some changes were trimmed before they were seen.
            self._partitions.clear()
            self._seen = newest
        if brief and newest - self._seen > _BRIEF_CHANGES:
            raise _TooLong
        while self._seen < newest:
            rows: Any = connection.execute(
                "SELECT position, seq, op, ns FROM changes WHERE position > ? "
                "ORDER BY position LIMIT ?",
                (self._seen, _BATCH),
            ).fetchall()
            self._take_in(connection, rows)
            self._seen = rows[-1][0]
        if not brief:
            for partition in self._partitions.values():
                partition.compact_if_due()

    def _take_in(
        self, connection: apsw.Connection, changes: Sequence[tuple[int, int, int, int]]
    ) -> None:
        anew: dict[int, list[int]] = {}
        in_place: dict[int, list[int]] = {}
        last: dict[tuple[int, int], int] = {}
        for _, seq, op, ns in changes:
            if ns not in self._partitions:
                continue
            held = last.get((ns, seq))
            # A patch after a put or a reindex changes nothing: the row is read as it is now.
            if op != OP_PATCH or held is None:
                last[ns, seq] = op
        for (ns, seq), op in last.items():
            partition = self._partitions[ns]
            if op == OP_DELETE:
                partition.kill(seq)
            elif op == OP_PATCH and seq in partition.columns.at:
                in_place.setdefault(ns, []).append(seq)
            else:
                anew.setdefault(ns, []).append(seq)
        for ns, seqs in in_place.items():
            for row in connection.execute(
                f"SELECT {FIELD_SELECTION} FROM records r WHERE r.seq IN "
                "(SELECT value FROM json_each(?))",
                (as_json(seqs),),
            ):
                self._partitions[ns].replace(row)
        for ns, seqs in anew.items():
            rows = connection.execute(
                f"SELECT {SELECTION} FROM records r JOIN indexed i ON i.seq = r.seq "
                "WHERE r.seq IN (SELECT value FROM json_each(?))",
                (as_json(seqs),),
            ).fetchall()
            self._partitions[ns].append(rows)

    def _partition(self, connection: apsw.Connection, ns: int, *, brief: bool) -> Partition:
        partition = self._partitions.get(ns)
        if partition is None:
            if brief:
                raise _TooLong
            partition = Partition(self._dimension)
            self._load(connection, ns, partition)
            self._partitions[ns] = partition
        return partition

    def _load(self, connection: apsw.Connection, ns: int, partition: Partition) -> None:
        """Read a whole namespace, in the order of ids, which is that of the table: nearly."""
        after = ""
        # What stands before an older store's table has no index of its own.
        table = "main.records r INDEXED BY records_id" if self._reader.current else "records r"
        connection.execute("BEGIN")
        try:
            while True:
                rows: Any = connection.execute(
                    f"SELECT {SELECTION} FROM {table} "
                    "CROSS JOIN indexed i ON i.seq = r.seq "
                    "WHERE r.ns = ? AND r.id > ? ORDER BY r.id LIMIT ?",
                    (ns, after, _BATCH),
                ).fetchall()
                partition.append(rows)
                if len(rows) < _BATCH:
                    break
                after = rows[-1][1]
        finally:
            connection.execute("COMMIT")
        partition.settle()
