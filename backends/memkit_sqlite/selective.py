"""The few records that one indexed part of a filter leaves, where there is such a part.

SQLite plans without knowing how many records hold a value, and prefers to walk a listing's
order; for a rare tag that walk is a scan. So the rare parts are looked up first.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from memkit.backing.hashing import signature_hash
from memkit.backing.packing import as_json
from memkit.filters import And, ContainsAll, ContainsAny, Eq, Filter, In
from memkit_sqlite.compiler import LABEL_TABLES

if TYPE_CHECKING:
    import apsw

# More than these are found as fast by walking the listing's order.
_FEW = 2000
# So few that looking for still fewer is not worth it.
_VERY_FEW = 64
_INDEXES = {
    "id": "records_id",
    "conversation_id": "records_conversation",
    "superseded_by": "records_superseded",
}


def few_records(connection: apsw.Connection, ns: int, filter: Filter) -> list[int] | None:
    """Records among which all that match are, by their seq; ``None`` if they are not few."""
    fewest: list[int] | None = None
    for sql, values in _lookups(ns, filter):
        rows: Any = connection.execute(sql, (*values, _FEW + 1)).fetchall()
        if len(rows) <= _FEW and (fewest is None or len(rows) < len(fewest)):
            fewest = [row[0] for row in rows]
            if len(fewest) <= _VERY_FEW:
                break
    return fewest


def _lookups(ns: int, node: Filter) -> Iterator[tuple[str, list[Any]]]:
    match node:
        case And(parts):
            for part in parts:
                yield from _lookups(ns, part)
        case Eq(field, value) if field in _INDEXES:
            yield _among(ns, field, (value,))
        case In(field, held) if field in _INDEXES:
            yield _among(ns, field, held)
        case Eq("embedded", False):
            yield (
                "SELECT seq FROM main.records INDEXED BY records_unembedded WHERE ns = ? "
                "AND embedded = 0 LIMIT ?",
                [ns],
            )
        case ContainsAny(field, held) if field in LABEL_TABLES:
            yield _labelled(ns, field, held)
        case ContainsAll(field, held) if field in LABEL_TABLES:
            for value in dict.fromkeys(held):
                yield _labelled(ns, field, (value,))


def _among(ns: int, field: str, held: tuple[Any, ...]) -> tuple[str, list[Any]]:
    known = f"{field} IS NOT NULL AND " if field != "id" else ""
    return (
        f"SELECT seq FROM main.records INDEXED BY {_INDEXES[field]} WHERE ns = ? AND {known}"
        f"{field} IN (SELECT value FROM json_each(?)) LIMIT ?",
        [ns, as_json(held)],
    )


def _labelled(ns: int, field: str, held: tuple[Any, ...]) -> tuple[str, list[Any]]:
    values = [signature_hash(value) for value in held] if field == "signature" else held
    return (
        f"SELECT DISTINCT seq FROM {LABEL_TABLES[field]} WHERE ns = ? AND value IN "
        "(SELECT value FROM json_each(?)) LIMIT ?",
        [ns, as_json(values)],
    )
