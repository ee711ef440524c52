"""The typed filter tree that every backend compiles, and its reference meaning.

Fields are those of :data:`FIELDS`, or ``metadata.<key>`` where everything after the first
dot is one key of the record's metadata, verbatim. Logic is two-valued: a leaf on a missing
value is false, and ``Not`` (hence ``Ne``) is the plain complement. Numbers compare as
numbers (``1`` equals ``1.0`` but neither ``True`` nor ``"1"``), times as instants, text by
code point. :func:`matches` is the meaning; backends are tested against it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from operator import eq, ge, gt, le, lt
from typing import Any, TypeAlias

from memkit.errors import InvalidFilter

Scalar: TypeAlias = str | int | float | bool | datetime


class FieldType(StrEnum):
    """What a field holds, and so what it can be compared with."""

    TEXT = "text"
    NUMBER = "number"
    BOOL = "bool"
    TIME = "time"
    LABELS = "labels"
    JSON = "json"


#: The fields of a record that a filter can name, apart from ``metadata.<key>``.
#: ``link_to`` holds the ids that the record's links point at; ``embedded`` says whether it
#: has a vector; ``signature`` holds the keys by which near copies find each other.
FIELDS: Mapping[str, FieldType] = {
    "id": FieldType.TEXT,
    "project": FieldType.TEXT,
    "task": FieldType.TEXT,
    "agent": FieldType.TEXT,
    "visibility": FieldType.TEXT,
    "kind": FieldType.TEXT,
    "state": FieldType.TEXT,
    "tags": FieldType.LABELS,
    "link_to": FieldType.LABELS,
    "signature": FieldType.LABELS,
    "confidence": FieldType.NUMBER,
    "pinned": FieldType.BOOL,
    "embedded": FieldType.BOOL,
    "version": FieldType.NUMBER,
    "uses": FieldType.NUMBER,
    "useful": FieldType.NUMBER,
    "useless": FieldType.NUMBER,
    "created_at": FieldType.TIME,
    "updated_at": FieldType.TIME,
    "occurred_at": FieldType.TIME,
    "expires_at": FieldType.TIME,
    "used_at": FieldType.TIME,
    "superseded_at": FieldType.TIME,
    "superseded_by": FieldType.TEXT,
    "forgotten_at": FieldType.TIME,
    "conversation_id": FieldType.TEXT,
    "sequence": FieldType.NUMBER,
    "speaker": FieldType.TEXT,
    "source": FieldType.TEXT,
    "author": FieldType.TEXT,
    "subject": FieldType.TEXT,
    "predicate": FieldType.TEXT,
    "object": FieldType.TEXT,
    "valid_from": FieldType.TIME,
    "valid_to": FieldType.TIME,
    "retracted_at": FieldType.TIME,
}

METADATA_PREFIX = "metadata."


@dataclass(frozen=True, slots=True)
class Eq:
    """The field equals the value."""

    field: str
    value: Scalar

    def __post_init__(self) -> None:
        _check_leaf(self.field, self.value)


@dataclass(frozen=True, slots=True)
class Ne:
    """The field is missing or differs from the value: the complement of :class:`Eq`."""

    field: str
    value: Scalar

    def __post_init__(self) -> None:
        _check_leaf(self.field, self.value)


@dataclass(frozen=True, slots=True)
class In:
    """The field equals one of the values (none of them: nothing matches)."""

    field: str
    values: tuple[Scalar, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", _as_tuple(self.field, self.values))
        for value in self.values:
            _check_leaf(self.field, value)


@dataclass(frozen=True, slots=True)
class Lt:
    """The field is less than the value."""

    field: str
    value: Scalar

    def __post_init__(self) -> None:
        _check_ordered(self.field, self.value)


@dataclass(frozen=True, slots=True)
class Lte:
    """The field is at most the value."""

    field: str
    value: Scalar

    def __post_init__(self) -> None:
        _check_ordered(self.field, self.value)


@dataclass(frozen=True, slots=True)
class Gt:
    """The field is greater than the value."""

    field: str
    value: Scalar

    def __post_init__(self) -> None:
        _check_ordered(self.field, self.value)


@dataclass(frozen=True, slots=True)
class Gte:
    """The field is at least the value."""

    field: str
    value: Scalar

    def __post_init__(self) -> None:
        _check_ordered(self.field, self.value)


@dataclass(frozen=True, slots=True)
class ContainsAny:
    """The list field holds at least one of the values."""

    field: str
    values: tuple[Scalar, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", _as_tuple(self.field, self.values))
        _check_list(self.field, self.values)


@dataclass(frozen=True, slots=True)
class ContainsAll:
    """The list field holds every one of the values (none: it must merely be a list)."""

    field: str
    values: tuple[Scalar, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", _as_tuple(self.field, self.values))
        _check_list(self.field, self.values)


@dataclass(frozen=True, slots=True)
class Exists:
    """The field has a value: not null, and for the record's own list fields not empty."""

    field: str

    def __post_init__(self) -> None:
        field_type(self.field)


@dataclass(frozen=True, slots=True)
class And:
    """Every part holds; an empty one is true."""

    parts: tuple[Filter, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", _as_parts(self.parts))


@dataclass(frozen=True, slots=True)
class Or:
    """At least one part holds; an empty one is false."""

    parts: tuple[Filter, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", _as_parts(self.parts))


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: Filter

    def __post_init__(self) -> None:
        _check_filter(self.part)


Filter: TypeAlias = (
    Eq | Ne | In | Lt | Lte | Gt | Gte | ContainsAny | ContainsAll | Exists | And | Or | Not
)
_FILTERS = (Eq, Ne, In, Lt, Lte, Gt, Gte, ContainsAny, ContainsAll, Exists, And, Or, Not)


def field_type(field: str) -> FieldType:
    """The type of a field.

    Raises:
        InvalidFilter: no such field; the message lists those that exist.
    """
    if not isinstance(field, str):
        raise InvalidFilter(f"a filter's field is a string, not {type(field).__name__}")
    known = FIELDS.get(field)
    if known is not None:
        return known
    if field.startswith(METADATA_PREFIX) and len(field) > len(METADATA_PREFIX):
        try:
            field.encode()
        except UnicodeEncodeError:
            raise InvalidFilter("a metadata key holds a lone surrogate") from None
        return FieldType.JSON
    raise InvalidFilter(
        f"filters know no such field: use 'metadata.<key>' or one of {', '.join(sorted(FIELDS))}"
    )


def metadata_key(field: str) -> str:
    """The metadata key that a ``metadata.<key>`` field names."""
    return field[len(METADATA_PREFIX) :]


def _as_tuple(field: str, values: object) -> tuple[Any, ...]:
    if isinstance(values, str | bytes) or not hasattr(values, "__iter__"):
        raise InvalidFilter(f"the filter on {field!r} takes a list of values")
    return tuple(values)


def _as_parts(parts: object) -> tuple[Filter, ...]:
    if isinstance(parts, str | bytes) or not hasattr(parts, "__iter__"):
        raise InvalidFilter("And and Or take a sequence of filters")
    result = tuple(parts)
    for part in result:
        _check_filter(part)
    return result


def _check_filter(part: object) -> None:
    if not isinstance(part, _FILTERS):
        raise InvalidFilter(
            f"a filter is one of {', '.join(f.__name__ for f in _FILTERS)}, "
            f"not {type(part).__name__}"
        )


def check_filter(value: object) -> Filter:
    """Return ``value`` if it is a filter.

    Raises:
        InvalidFilter: it is not.
    """
    _check_filter(value)
    return value  # type: ignore[return-value]


def _check_scalar(field: str, value: object) -> None:
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            raise InvalidFilter(f"the time compared with {field!r} has no zone: make it aware")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidFilter(f"the number compared with {field!r} is not finite")
    elif isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise InvalidFilter(f"the number compared with {field!r} needs more than 64 bits")
    elif isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise InvalidFilter(f"the text compared with {field!r} has a lone surrogate") from None
    else:
        raise InvalidFilter(
            f"{field!r} is compared with text, a number, a truth value or a time, "
            f"not {type(value).__name__} (for missing values use Exists)"
        )


_EXPECTED: Mapping[FieldType, tuple[str, Callable[[object], bool]]] = {
    FieldType.TEXT: ("text", lambda v: isinstance(v, str)),
    FieldType.NUMBER: (
        "a number",
        lambda v: isinstance(v, int | float) and v is not True and v is not False,
    ),
    FieldType.BOOL: ("True or False", lambda v: isinstance(v, bool)),
    FieldType.TIME: ("an aware datetime", lambda v: isinstance(v, datetime)),
    FieldType.LABELS: ("text", lambda v: isinstance(v, str)),
    FieldType.JSON: ("text, a number or a truth value", lambda v: not isinstance(v, datetime)),
}


def _check_value(field: str, value: object) -> FieldType:
    kind = field_type(field)
    _check_scalar(field, value)
    name, accepts = _EXPECTED[kind]
    if not accepts(value):
        raise InvalidFilter(f"{field!r} is compared with {name}, not {type(value).__name__}")
    return kind


def _check_leaf(field: str, value: object) -> None:
    if _check_value(field, value) is FieldType.LABELS:
        raise InvalidFilter(f"{field!r} is a list: use ContainsAny or ContainsAll")


def _check_ordered(field: str, value: object) -> None:
    _check_leaf(field, value)
    if isinstance(value, bool):
        raise InvalidFilter(f"truth values have no order: use Eq on {field!r}")


def _check_list(field: str, values: tuple[object, ...]) -> None:
    kind = field_type(field)
    if kind not in (FieldType.LABELS, FieldType.JSON):
        raise InvalidFilter(f"{field!r} is not a list: use Eq or In")
    for value in values:
        _check_value(field, value)


FieldValue: TypeAlias = Callable[[str], Any]
Predicate: TypeAlias = Callable[[FieldValue], bool]


def matches(node: Filter, value_of: FieldValue) -> bool:
    """Whether a record satisfies a filter: the reference meaning of the tree.

    Args:
        node: the filter.
        value_of: the record's value for a field name; ``None`` where it is missing.
    """
    return predicate(node)(value_of)


def predicate(node: Filter) -> Predicate:
    """A function that tells whether a record's values satisfy a filter.

    To be preferred to :func:`matches` where many records meet one filter.
    """
    match node:
        case And(parts):
            return _every([predicate(part) for part in parts])
        case Or(parts):
            return _some([predicate(part) for part in parts])
        case Not(part):
            return _negated(predicate(part))
        case Exists(field):
            return _exists(field)
        case Eq(field, value):
            return _leaf(field, value, eq)
        case Ne(field, value):
            return _negated(_leaf(field, value, eq))
        case In(field, values):
            return _some([_leaf(field, value, eq) for value in values])
        case Lt(field, value):
            return _leaf(field, value, lt)
        case Lte(field, value):
            return _leaf(field, value, le)
        case Gt(field, value):
            return _leaf(field, value, gt)
        case Gte(field, value):
            return _leaf(field, value, ge)
        case ContainsAny(field, values):
            return _holds(field, values, any)
        case ContainsAll(field, values):
            return _holds(field, values, all)


def _every(parts: list[Predicate]) -> Predicate:
    if len(parts) == 1:
        return parts[0]

    def test(value_of: FieldValue) -> bool:
        for part in parts:  # noqa: SIM110 (this runs for every hit: no generator)
            if not part(value_of):
                return False
        return True

    return test


def _some(parts: list[Predicate]) -> Predicate:
    if len(parts) == 1:
        return parts[0]

    def test(value_of: FieldValue) -> bool:
        for part in parts:  # noqa: SIM110
            if part(value_of):
                return True
        return False

    return test


def _negated(part: Predicate) -> Predicate:
    return lambda value_of: not part(value_of)


def _exists(field: str) -> Predicate:
    own = field in FIELDS

    def test(value_of: FieldValue) -> bool:
        value = value_of(field)
        return value is not None and not (own and value == ())

    return test


def _leaf(field: str, value: Scalar, compare: Callable[[Any, Any], bool]) -> Predicate:
    family = _family(value)

    def test(value_of: FieldValue) -> bool:
        held = value_of(field)
        return _family(held) is family and compare(held, value)

    return test


def _holds(
    field: str, values: tuple[Scalar, ...], enough: Callable[[Iterable[bool]], bool]
) -> Predicate:
    def test(value_of: FieldValue) -> bool:
        held = value_of(field)
        return isinstance(held, list | tuple) and enough(
            any(_family(item) is _family(value) and item == value for item in held)
            for value in values
        )

    return test


def _family(value: object) -> type | None:
    """What a value compares with: ``None`` compares with nothing."""
    return _FAMILIES.get(type(value)) or _odd_family(value)


_FAMILIES: Mapping[type, type] = {
    str: str,
    bool: bool,
    int: float,
    float: float,
    datetime: datetime,
}


def _odd_family(value: object) -> type | None:
    # Subclasses, such as the members of a StrEnum.
    for kind in (bool, str, datetime):
        if isinstance(value, kind):
            return kind
    return float if isinstance(value, int | float) else None


#: The filter that everything matches.
EVERYTHING = And(())
