"""Filters over rows in memory: each leaf is tried once on every distinct value of its field.

What a leaf means is left to :func:`memkit.filters.predicate`, so it is the same here as
everywhere; the rows then only look their value's answer up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from memkit.backing.arrays import grown
from memkit.backing.packing import as_json
from memkit.filters import (
    And,
    Eq,
    FieldType,
    Filter,
    In,
    Not,
    Or,
    field_type,
    predicate,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]


class Column:
    """One field's values, as numbers that stand for the distinct ones."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._codes_of: dict[Any, int] = {}
        self._codes: NDArray[np.int32] = np.zeros(64, np.int32)
        self.size = 0

    def extend(self, values: Iterable[Any]) -> None:
        """Add rows."""
        codes = [self._code(value) for value in values]
        self._codes = grown(self._codes, self.size + len(codes))
        self._codes[self.size : self.size + len(codes)] = codes
        self.size += len(codes)

    def put(self, row: int, value: Any) -> None:
        """Change a row."""
        self._codes[row] = self._code(value)

    def _code(self, value: Any) -> int:
        # 1, 1.0 and True are one key of a dict, and three values here.
        key = as_json(value) if isinstance(value, list | dict | tuple) else (type(value), value)
        code = self._codes_of.get(key)
        if code is None:
            code = self._codes_of[key] = len(self.values)
            self.values.append(value)
        return code

    def mask(self, leaf: Filter) -> Mask:
        """Which rows satisfy a filter on this field."""
        codes = self._codes[: self.size]
        if isinstance(leaf, Eq | In) and field_type(leaf.field) is FieldType.TEXT:
            return self._equal((leaf.value,) if isinstance(leaf, Eq) else leaf.values)
        test = predicate(leaf)
        held: Any = None

        def value_of(_: str) -> Any:
            return held

        answers = np.empty(len(self.values), np.bool_)
        for code, held in enumerate(self.values):  # noqa: B007 - what value_of tells
            answers[code] = test(value_of)
        found: Mask = answers[codes]
        return found

    def _equal(self, values: Iterable[Any]) -> Mask:
        """Which rows hold one of these texts: looked up, as each row may hold another."""
        found = (self._codes_of.get((str, str(value))) for value in values)
        wanted = [code for code in found if code is not None]
        codes = self._codes[: self.size]
        mask: Mask = codes == wanted[0] if len(wanted) == 1 else np.isin(codes, wanted)
        return mask

    def at(self, rows: Sequence[int] | NDArray[Any]) -> list[Any]:
        """The values of rows."""
        return [self.values[code] for code in self._codes[: self.size][rows].tolist()]

    def counts(self, rows: NDArray[Any]) -> list[tuple[Any, int]]:
        """How many of these rows hold each value."""
        counted = np.bincount(self._codes[: self.size][rows], minlength=len(self.values))
        return [(self.values[code], int(counted[code])) for code in np.flatnonzero(counted)]


def fields_of(node: Filter) -> set[str]:
    """The fields that a filter looks at."""
    match node:
        case And(parts) | Or(parts):
            return {field for part in parts for field in fields_of(part)}
        case Not(part):
            return fields_of(part)
        case leaf:
            return {leaf.field}


def evaluate(
    node: Filter,
    size: int,
    columns: Callable[[str], Column],
    row_of: Callable[[str], int | None],
) -> Mask | None:
    """Which of ``size`` rows satisfy a filter; ``None``: all of them.

    Args:
        node: the filter.
        size: how many rows there are.
        columns: a field's column.
        row_of: the row of an id, for filters that name records.
    """
    match node:
        case And(parts):
            result: Mask | None = None
            for part in parts:
                mask = evaluate(part, size, columns, row_of)
                if mask is not None:
                    result = mask if result is None else result & mask
            return result
        case Or(parts):
            found = np.zeros(size, np.bool_)
            for part in parts:
                mask = evaluate(part, size, columns, row_of)
                if mask is None:
                    return None
                found |= mask
            return found
        case Not(part):
            mask = evaluate(part, size, columns, row_of)
            return np.zeros(size, np.bool_) if mask is None else ~mask
        case Eq("id", value):
            return _named([value], size, row_of)
        case In("id", values):
            return _named(values, size, row_of)
        case leaf:
            return columns(leaf.field).mask(leaf)


def _named(ids: Sequence[Any], size: int, row_of: Callable[[str], int | None]) -> Mask:
    mask = np.zeros(size, np.bool_)
    for id_ in ids:
        row = row_of(id_)
        if row is not None:
            mask[row] = True
    return mask
