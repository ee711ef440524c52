"""Filters on the values of a LangGraph store's items: what they mean, and what of it a backend can
be asked.

Numbers compare as numbers, text as text by code point, and neither with the other; a truth value
equals truth values alone. A missing field equals ``None``. A key names a field of the value; if the
value has none of this name, its periods lead into nested objects. An object without operators asks
that the field be an object with equal fields, whatever else it has; a list asks for an equal list.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from operator import ge, gt, le, lt
from typing import Any

from memkit.errors import InvalidFilter
from memkit.filters import Eq, Filter, Gt, Gte, Lt, Lte

Test = Callable[[Any], bool]

_FIELD = "langgraph.field."
_FIELD_MAX = 150
_TEXT_MAX = 200
# Above it not every whole number is a float.
_EXACT = 2**53
_WHOLE = 2**63
_ORDERED: Mapping[str, tuple[Callable[[Any, Any], bool], Callable[[str, Any], Filter]]] = {
    "$gt": (gt, Gt),
    "$gte": (ge, Gte),
    "$lt": (lt, Lt),
    "$lte": (le, Lte),
}
_OPERATORS = ("$eq", "$ne", *_ORDERED)


@dataclass(frozen=True, slots=True)
class ValueFilter:
    """A filter on values.

    Attributes:
        matches: whether a value meets it.
        asked: what the backend can be asked of it; every value that ``matches`` meets it.
        complete: whether ``asked`` is all of it.
    """

    matches: Test
    asked: tuple[Filter, ...]
    complete: bool


def value_filter(conditions: Mapping[str, Any] | None) -> ValueFilter:
    """What a search's ``filter`` means.

    Raises:
        InvalidFilter: it is no mapping, or names an operator that does not exist.
    """
    if conditions is not None and not isinstance(conditions, Mapping):
        raise InvalidFilter("a filter is a mapping of fields to what they are compared with")
    tests: list[Test] = []
    asked: list[Filter] = []
    complete = True
    for key, wanted in (conditions or {}).items():
        if not isinstance(key, str):
            raise InvalidFilter("a filter's keys are the names of fields")
        tests.append(_on_field(key, _test(wanted)))
        for operator, operand in _parts(wanted):
            part = _asked(key, operator, operand)
            complete = complete and part is not None
            asked += () if part is None else (part,)
    return ValueFilter(lambda value: all(test(value) for test in tests), tuple(asked), complete)


def mirrored(value: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata that stand for a value's own fields in a backend's filters."""
    found = {}
    for name, held in value.items():
        known = _comparable(held)
        if _nameable(name) and known is not None:
            found[_FIELD + name] = known
    return found


def _comparable(held: object) -> str | int | float | bool | None:
    """What a field's value is to a filter; ``None``: filters on it are not the backend's."""
    if isinstance(held, bool):
        return held
    if isinstance(held, str):
        return held if _storable(held) else None
    if isinstance(held, int):
        if -_WHOLE <= held < _WHOLE:
            return held
        try:
            return float(held)
        except OverflowError:
            return math.copysign(1.7e308, held)
    if isinstance(held, float) and not math.isnan(held):
        return max(-1.7e308, min(1.7e308, held))
    return None


def _storable(text: str) -> bool:
    return len(text) <= _TEXT_MAX and not any(
        char == "\x00" or "\ud800" <= char <= "\udfff" for char in text
    )


def _nameable(name: str) -> bool:
    # A key with periods may be a path: only the value itself tells.
    return 0 < len(name) <= _FIELD_MAX and "." not in name and _storable(name)


def _asked(key: str, operator: str, operand: object) -> Filter | None:
    """The condition for the backend; ``None``: it cannot be asked exactly this."""
    if not _nameable(key):
        return None
    field = f"metadata.{_FIELD}{key}"
    if isinstance(operand, int | float) and not isinstance(operand, bool):
        # Also not a number that is none, which is in no range.
        if not -_EXACT <= operand <= _EXACT:
            return None
        return Eq(field, operand) if operator == "$eq" else _ranged(field, operator, operand)
    if operator == "$eq" and isinstance(operand, str | bool) and _comparable(operand) is not None:
        return Eq(field, operand)
    return None


def _ranged(field: str, operator: str, operand: float) -> Filter | None:
    found = _ORDERED.get(operator)
    return None if found is None else found[1](field, operand)


def _parts(wanted: object) -> Iterable[tuple[str, object]]:
    """Operators and their operands."""
    return wanted.items() if _operates(wanted) else (("$eq", wanted),)  # type: ignore[attr-defined]


def _operates(wanted: object) -> bool:
    return isinstance(wanted, Mapping) and any(
        isinstance(key, str) and key.startswith("$") for key in wanted
    )


def _test(wanted: Any) -> Test:
    if not _operates(wanted):
        return lambda held: _equal(held, wanted)
    tests = [_operator(operator, operand) for operator, operand in wanted.items()]
    return lambda held: all(test(held) for test in tests)


def _operator(operator: str, operand: Any) -> Test:
    if operator == "$eq":
        return lambda held: _equal(held, operand)
    if operator == "$ne":
        return lambda held: not _equal(held, operand)
    if operator not in _ORDERED:
        raise InvalidFilter(f"filters have the operators {', '.join(_OPERATORS)}")
    compare = _ORDERED[operator][0]
    family = _family(operand)

    def test(held: Any) -> bool:
        return family in (str, float) and _family(held) is family and compare(held, operand)

    return test


def _on_field(key: str, test: Test) -> Test:
    path = key.split(".")

    def on_field(value: Mapping[str, Any]) -> bool:
        if key in value or len(path) == 1:
            return test(value.get(key))
        held: Any = value
        for name in path:
            held = held.get(name) if isinstance(held, Mapping) else None
        return test(held)

    return on_field


def _equal(held: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping):
        if not isinstance(held, Mapping):
            return False
        return all(_test(part)(held.get(name)) for name, part in wanted.items())
    if isinstance(wanted, list | tuple):
        return (
            isinstance(held, list)
            and len(held) == len(wanted)
            and all(_equal(one, other) for one, other in zip(held, wanted, strict=True))
        )
    return _family(held) is _family(wanted) and bool(held == wanted)


def _family(value: object) -> type | None:
    """What a value compares with."""
    if isinstance(value, bool):
        return bool
    return float if isinstance(value, int | float) else type(value)
