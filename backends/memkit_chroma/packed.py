"""The fields of a record packed as JSON, without making the record."""

from __future__ import annotations

from typing import Any

from memkit.backing.times import moment
from memkit.filters import FIELDS, FieldType

_TIMES = frozenset(name for name, kind in FIELDS.items() if kind is FieldType.TIME)


def value_in(field: str, values: dict[str, Any]) -> Any:
    """What a filter on one of a record's own fields sees; ``None`` if it is missing."""
    if field == "link_to":
        return tuple(target for _, target in values.get("links", ()))
    value = values.get(field)
    if field in ("tags", "entities"):
        return tuple(value or ())
    if value is not None and field in _TIMES:
        return moment(value)
    return value
