"""Token vectors: opaque bytes beside a record, which go when it goes or says something else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from memkit.backing.packing import as_json
from memkit_sqlite.reader import Reader
from memkit_sqlite.schema import token_table

if TYPE_CHECKING:
    import apsw

#: The table of what is kept, and that of what an unfinished re-embedding has staged.
KEPT, STAGED = "tokens", "staged_tokens"


def read(
    reader: Reader, connection: apsw.Connection, namespace: str, ids: Sequence[str]
) -> dict[str, bytes]:
    """What is kept of these records; nothing in a store of a schema without token vectors."""
    ns = reader.namespace(connection, namespace)
    if ns is None or not ids or not connection.table_exists("main", KEPT):
        return {}
    rows: Any = connection.execute(
        f"SELECT r.id, t.vectors FROM records r JOIN {KEPT} t ON t.seq = r.seq "
        "WHERE r.ns = ? AND r.id IN (SELECT value FROM json_each(?))",
        (ns, as_json(list(ids))),
    )
    return dict(rows)


def put(
    connection: apsw.Connection, rows: Iterable[tuple[int, bytes | None]], table: str = KEPT
) -> None:
    """Keep these of records by their ``seq``, in place of what was kept; ``None``: nothing."""
    given = list(rows)
    gone = [(seq,) for seq, vectors in given if not vectors]
    if gone:
        connection.executemany(f"DELETE FROM {table} WHERE seq = ?", gone)
    there = [row for row in given if row[1]]
    if there:
        connection.executemany(
            f"INSERT OR REPLACE INTO {table} (seq, vectors) VALUES (?, ?)", there
        )


def replace_all(connection: apsw.Connection) -> None:
    """Put what was staged in the place of what was kept."""
    connection.execute(f"DROP TABLE {KEPT}")
    connection.execute(f"ALTER TABLE {STAGED} RENAME TO {KEPT}")
    connection.execute(token_table(STAGED))
