"""Filters evaluated on a namespace's columns in memory."""

from __future__ import annotations

from datetime import datetime
from operator import ge, gt, le, lt
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from memkit.backing.times import micros
from memkit.filters import (
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
from memkit_sqlite.columns import FLAGS, MISSING, TEXTS, TIMES, Columns

#: A truth value for each row, or one for all of them.
Truth: TypeAlias = bool | NDArray[np.bool_]

_COMPARE: dict[type, Any] = {Lt: lt, Lte: le, Gt: gt, Gte: ge}


def split(node: Filter) -> tuple[Filter, Filter | None]:
    """A filter as one that the columns can answer, and the rest for the database.

    A record matches if it matches both; the rest is ``None`` if there is none.
    """
    if answerable(node):
        return node, None
    if not isinstance(node, And):
        return And(()), node
    pairs = [split(part) for part in node.parts]
    rest = [part for _, part in pairs if part is not None]
    return And(tuple(part for part, _ in pairs)), And(tuple(rest))


def answerable(node: Filter) -> bool:
    """Whether the columns alone can answer a filter."""
    match node:
        case And(parts) | Or(parts):
            return all(map(answerable, parts))
        case Not(part):
            return answerable(part)
        case Eq(field) | Ne(field) | In(field):
            return field in TEXTS or field in FLAGS or field in TIMES
        case Exists(field):
            return field in TEXTS or field in TIMES or field in FLAGS
        case Lt(field) | Lte(field) | Gt(field) | Gte(field):
            return field in TIMES
        case ContainsAny(field) | ContainsAll(field):
            return field == "tags"


def evaluate(node: Filter, columns: Columns) -> Truth:
    """Which rows, dead ones included, match a filter that is :func:`answerable`."""
    match node:
        case And(parts):
            return _all(parts, columns)
        case Or(parts):
            return _any(parts, columns)
        case Not(part):
            return _not(evaluate(part, columns))
        case Eq(field, value):
            return _in(columns, field, (value,))
        case Ne(field, value):
            return _not(_in(columns, field, (value,)))
        case In(field, values):
            return _in(columns, field, values)
        case Exists(field):
            return _exists(columns, field)
        case Lt(field, value) | Lte(field, value) | Gt(field, value) | Gte(field, value):
            return _ordered(columns, field, node, value)
        case ContainsAny(_, values):
            return _tagged(columns, values, every=False)
        case ContainsAll(_, values):
            return _tagged(columns, values, every=True)


def _all(parts: tuple[Filter, ...], columns: Columns) -> Truth:
    result: Truth = True
    for part in parts:
        truth = evaluate(part, columns)
        if truth is False:
            return False
        if truth is not True:
            result = truth if result is True else result & truth
    return result


def _any(parts: tuple[Filter, ...], columns: Columns) -> Truth:
    result: Truth = False
    for part in parts:
        truth = evaluate(part, columns)
        if truth is True:
            return True
        if truth is not False:
            result = truth if result is False else result | truth
    return result


def _not(truth: Truth) -> Truth:
    return not truth if isinstance(truth, bool) else ~truth


def _in(columns: Columns, field: str, values: tuple[Any, ...]) -> Truth:
    if field in FLAGS:
        wanted = set(values)
        if len(wanted) != 1:
            return bool(wanted)
        flags = columns.flags[field][: columns.size]
        return flags if True in wanted else ~flags
    if field in TIMES:
        if columns.unset(field):
            return False
        return _equals(columns.times[field][: columns.size], [micros(v) for v in set(values)])
    codes = columns.codes[field]
    found = [codes[value] for value in set(values) if value in codes]
    uniform = columns.uniform(field)
    if uniform is not None:
        return uniform in found
    return _equals(columns.texts[field][: columns.size], found)


def _equals(column: NDArray[Any], values: list[int]) -> Truth:
    if not values:
        return False
    if len(values) > 8:
        result: NDArray[np.bool_] = np.isin(column, values)
        return result
    result = column == values[0]
    for value in values[1:]:
        result |= column == value
    return result


def _exists(columns: Columns, field: str) -> Truth:
    if field in FLAGS:
        return True
    if field in TIMES:
        if columns.unset(field):
            return False
        times: NDArray[np.bool_] = columns.times[field][: columns.size] != MISSING
        return times
    uniform = columns.uniform(field)
    if uniform is not None:
        return uniform != 0
    texts: NDArray[np.bool_] = columns.texts[field][: columns.size] != 0
    return texts


def _ordered(columns: Columns, field: str, node: Filter, value: Any) -> Truth:
    if columns.unset(field):
        return False
    assert isinstance(value, datetime)
    times = columns.times[field][: columns.size]
    found: NDArray[np.bool_] = _COMPARE[type(node)](times, micros(value))
    # A missing time is less than any, so it would be among those before the value.
    return found & (times != MISSING) if isinstance(node, Lt | Lte) else found


def _tagged(columns: Columns, values: tuple[Any, ...], *, every: bool) -> Truth:
    result: Truth = every
    for value in dict.fromkeys(values):
        positions = columns.tags.get(value)
        if positions is None:
            if every:
                return False
            continue
        truth = np.zeros(columns.size, np.bool_)
        truth[np.frombuffer(positions, np.int32)] = True
        if isinstance(result, bool):
            result = truth
        elif every:
            result &= truth
        else:
            result |= truth
    return result
