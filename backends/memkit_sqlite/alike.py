"""Records that share a signature key, found at a cost that does not grow with the store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from memkit.backing.hashing import signature_hash
from memkit.backing.packing import as_json
from memkit.filters import Filter
from memkit.protocols import Stored
from memkit_sqlite.compiler import Condition
from memkit_sqlite.reader import SELECTED_WITH_INDEX, Reader, stored_from

if TYPE_CHECKING:
    import apsw

# The newest of each key are looked at, and those first that share most keys: a phrase that
# very many texts share says little.
_NEWEST = 32
_OF_ONE_KEY = (
    f"SELECT seq FROM signatures WHERE ns = ? AND value = ? ORDER BY seq DESC LIMIT {_NEWEST}"
)
# Read for each record that is wanted: some may not match the filter.
_READ = 2


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
    shared: Counter[int] = Counter()
    for key in keys:
        shared.update(seq for (seq,) in connection.execute(_OF_ONE_KEY, (ns, signature_hash(key))))
    if not shared:
        # As most often: then nothing is compiled and no record is read.
        return []
    best = sorted(shared, key=lambda seq: (-shared[seq], -seq))[: _READ * limit]
    condition = Condition(ns, filter)
    rows: Any = connection.execute(
        f"SELECT {SELECTED_WITH_INDEX} FROM json_each(?) c CROSS JOIN records r "
        "ON r.seq = c.value LEFT JOIN indexed i ON i.seq = r.seq "
        f"WHERE r.ns = ? AND {condition.sql} ORDER BY c.key LIMIT ?",
        (as_json(best), ns, *condition.values, limit),
    )
    return [stored_from(namespace, row) for row in rows]
