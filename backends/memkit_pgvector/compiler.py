"""From the filter tree to an SQL condition in which every key and value is bound."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from memkit.backing.packing import as_json
from memkit.backing.times import micros
from memkit.errors import InvalidFilter, InvalidInput
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
from memkit_pgvector.keys import encoded, label_key, record_key
from memkit_pgvector.rows import LABELLED, comparable

_REQUIRED = frozenset({
    "id", "visibility", "kind", "state", "confidence", "pinned", "embedded", "version", "uses",
    "useful", "useless", "created_at", "updated_at",
})  # fmt: skip
_OPERATORS = {Lt: "<", Lte: "<=", Gt: ">", Gte: ">="}
_DEPTH_MAX = 200


def column(field: str) -> str:
    """The SQL expression of a field that is one column of ``records``."""
    return f"r.{field}"


def is_required(field: str) -> bool:
    """Whether every record has the field."""
    return field in _REQUIRED


class Values:
    """The values that a statement binds, and the placeholders they are known by."""

    def __init__(self, *values: Any) -> None:
        self.bound: list[Any] = list(values)

    def add(self, value: Any) -> str:
        """Bind a value; its placeholder."""
        self.bound.append(value)
        return f"${len(self.bound)}"


class Condition:
    """A filter as an SQL condition on ``records r``, binding to ``values``.

    Every leaf is true or false, never NULL, so that NOT is the plain complement. ``shape`` is
    what the filter would be at any other time of the clock: the same for the same question.

    Raises:
        InvalidFilter: the tree is nested too deeply.
    """

    def __init__(self, namespace: bytes, node: Filter, values: Values) -> None:
        self._namespace = namespace
        self._values = values
        self._steady: list[Any] = []
        self.sql = self._node(node, 0)
        self.shape: tuple[Any, ...] = (self.sql, *self._steady)

    def _bind(self, value: Any, *, steady: bool = True) -> str:
        if steady:
            self._steady.append(tuple(value) if isinstance(value, list) else value)
        return self._values.add(value)

    def _node(self, node: Filter, depth: int) -> str:
        if depth > _DEPTH_MAX:
            raise InvalidFilter(f"the filter is nested more than {_DEPTH_MAX} deep: flatten it")
        match node:
            case And(parts):
                return self._joined(parts, " AND ", "true", depth + 1)
            case Or(parts):
                return self._joined(parts, " OR ", "false", depth + 1)
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
        return f"({word.join([self._node(part, depth) for part in parts])})"

    def _in(self, field: str, values: tuple[Any, ...]) -> str:
        kind = field_type(field)
        if not values:
            return "false"
        if kind is FieldType.JSON:
            items = self._bind([_json(value) for value in values])
            return f"coalesce({self._item(field)} = ANY({items}::jsonb[]), false)"
        if kind is FieldType.BOOL:
            # Written out, not bound: only so are partial indexes recognised.
            parts = [column(field) if value else f"NOT {column(field)}" for value in set(values)]
            return parts[0] if len(parts) == 1 else f"({' OR '.join(parts)})"
        if field == "id":
            keys = self._bind([record_key(value).hex() for value in values])
            return f"r.rid = ANY({keys}::uuid[])"
        if field in LABELLED:
            return self._labelled(field, list(dict.fromkeys(values)))
        groups: dict[str, list[Any]] = {}
        for value in values:
            sql_type, bound = _bound(kind, field, value)
            groups.setdefault(sql_type, []).append(bound)
        found = []
        for sql_type, group in groups.items():
            steady = kind is not FieldType.TIME
            if len(group) == 1:
                found.append(f"{column(field)} = {self._bind(group[0], steady=steady)}::{sql_type}")
            else:
                many = self._bind(group, steady=steady)
                found.append(f"{column(field)} = ANY({many}::{sql_type}[])")
        return self._present(field, found[0] if len(found) == 1 else f"({' OR '.join(found)})")

    def _labelled(self, field: str, values: list[str]) -> str:
        # The first finds by index what the second is sure of.
        keys = self._bind([label_key(self._namespace, field, value) for value in values])
        texts = self._bind([encoded(value) for value in values])
        return (
            f"(r.labels && {keys}::bigint[] AND {column(field)} IS NOT NULL "
            f"AND {column(field)} = ANY({texts}::text[]))"
        )

    def _present(self, field: str, found: str) -> str:
        return found if is_required(field) else f"({column(field)} IS NOT NULL AND {found})"

    def _item(self, field: str) -> str:
        """The metadata value under a key, NULL where there is none."""
        return f"(r.metadata -> {self._bind(encoded(metadata_key(field)))}::text)"

    def _ordered(self, field: str, operator: str, value: Any) -> str:
        kind = field_type(field)
        if kind is FieldType.JSON:
            item = self._item(field)
            if isinstance(value, str):
                held, name = f"({item} #>> '{{}}') COLLATE \"C\"", "string"
                bound = f"{self._bind(encoded(value))}::text"
            else:
                held, name = f"{item}::numeric", "number"
                bound = f"{self._bind(_decimal(value))}::numeric"
            return (
                f"(CASE WHEN jsonb_typeof({item}) = '{name}' THEN {held} {operator} {bound} "
                "ELSE false END)"
            )
        sql_type, bound_value = _bound(kind, field, value)
        bound = self._bind(bound_value, steady=kind is not FieldType.TIME)
        return self._present(field, f"{column(field)} {operator} {bound}::{sql_type}")

    def _exists(self, field: str) -> str:
        kind = field_type(field)
        if kind is FieldType.JSON:
            return f"coalesce(jsonb_typeof({self._item(field)}) <> 'null', false)"
        if kind is FieldType.LABELS:
            return f"{column(field)} <> '{{}}'"
        return "true" if is_required(field) else f"{column(field)} IS NOT NULL"

    def _contains(self, field: str, values: tuple[Any, ...], *, every: bool) -> str:
        if field_type(field) is FieldType.JSON:
            return self._array(field, values, every=every)
        distinct: list[str] = list(dict.fromkeys(values))
        if not distinct:
            return "true" if every else "false"
        operator = "@>" if every else "&&"
        bound = self._bind([encoded(value) for value in distinct])
        found = f"{column(field)} {operator} {bound}::text[]"
        if field == "signature":
            return found
        keys = self._bind([label_key(self._namespace, field, value) for value in distinct])
        # The first finds by index what the second is sure of.
        return f"(r.labels {operator} {keys}::bigint[] AND {found})"

    def _array(self, field: str, values: tuple[Any, ...], *, every: bool) -> str:
        if not (values or every):
            return "false"
        item = self._item(field)
        if not values:
            return f"coalesce(jsonb_typeof({item}) = 'array', false)"
        if every:
            test = f"{item} @> {self._bind(_json_list(values))}::jsonb"
        else:
            lists = [_json_list((value,)) for value in values]
            test = f"{item} @> ANY({self._bind(lists)}::jsonb[])"
        return f"(CASE WHEN jsonb_typeof({item}) = 'array' THEN {test} ELSE false END)"


def _bound(kind: FieldType, field: str, value: Any) -> tuple[str, Any]:
    """The SQL type that a value is bound as, and what is bound."""
    if isinstance(value, datetime):
        return "bigint", micros(value)
    if isinstance(value, str):
        return "text", encoded(value)
    if kind is FieldType.NUMBER and field == "confidence":
        return "double precision", float(value)
    if isinstance(value, int):
        return "bigint", int(value)
    # Whole numbers compare exactly with a numeric.
    return "numeric", _decimal(value)


def _decimal(value: float) -> Decimal:
    whole = isinstance(value, int) or value.is_integer()
    return Decimal(int(value)) if whole else Decimal(repr(value))


def _json(value: Any) -> str:
    return as_json(comparable(value))


def _json_list(values: Sequence[Any]) -> str:
    return as_json([comparable(value) for value in values])


def condition(namespace: bytes, node: Filter, values: Values) -> Condition:
    """The condition of a filter, which binds its values after those that are there.

    Raises:
        InvalidInput: a text of the filter has no UTF-8 form.
    """
    try:
        return Condition(namespace, node, values)
    except UnicodeEncodeError:
        raise InvalidInput("a filter's text holds a lone surrogate") from None
