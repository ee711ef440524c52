"""The tables of a store under the connection that writes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from memkit.protocols import StoreSpec
from memkit_sqlite.rows import Row
from memkit_sqlite.schema import CHANGES_KEPT
from memkit_sqlite.store import StoreState, read_state

if TYPE_CHECKING:
    import apsw

# How many changes pass between two looks at whether old ones can go.
_TRIM_EVERY = 8192


class Tables:
    """The tables of a store under one writer's connection."""

    def __init__(self, connection: apsw.Connection, spec: StoreSpec) -> None:
        self.connection = connection
        self.spec = spec
        self.state: StoreState
        self._namespaces: dict[str, int] = {}
        self.next_seq = 0
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
        self.forget_namespaces()
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")

    def forget_namespaces(self) -> None:
        """Look namespaces up anew: some were made in what is undone."""
        self._namespaces.clear()

    def savepoint(self) -> None:
        """Mark where :meth:`undo` goes back to."""
        self.connection.execute("SAVEPOINT batch")

    def release(self) -> None:
        """Keep what was done since the savepoint."""
        self.connection.execute("RELEASE batch")

    def undo(self) -> None:
        """Go back to the savepoint."""
        self.forget_namespaces()
        self.connection.execute("ROLLBACK TO batch")
        self.connection.execute("RELEASE batch")
        self.state = read_state(self.connection)
        self._read_next_seq()

    def _read_next_seq(self) -> None:
        row: Any = self.connection.execute(
            "SELECT seq FROM sqlite_sequence WHERE name = 'records'"
        ).fetchone()
        self.next_seq = 1 if row is None else row[0] + 1

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

    def namespace_made(self, name: str) -> int:
        """The number of a namespace, given to it now if it is new."""
        ns = self.namespace(name, create=True)
        assert ns is not None
        return ns

    def add_labels(self, table: str, rows: list[Row]) -> None:
        """Add rows of namespace, value and seq to a side table."""
        if rows:
            # In key order each page of the tree is visited once.
            rows.sort()
            self.connection.executemany(
                f"INSERT INTO {table} (ns, value, seq) VALUES (?, ?, ?)", rows
            )

    def drop_labels(self, table: str, ns: int, values: Iterable[Any], seq: int) -> None:
        """Remove what a side table holds of a record."""
        rows = [(ns, value, seq) for value in values]
        if rows:
            self.connection.executemany(
                f"DELETE FROM {table} WHERE ns = ? AND value = ? AND seq = ?", rows
            )

    def replace_labels(
        self, table: str, ns: int, old: Iterable[Any], new: Iterable[Any], seq: int
    ) -> None:
        """Make a side table hold ``new`` of a record instead of ``old``."""
        before, after = set(old), set(new)
        self.drop_labels(table, ns, before - after, seq)
        self.add_labels(table, [(ns, value, seq) for value in after - before])

    def trim_if_due(self) -> None:
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
