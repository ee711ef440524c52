"""Records that share a signature key, found at a cost that does not grow with the store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from memkit.filters import Filter
from memkit.protocols import Stored
from memkit_sqlite.compiler import Condition
from memkit_sqlite.reader import SELECTED_WITH_INDEX, Reader, stored_from
from memkit_sqlite.rows import signature_hash

if TYPE_CHECKING:
    import apsw

# The newest of each key are looked at, and those first that share most keys: a phrase that
# very many texts share says little.
_NEWEST = 32
# Read for each one that is wanted: some may not match the filter.
_READ = 2
_OF_ONE_KEY = (
    "SELECT seq FROM (SELECT seq FROM signatures WHERE ns = ? AND value = ? "
    f"ORDER BY seq DESC LIMIT {_NEWEST})"
)


def sharing(
    reader: Reader,
    connection: apsw.Connection,
    namespace: str,
    keys: Sequence[str],
    filter: Filter,
    limit: int,
) -> list[Stored]:
    """Up to ``limit`` matching records that share keys, those that share most first."""
    ns = reader.namespace(connection, namespace)
    if ns is None or not keys:
        return []
    condition = Condition(ns, filter)
    candidates = " UNION ALL ".join([_OF_ONE_KEY] * len(keys))
    bound: list[Any] = [value for key in keys for value in (ns, signature_hash(key))]
    rows: Any = connection.execute(
        f"WITH shared (seq) AS ({candidates}), candidates (seq, keys) AS MATERIALIZED "
        "(SELECT seq, count(*) FROM shared GROUP BY seq ORDER BY count(*) DESC, seq DESC LIMIT ?) "
        f"SELECT {SELECTED_WITH_INDEX} FROM candidates c CROSS JOIN records r ON r.seq = c.seq "
        "LEFT JOIN indexed i ON i.seq = r.seq "
        f"WHERE r.ns = ? AND {condition.sql} ORDER BY c.keys DESC, r.seq DESC LIMIT ?",
        (*bound, _READ * limit, ns, *condition.values, limit),
    )
    return [stored_from(namespace, row) for row in rows]
