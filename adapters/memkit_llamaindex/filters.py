"""LlamaIndex's metadata filters as memkit's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from llama_index.core.vector_stores.types import (
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
)

from memkit.errors import InvalidFilter
from memkit.filters import (
    METADATA_PREFIX,
    And,
    ContainsAll,
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

#: The key of a node's metadata in which its empty values are named, for ``is_empty``.
EMPTY = "_empty"

_SCALAR: Mapping[FilterOperator, Callable[[str, Any], Filter]] = {
    FilterOperator.EQ: Eq,
    FilterOperator.NE: Ne,
    FilterOperator.GT: Gt,
    FilterOperator.GTE: Gte,
    FilterOperator.LT: Lt,
    FilterOperator.LTE: Lte,
    FilterOperator.CONTAINS: lambda field, value: ContainsAny(field, (value,)),
}
_LISTS: Mapping[FilterOperator, Callable[[str, Any], Filter]] = {
    FilterOperator.IN: In,
    FilterOperator.NIN: lambda field, values: Not(In(field, values)),
    FilterOperator.ANY: ContainsAny,
    FilterOperator.ALL: ContainsAll,
}


def filter_of(filters: MetadataFilters | None) -> Filter | None:
    """The memkit filter that says the same; ``None`` where nothing is asked.

    As in LlamaIndex's own store, ``!=`` and ``nin`` hold for a node that lacks the key, and
    ``not`` means that none of its filters holds. ``contains``, ``any`` and ``all`` look into
    lists.

    Raises:
        InvalidFilter: ``text_match`` or ``text_match_insensitive``, which no store of memkit
            can tell without reading everything, or a value that does not fit its operator.
    """
    if filters is None or not filters.filters:
        return None
    parts = tuple(
        (filter_of(each) or And(())) if isinstance(each, MetadataFilters) else _leaf(each)
        for each in filters.filters
    )
    match filters.condition:
        case None | FilterCondition.AND:
            return And(parts)
        case FilterCondition.OR:
            return Or(parts)
        case FilterCondition.NOT:
            return Not(Or(parts))


def _leaf(asked: MetadataFilter) -> Filter:
    field, operator, value = METADATA_PREFIX + asked.key, asked.operator, asked.value
    if operator is FilterOperator.IS_EMPTY:
        return Or((Not(Exists(field)), ContainsAny(METADATA_PREFIX + EMPTY, (asked.key,))))
    if operator in _SCALAR:
        if value is None or isinstance(value, list):
            raise InvalidFilter(
                f"the operator {operator.value!r} takes one value: for several use in, nin, any "
                "or all, for none is_empty"
            )
        return _SCALAR[operator](field, value)
    if operator in _LISTS:
        if not isinstance(value, list):
            raise InvalidFilter(f"the operator {operator.value!r} takes a list of values")
        return _LISTS[operator](field, tuple(value))
    raise InvalidFilter(
        f"memkit has no filter {operator.value!r}: ask by the query's mode text_search for words, "
        "and by metadata for exact values"
    )
