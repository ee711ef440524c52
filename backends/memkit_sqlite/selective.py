"""The few records that one indexed part of a filter leaves, where there is such a part.

SQLite plans without knowing how many records hold a value, and prefers to walk a listing's
order; for a rare tag that walk is a scan. So the rare parts are looked up first.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from memkit.backing.hashing import signature_hash
from memkit.backing.packing import as_json
from memkit.filters import And, ContainsAll, ContainsAny, Eq, Exists, Filter, In
from memkit_sqlite.compiler import LABEL_TABLES
from memkit_sqlite.schema import OBJECT_INDEXED

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
_FACT_FIELDS = frozenset({"subject", "predicate", "object"})


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
    parts = list(_parts(node))
    facts = {
        part.field: (part.value,) if isinstance(part, Eq) else part.values
        for part in parts
        if isinstance(part, Eq | In) and part.field in _FACT_FIELDS
    }
    yield from _facts(ns, facts)
    for part in parts:
        match part:
            case Eq(field, value) if field in _INDEXES:
                yield _among(ns, field, (value,))
            case In(field, held) if field in _INDEXES:
                yield _among(ns, field, held)
            case Exists("subject") if "subject" not in facts:
                yield "SELECT seq FROM records WHERE ns = ? AND subject IS NOT NULL LIMIT ?", [ns]
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


def _parts(node: Filter) -> Iterator[Filter]:
    """What must hold of a record, each by itself."""
    if isinstance(node, And):
        for part in node.parts:
            yield from _parts(part)
    else:
        yield node


def _facts(ns: int, held: dict[str, tuple[Any, ...]]) -> Iterator[tuple[str, list[Any]]]:
    """Lookups by the parts of a fact, the one that should find the fewest first.

    No index is named: an older store, which is only read, has none of these.
    """
    select = "SELECT seq FROM records WHERE ns = ? AND "
    among = "IN (SELECT value FROM json_each(?))"
    if "subject" in held:
        subjects = as_json(held["subject"])
        where = f"subject IS NOT NULL AND subject {among}"
        if "predicate" in held:
            predicates = as_json(held["predicate"])
            yield f"{select}{where} AND predicate {among} LIMIT ?", [ns, subjects, predicates]
        else:
            yield f"{select}{where} LIMIT ?", [ns, subjects]
    if "object" in held:
        objects = as_json(held["object"])
        # The index holds only the beginning of each, and finds too many sooner than too few.
        yield (
            f"{select}object IS NOT NULL AND {OBJECT_INDEXED} IN "
            f"(SELECT {OBJECT_INDEXED.replace('object', 'value')} FROM json_each(?)) LIMIT ?",
            [ns, objects],
        )
    if "predicate" in held and "subject" not in held:
        predicates = as_json(held["predicate"])
        yield f"{select}predicate IS NOT NULL AND predicate {among} LIMIT ?", [ns, predicates]


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
