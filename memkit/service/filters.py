"""Filters as JSON, for inputs: ``{"field": "kind", "op": "eq", "value": "fact"}``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

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
)

DEPTH_MAX = 20
_ONE: Mapping[str, Any] = {"eq": Eq, "ne": Ne, "lt": Lt, "lte": Lte, "gt": Gt, "gte": Gte}
_MANY: Mapping[str, Any] = {"in": In, "contains_any": ContainsAny, "contains_all": ContainsAll}
_OPS = (*_ONE, *_MANY, "exists")
_NAMES = {made: name for name, made in (*_ONE.items(), *_MANY.items())}
_SHAPE = (
    'a filter is {"field": ..., "op": ..., "value": ...}, {"and": [...]}, {"or": [...]} or '
    '{"not": {...}}'
)


def filter_of(value: object, depth: int = 0) -> Filter:
    """The filter of its JSON form.

    ``op`` is ``eq``, ``ne``, ``lt``, ``lte``, ``gt``, ``gte``, ``in``, ``contains_any``,
    ``contains_all`` or ``exists`` (without a value); times are ISO 8601 with a zone.

    Raises:
        InvalidFilter: it is not such a form, or names an unknown field.
    """
    if depth > DEPTH_MAX:
        raise InvalidFilter(f"a filter is nested at most {DEPTH_MAX} deep")
    if not isinstance(value, Mapping):
        raise InvalidFilter(_SHAPE)
    keys = frozenset(value)
    if keys == {"and"} or keys == {"or"}:
        (word,) = keys
        parts = value[word]
        if not isinstance(parts, list):
            raise InvalidFilter(f"{word} takes a list of filters")
        made = tuple(filter_of(part, depth + 1) for part in parts)
        return And(made) if word == "and" else Or(made)
    if keys == {"not"}:
        return Not(filter_of(value["not"], depth + 1))
    if keys in ({"field", "op"}, {"field", "op", "value"}):
        return _leaf(value)
    raise InvalidFilter(_SHAPE)


def _leaf(value: Mapping[str, Any]) -> Filter:
    field, op = value["field"], value["op"]
    if not isinstance(field, str) or op not in _OPS:
        raise InvalidFilter(f"field is a text, and op one of {', '.join(_OPS)}")
    kind = field_type(field)
    if op == "exists":
        return Exists(field)
    if "value" not in value:
        raise InvalidFilter(f"{op} compares with a value: give it")
    if op in _ONE:
        made: Filter = _ONE[op](field, _read(value["value"], kind, field))
        return made
    items = value["value"]
    if not isinstance(items, list):
        raise InvalidFilter(f"{op} takes a list of values")
    many: Filter = _MANY[op](field, tuple(_read(item, kind, field) for item in items))
    return many


def _read(value: Any, kind: FieldType, field: str) -> Any:
    if kind is not FieldType.TIME or not isinstance(value, str):
        return value
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        raise InvalidFilter(f"{field} compares with an ISO 8601 time") from None


def filter_form(node: Filter) -> dict[str, Any]:
    """The JSON form of a filter, that :func:`filter_of` reads."""
    match node:
        case And():
            return {"and": [filter_form(part) for part in node.parts]}
        case Or():
            return {"or": [filter_form(part) for part in node.parts]}
        case Not():
            return {"not": filter_form(node.part)}
        case Exists():
            return {"field": node.field, "op": "exists"}
        case In() | ContainsAny() | ContainsAll():
            values = [_written(value) for value in node.values]
            return {"field": node.field, "op": _NAMES[type(node)], "value": values}
        case _:
            return {"field": node.field, "op": _NAMES[type(node)], "value": _written(node.value)}


def _written(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
