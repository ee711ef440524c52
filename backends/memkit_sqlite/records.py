"""Records by id: the rows that were read last are kept, as long as nobody changed them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from memkit.backing.packing import as_json
from memkit.protocols import Stored
from memkit_sqlite.driver import told
from memkit_sqlite.reader import SELECTED_WITH_INDEX, Reader, stored_from
from memkit_sqlite.rows import SELECTED, Row, record_from

if TYPE_CHECKING:
    import apsw

_KEPT_ROWS = 4096
# Longer texts are read anew, so that the kept rows stay small.
_CONTENT_MAX = 4096
# When more changed than this, what is kept is not worth going through.
_CHANGES_MAX = 1000


class Records:
    """Reads records by id.

    Rows are kept, not records: their values cannot be changed, while a record's metadata is a
    dictionary of whoever asked for it.
    """

    def __init__(self, reader: Reader, location: str) -> None:
        self._reader = reader
        self._location = location
        self._lock = threading.Lock()
        self._connection: apsw.Connection | None = None
        self._rows: OrderedDict[tuple[int, str], Row] = OrderedDict()
        self._data_version = -1
        self._seen = (-1, -1)

    def get(self, namespace: str, ids: Sequence[str]) -> dict[str, Stored]:
        """The records with these few ids, without their vectors."""
        with self._lock:
            if self._connection is None:
                self._connection = self._reader.connect()
            with told(self._location, self._connection):
                rows = self._found(self._connection, namespace, ids)
        return {row[0]: Stored(record_from(namespace, row)) for row in rows}

    def close(self) -> None:
        """Free everything."""
        with self._lock:
            self._rows.clear()
            self._data_version = -1
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _found(self, connection: apsw.Connection, namespace: str, ids: Sequence[str]) -> list[Row]:
        # Changes first, rows after: a row that is newer than what was seen of the changes is
        # dropped once too often, never once too little.
        self._drop_changed(connection)
        ns = self._reader.namespace(connection, namespace)
        if ns is None:
            return []
        kept = self._rows
        found: list[Row] = []
        missing: list[str] = []
        for id_ in dict.fromkeys(ids):
            row = kept.get((ns, id_))
            if row is None:
                missing.append(id_)
            else:
                found.append(row)
        if missing:
            rows: list[Row] = connection.execute(
                f"SELECT {SELECTED} FROM records r WHERE r.ns = ? AND r.id IN "
                "(SELECT value FROM json_each(?))",
                (ns, as_json(missing)),
            ).fetchall()
            found += rows
            while kept and len(kept) + len(rows) > _KEPT_ROWS:
                kept.popitem(last=False)
            for row in rows[:_KEPT_ROWS]:
                if len(row[1]) <= _CONTENT_MAX:
                    kept[ns, row[0]] = row
        return found

    def _drop_changed(self, connection: apsw.Connection) -> None:
        version: Any = connection.execute("PRAGMA data_version").fetchone()
        if version[0] == self._data_version:
            return
        position, touches = self._seen
        now: Any = connection.execute(
            "SELECT coalesce((SELECT max(position) FROM changes), 0), touches FROM store"
        ).fetchone()
        if not self._rows or touches != now[1] or now[0] - position > _CHANGES_MAX:
            self._rows.clear()
        elif now[0] != position:
            for key in connection.execute(
                "SELECT ns, id FROM changes WHERE position > ?", (position,)
            ):
                self._rows.pop(key, None)
        self._seen = (now[0], now[1])
        self._data_version = version[0]


def read(
    reader: Reader,
    connection: apsw.Connection,
    namespace: str,
    ids: Sequence[str],
    *,
    vectors: bool,
) -> dict[str, Stored]:
    """The records with these ids, past what is kept."""
    ns = reader.namespace(connection, namespace)
    if ns is None or not ids:
        return {}
    columns = SELECTED_WITH_INDEX if vectors else SELECTED
    joined = "LEFT JOIN indexed i ON i.seq = r.seq " if vectors else ""
    rows = connection.execute(
        f"SELECT {columns} FROM records r {joined}WHERE r.ns = ? AND r.id IN "
        "(SELECT value FROM json_each(?))",
        (ns, as_json(list(ids))),
    )
    if vectors:
        return {row[0]: stored_from(namespace, row) for row in rows}
    return {row[0]: Stored(record_from(namespace, row)) for row in rows}
