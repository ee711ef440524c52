"""Filters as conditions of the engine, between two bounds where it cannot say them exactly.

The engine compares text for equality only, and numbers as 64-bit floats; metadata is stored
as tokens, since keys may hold any characters and the engine would read them as paths. Where it
falls short, ``upper`` finds at least all that match and ``lower`` nothing that does not: what
lies between them is settled here, by :func:`memkit.filters.predicate`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from memkit.backing.times import micros
from memkit.filters import (
    FIELDS,
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
    Scalar,
    field_type,
    metadata_key,
)
from memkit_qdrant.conditions import AnyOf, Empty, Ids, Logic, Match, Span, every, negated, some
from memkit_qdrant.names import Generation, point_id
from memkit_qdrant.tokens import family, token

# Whole numbers up to here are exact as 64-bit floats.
_EXACT = 2**53
_INT64 = range(-(2**63), 2**63)
# Fields that every record has, so that nothing is asked to learn whether it is there.
_ALWAYS = frozenset(
    "id visibility kind state confidence pinned embedded version uses useful useless "
    "created_at updated_at".split()
)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What surely matches and what may: the same where the engine says it exactly."""

    lower: Logic
    upper: Logic

    @property
    def exact(self) -> bool:
        """Whether the engine alone finds just what matches."""
        return self.lower == self.upper


@dataclass(frozen=True, slots=True)
class Compiler:
    """Compiles the filters of one namespace, for index data of one generation."""

    namespace: str
    generation: Generation

    def compile(self, node: Filter) -> Bounds:
        """The bounds of a filter."""
        match node:
            case And(parts):
                held = [self.compile(part) for part in parts]
                return Bounds(every(p.lower for p in held), every(p.upper for p in held))
            case Or(parts):
                held = [self.compile(part) for part in parts]
                return Bounds(some(p.lower for p in held), some(p.upper for p in held))
            case Not(part):
                return _complement(self.compile(part))
            case Ne(field, value):
                return _complement(self._equal(field, (value,)))
            case Eq(field, value):
                return self._equal(field, (value,))
            case In(field, values):
                return self._equal(field, values)
            case Exists(field):
                return _exactly(self._exists(field))
            case ContainsAny(field, values):
                return _exactly(self._contains(field, values, all_of=False))
            case ContainsAll(field, values):
                return _exactly(self._contains(field, values, all_of=True))
            case Lt(field, value) | Lte(field, value) | Gt(field, value) | Gte(field, value):
                return self._compared(field, type(node), value)

    def _exists(self, field: str) -> Logic:
        if field_type(field) is FieldType.JSON:
            return Match("meta", token("there", metadata_key(field)))
        return True if field in _ALWAYS else negated(Empty(self._key(field)))

    def _key(self, field: str) -> str:
        return self.generation.signature if field == "signature" else field

    def _equal(self, field: str, values: Iterable[Scalar]) -> Bounds:
        kind = field_type(field)
        if field == "id":
            ids = tuple(point_id(self.namespace, str(value)) for value in values)
            return _exactly(Ids(ids) if ids else False)
        if kind is FieldType.JSON:
            key = metadata_key(field)
            return _exactly(_any("meta", [token("is", key, value) for value in values]))
        if kind is FieldType.BOOL:
            return _exactly(some(self._truth(field, bool(value)) for value in values))
        if field == "confidence":
            floats = [f for value in values if (f := _float(value)) is not None]
            spans = [Span(field, gte=f, lte=f) for f in floats]
            return _exactly(some(spans))
        if kind is FieldType.TEXT:
            return _exactly(_any(field, [str(value) for value in values]))
        whole = [_whole(value) for value in values]
        return _exactly(_any(field, [n for n in whole if n is not None]))

    def _truth(self, field: str, value: bool) -> Logic:
        if field == "embedded":
            held = Match("embedded", self.generation.number)
            return held if value else negated(held)
        # The embedded engine takes no truth values in a condition.
        return Match(field, int(value))

    def _contains(self, field: str, values: tuple[Scalar, ...], *, all_of: bool) -> Logic:
        if field in FIELDS:
            key = self._key(field)
            texts = [str(value) for value in values]
            # A record's own lists are there even when they are empty.
            return every(Match(key, text) for text in texts) if all_of else _any(key, texts)
        name = metadata_key(field)
        tokens = [token("holds", name, value) for value in values]
        if not all_of:
            return _any("meta", tokens)
        if not tokens:
            return Match("meta", token("list", name))
        return every(Match("meta", each) for each in tokens)

    def _compared(self, field: str, how: type, value: Scalar) -> Bounds:
        kind = field_type(field)
        if kind is FieldType.JSON:
            return Bounds(False, Match("meta", token(f"some {family(value)}", metadata_key(field))))
        if kind is FieldType.TEXT:
            return Bounds(False, self._exists(field))
        if field == "confidence":
            return _exactly(_span(field, how, float(value)))  # type: ignore[arg-type]
        number = micros(value) if isinstance(value, datetime) else value
        return self._whole_compared(field, how, number)  # type: ignore[arg-type]

    def _whole_compared(self, field: str, how: type, value: float) -> Bounds:
        """Compare whole numbers: with whole bounds, since the engine may cut fractions off."""
        if how in (Lt, Lte):
            most = math.ceil(value) - 1 if how is Lt else math.floor(value)
            if abs(most) <= _EXACT:
                return _exactly(Span(field, lte=float(most)))
            if most > 0:
                return Bounds(Span(field, lte=float(_EXACT)), self._exists(field))
            return Bounds(False, Span(field, lte=-float(_EXACT)))
        least = math.floor(value) + 1 if how is Gt else math.ceil(value)
        if abs(least) <= _EXACT:
            return _exactly(Span(field, gte=float(least)))
        if least < 0:
            return Bounds(Span(field, gte=-float(_EXACT)), self._exists(field))
        return Bounds(False, Span(field, gte=float(_EXACT)))


def _exactly(logic: Logic) -> Bounds:
    return Bounds(logic, logic)


def _complement(part: Bounds) -> Bounds:
    return Bounds(negated(part.upper), negated(part.lower))


def _any(key: str, values: list[str] | list[int]) -> Logic:
    if not values:
        return False
    return Match(key, values[0]) if len(values) == 1 else AnyOf(key, tuple(values))  # type: ignore[arg-type]


def _span(key: str, how: type, value: float) -> Span:
    bounds: dict[type, str] = {Lt: "lt", Lte: "lte", Gt: "gt", Gte: "gte"}
    return Span(key, **{bounds[how]: value})


def _float(value: Scalar) -> float | None:
    """The 64-bit float that is equal to a number; ``None``: there is none."""
    assert isinstance(value, int | float)
    return float(value) if float(value) == value else None


def _whole(value: Scalar) -> int | None:
    """The whole number that is equal to a number or stands for a time; ``None``: there is none."""
    if isinstance(value, datetime):
        return micros(value)
    assert isinstance(value, int | float)
    whole = int(value)
    return whole if whole == value and whole in _INT64 else None
