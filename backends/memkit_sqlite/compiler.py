"""From the filter tree to an SQL condition in which every key and value is bound."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from memkit.backing.hashing import signature_hash
from memkit.backing.packing import as_json
from memkit.backing.times import micros
from memkit.errors import InvalidFilter
from memkit.filters import (
    And,
    ContainsAll,
    ContainsAny,
    Eq,
    Exists,
    FieldType,
    Filter,
    Gt,
    Gte,
    In,
    Lt,
    Lte,
    Ne,
    Not,
    Or,
    field_type,
    metadata_key,
)

#: The tables that hold list fields, one row for each value.
LABEL_TABLES = {
    "tags": "tags",
    "entities": "entities",
    "link_to": "targets",
    "signature": "signatures",
}

_REQUIRED = frozenset({
    "id", "visibility", "kind", "state", "confidence", "pinned", "embedded", "version", "uses",
    "useful", "useless", "created_at", "updated_at",
})  # fmt: skip
_OPERATORS = {Lt: "<", Lte: "<=", Gt: ">", Gte: ">="}
# Below SQLite's limit on the depth of an expression, with room for what surrounds it.
_DEPTH_MAX = 200
# Longer lists travel as one JSON value: SQLite limits how many values a statement binds.
_LIST_INLINE = 16


def column(field: str) -> str:
    """The SQL expression of a field that is one column of ``records``."""
    return f"r.{field}"


def is_required(field: str) -> bool:
    """Whether every record has the field."""
    return field in _REQUIRED


class Condition:
    """A filter as an SQL condition on ``records r`` and the values that it binds.

    Every leaf yields 0 or 1, never NULL, so that NOT is the plain complement.

    Raises:
        InvalidFilter: the tree is nested too deeply.
    """

    def __init__(self, ns: int, node: Filter) -> None:
        self._ns = ns
        self.values: list[Any] = []
        self.sql = self._node(node, 0)

    def _node(self, node: Filter, depth: int) -> str:
        if depth > _DEPTH_MAX:
            raise InvalidFilter(f"the filter is nested more than {_DEPTH_MAX} deep: flatten it")
        match node:
            case And(parts):
                return self._joined(parts, "AND", "1", depth + 1)
            case Or(parts):
                return self._joined(parts, "OR", "0", depth + 1)
            case Not(part):
                return f"NOT ({self._node(part, depth + 1)})"
            case Ne(field, value):
                return f"NOT ({self._in(field, (value,))})"
            case Eq(field, value):
                return self._in(field, (value,))
            case In(field, values):
                return self._in(field, values)
            case Exists(field):
                return self._exists(field)
            case Lt(field, value) | Lte(field, value) | Gt(field, value) | Gte(field, value):
                return self._ordered(field, _OPERATORS[type(node)], value)
            case ContainsAny(field, values):
                return self._contains(field, values, every=False)
            case ContainsAll(field, values):
                return self._contains(field, values, every=True)

    def _joined(self, parts: tuple[Filter, ...], word: str, empty: str, depth: int) -> str:
        if not parts:
            return empty
        if len(parts) == 1:
            return self._node(parts[0], depth)
        # Halved, so that a wide tree does not become a deep expression.
        middle = len(parts) // 2
        left = self._joined(parts[:middle], word, empty, depth)
        right = self._joined(parts[middle:], word, empty, depth)
        return f"({left} {word} {right})"

    def _in(self, field: str, values: tuple[Any, ...]) -> str:
        kind = field_type(field)
        if not values:
            return "0"
        if kind is FieldType.JSON:
            return self._metadata(field, lambda: self._items("j", values))
        if kind is FieldType.BOOL:
            # Written out, not bound: only so are partial indexes recognised.
            return self._any([f"{column(field)} = {int(value)}" for value in set(values)])
        bound = [_bound(value) for value in values]
        if len(bound) == 1:
            self.values.append(bound[0])
            found = f"{column(field)} = ?"
        else:
            found = f"{column(field)} IN {self._list(bound)}"
        return found if is_required(field) else f"({column(field)} IS NOT NULL AND {found})"

    def _list(self, bound: list[Any]) -> str:
        if len(bound) <= _LIST_INLINE:
            self.values.extend(bound)
            return f"({', '.join('?' * len(bound))})"
        self.values.append(as_json(bound))
        return "(SELECT value FROM json_each(?))"

    def _ordered(self, field: str, operator: str, value: Any) -> str:
        if field_type(field) is FieldType.JSON:
            types = "('text')" if isinstance(value, str) else "('integer', 'real')"

            def compare() -> str:
                self.values.append(value)
                return f"j.type IN {types} AND j.atom {operator} ?"

            return self._metadata(field, compare)
        self.values.append(_bound(value))
        found = f"{column(field)} {operator} ?"
        return found if is_required(field) else f"({column(field)} IS NOT NULL AND {found})"

    def _exists(self, field: str) -> str:
        kind = field_type(field)
        if kind is FieldType.JSON:
            return self._metadata(field, lambda: "j.type <> 'null'")
        if field == "signature":
            return (
                "EXISTS (SELECT 1 FROM indexed i WHERE i.seq = r.seq AND i.signature IS NOT NULL)"
            )
        if is_required(field):
            return "1"
        return f"{column('links' if field == 'link_to' else field)} IS NOT NULL"

    def _contains(self, field: str, values: tuple[Any, ...], *, every: bool) -> str:
        if field_type(field) is FieldType.JSON:
            return self._metadata(field, lambda: self._array(values, every=every))
        distinct: list[Any] = list(dict.fromkeys(values))
        if not distinct:
            return "1" if every else "0"
        if field == "signature":
            distinct = [signature_hash(value) for value in distinct]
        table = LABEL_TABLES[field]
        if not every:
            self.values.append(self._ns)
            return (
                f"r.seq IN (SELECT seq FROM {table} WHERE ns = ? AND value IN "
                f"{self._list(distinct)})"
            )
        if len(distinct) > _LIST_INLINE:
            self.values += [self._ns, as_json(distinct), len(distinct)]
            return (
                f"r.seq IN (SELECT seq FROM {table} WHERE ns = ? AND value IN "
                "(SELECT value FROM json_each(?)) GROUP BY seq HAVING count(*) = ?)"
            )
        parts = []
        for value in distinct:
            self.values += [self._ns, value]
            parts.append(f"r.seq IN (SELECT seq FROM {table} WHERE ns = ? AND value = ?)")
        return f"({' AND '.join(parts)})"

    def _array(self, values: tuple[Any, ...], *, every: bool) -> str:
        if not values:
            return "j.type = 'array'" if every else "0"
        # By type too: 1 and True are the same dictionary key, but not the same value here.
        distinct = {(type(value), value): value for value in values}
        groups = [(value,) for value in distinct.values()] if every else [values]
        parts = [
            f"EXISTS (SELECT 1 FROM json_each(j.value) e WHERE {self._items('e', group)})"
            for group in groups
        ]
        return f"CASE j.type WHEN 'array' THEN {_balanced(parts)} ELSE 0 END"

    def _metadata(self, field: str, condition: Callable[[], str]) -> str:
        self.values.append(metadata_key(field))
        return (
            "(r.metadata IS NOT NULL AND EXISTS (SELECT 1 FROM json_each(r.metadata) j "
            f"WHERE j.key = ? AND {condition()}))"
        )

    def _items(self, alias: str, values: tuple[Any, ...]) -> str:
        """That the JSON value equals one of these, each within its own family of types."""
        texts = [value for value in values if isinstance(value, str)]
        flags = {value for value in values if isinstance(value, bool)}
        numbers = [value for value in values if not isinstance(value, str | bool)]
        parts = []
        if texts:
            parts.append(f"({alias}.type = 'text' AND {alias}.atom IN {self._list(texts)})")
        if numbers:
            parts.append(
                f"({alias}.type IN ('integer', 'real') AND {alias}.atom IN {self._list(numbers)})"
            )
        parts += [f"{alias}.type = '{'true' if flag else 'false'}'" for flag in flags]
        return self._any(parts)

    @staticmethod
    def _any(parts: list[str]) -> str:
        return parts[0] if len(parts) == 1 else f"({' OR '.join(parts)})"


def _balanced(parts: list[str]) -> str:
    if len(parts) == 1:
        return parts[0]
    middle = len(parts) // 2
    return f"({_balanced(parts[:middle])} AND {_balanced(parts[middle:])})"


def _bound(value: Any) -> Any:
    return micros(value) if isinstance(value, datetime) else value
