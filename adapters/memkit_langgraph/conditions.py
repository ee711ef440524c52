"""Conditions on a document's metadata, as LangChain's users write them, to memkit's filters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, get_args

from memkit.errors import InvalidFilter
from memkit.filters import (
    METADATA_PREFIX,
    And,
    ContainsAny,
    Eq,
    Exists,
    Filter,
    Gt,
    Gte,
    In,
    Lt,
    Lte,
    Ne,
    Not,
    Or,
)

Condition: TypeAlias = Filter | Mapping[str, Any] | None

_COMPARED: Mapping[str, Callable[[str, Any], Filter]] = {
    "$eq": Eq,
    "$ne": Ne,
    "$gt": Gt,
    "$gte": Gte,
    "$lt": Lt,
    "$lte": Lte,
    "$in": In,
    "$nin": lambda field, values: Not(In(field, values)),
    "$contains": lambda field, values: ContainsAny(
        field, tuple(values) if isinstance(values, list | tuple) else (values,)
    ),
    "$exists": lambda field, wanted: Exists(field) if wanted else Not(Exists(field)),
}
_FILTERS = get_args(Filter)


def filter_of(condition: Condition) -> Filter | None:
    """A filter from a filter or from a mapping over a document's metadata.

    ``{"topic": "x"}`` asks for equality, a list for one of its values; operators are
    ``{"year": {"$gte": 2020}}`` with ``$eq $ne $gt $gte $lt $lte $in $nin $contains $exists``,
    joined by ``$and``, ``$or`` and ``$not``.

    Raises:
        InvalidFilter: it is neither, or names no such operator.
    """
    if condition is None or isinstance(condition, _FILTERS):
        found: Filter | None = condition
        return found
    if not isinstance(condition, Mapping):
        raise InvalidFilter(
            "filter is a mapping over the documents' metadata or one of memkit.filters, "
            f"not {type(condition).__name__}"
        )
    return _mapping(condition)


def _mapping(condition: Mapping[str, Any]) -> Filter:
    return And(tuple(_part(key, value) for key, value in condition.items()))


def _part(key: str, value: Any) -> Filter:
    if key in ("$and", "$or"):
        parts = tuple(_nested(key, part) for part in value)
        return And(parts) if key == "$and" else Or(parts)
    if key == "$not":
        return Not(_nested(key, value))
    if not isinstance(key, str) or key.startswith("$"):
        raise InvalidFilter(f"no such operator: {key}")
    field = METADATA_PREFIX + key
    if isinstance(value, Mapping):
        return And(tuple(_compared(field, name, given) for name, given in value.items()))
    if isinstance(value, list | tuple):
        return In(field, tuple(value))
    return Not(Exists(field)) if value is None else Eq(field, value)


def _compared(field: str, name: str, given: Any) -> Filter:
    compare = _COMPARED.get(name)
    if compare is None:
        raise InvalidFilter(f"no such operator: {name} (there are {', '.join(_COMPARED)})")
    return compare(field, given)


def _nested(key: str, part: Any) -> Filter:
    found = filter_of(part)
    if found is None:
        raise InvalidFilter(f"{key} joins conditions")
    return found
