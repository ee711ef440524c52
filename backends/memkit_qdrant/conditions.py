"""Conditions on points, in a form that both engines' own are made from.

Qdrant's server and its embedded engine take the same conditions as objects of two libraries.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Match:
    """The field holds the value, or is a list that does; the types must be the same too."""

    key: str
    value: str | int | bool


@dataclass(frozen=True, slots=True)
class AnyOf:
    """The field holds one of the values (all text, or all whole numbers)."""

    key: str
    values: tuple[str, ...] | tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Span:
    """The field is a number in these bounds; the engine compares as 64-bit floats."""

    key: str
    gt: float | None = None
    gte: float | None = None
    lt: float | None = None
    lte: float | None = None


@dataclass(frozen=True, slots=True)
class Empty:
    """The field is missing, null or an empty list."""

    key: str


@dataclass(frozen=True, slots=True)
class Ids:
    """The point has one of these ids."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Clause:
    """All of ``must`` hold, at least one of ``should`` if there are any, none of ``must_not``."""

    must: tuple[Condition, ...] = ()
    should: tuple[Condition, ...] = ()
    must_not: tuple[Condition, ...] = ()


Condition: TypeAlias = Match | AnyOf | Span | Empty | Ids | Clause

#: A condition, or the truth value that it has for every point.
Logic: TypeAlias = Condition | bool


def every(parts: Iterable[Logic]) -> Logic:
    """All parts hold."""
    found: list[Condition] = []
    for part in parts:
        if isinstance(part, bool):
            if not part:
                return False
            continue
        if isinstance(part, Clause) and not part.should and not part.must_not:
            found.extend(part.must)
        else:
            found.append(part)
    if not found:
        return True
    return found[0] if len(found) == 1 else Clause(must=tuple(found))


def some(parts: Iterable[Logic]) -> Logic:
    """At least one part holds."""
    found: list[Condition] = []
    for part in parts:
        if isinstance(part, bool):
            if part:
                return True
            continue
        if isinstance(part, Clause) and not part.must and not part.must_not:
            found.extend(part.should)
        else:
            found.append(part)
    if not found:
        return False
    return found[0] if len(found) == 1 else Clause(should=tuple(found))


def negated(part: Logic) -> Logic:
    """The part does not hold."""
    if isinstance(part, bool):
        return not part
    if isinstance(part, Clause) and not part.must and not part.should and len(part.must_not) == 1:
        return part.must_not[0]
    return Clause(must_not=(part,))


def where(*parts: Logic) -> Clause | None:
    """What is asked of the engine for these to hold together, ``None`` if nothing can."""
    joined = every(parts)
    if isinstance(joined, bool):
        return Clause() if joined else None
    return joined if isinstance(joined, Clause) else Clause(must=(joined,))
