"""A namespace in memory: its rows, found by id, key, filter, words and vectors."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np

from memkit.backing.arrays import grown
from memkit.backing.hashing import term_hash
from memkit.backing.lexical import Postings
from memkit.backing.packing import unpack_record
from memkit.backing.ranking import best, contenders
from memkit.filters import METADATA_PREFIX, Filter, metadata_key
from memkit.protocols import DenseLeg, Scored, SearchLeg
from memkit_chroma.columns import Column, evaluate, fields_of
from memkit_chroma.entries import Index, Step
from memkit_chroma.packed import value_in
from memkit_chroma.vectors import Matrix

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from memkit.types import MemoryRecord

    Mask = NDArray[np.bool_]
# Rows that are gone are closed up once they are more than this and more than those that live.
_DEAD = 1000
# Of a signature key that very many share the newest are looked at.
_NEWEST = 32
_serials = count()


@dataclass(slots=True)
class Row:
    """One record as stored, apart from its vector.

    ``position`` is that of the commit that wrote it last.
    """

    id: str
    packed: str
    unique: tuple[str, ...]
    terms: bytes
    length: int
    signature: tuple[str, ...]
    position: int


class Partition:
    """The rows of one namespace, in the order of their arrival, the dead among them.

    Columns, postings and vectors are made when they are first asked for.
    """

    def __init__(self, rows: Iterable[tuple[Row, bool]] = ()) -> None:
        #: Tells it from any other, of this namespace too.
        self.serial = next(_serials)
        self.rows: list[Row] = []
        self.row_of: dict[str, int] = {}
        self.holders: dict[str, str] = {}
        self.matrix = Matrix()
        #: Grows with every change: what was worked out before one is no longer so.
        self.revision = 0
        self._alive: Mask = np.zeros(64, np.bool_)
        self._dead = 0
        self._columns: dict[str, Column] = {}
        self._postings = Postings()
        self._posted = 0
        self._signatures: dict[str, list[str]] | None = None
        for row, embedded in rows:
            self._append(row)
            self.matrix.append(None, pending=embedded)

    def __len__(self) -> int:
        return len(self.row_of)

    @property
    def size(self) -> int:
        """The rows, with those that are dead."""
        return len(self.rows)

    # Changing.

    def apply(self, step: Step, position: int) -> None:
        """Take in what a commit did; what is newer already stays."""
        number = self.row_of.get(step.id)
        held = None if number is None else self.rows[number]
        if held is not None and held.position > position:
            return
        if step.op == "D":
            if number is not None:
                self._bury(number)
        elif step.index is not None:
            if number is not None:
                self._bury(number)
            self._add(step, step.index, position)
        elif held is not None and number is not None:
            unique = held.unique if step.op == "T" else step.unique
            self._change(number, held, step.packed, unique, position)
        self.revision += 1
        self._close_up()

    def _add(self, step: Step, index: Index, position: int) -> None:
        self._append(
            Row(
                step.id, step.packed, step.unique, index.terms, index.length, index.signature,
                position,
            )
        )  # fmt: skip
        self.matrix.append(index.vector)

    def _append(self, row: Row) -> None:
        number = len(self.rows)
        self.rows.append(row)
        self.row_of[row.id] = number
        for key in row.unique:
            self.holders[key] = row.id
        self._alive = grown(self._alive, number + 1)
        self._alive[number] = True
        if self._signatures is not None:
            for key in set(row.signature):
                self._signatures.setdefault(key, []).append(row.id)

    def _bury(self, number: int) -> None:
        row = self.rows[number]
        del self.row_of[row.id]
        for key in row.unique:
            if self.holders.get(key) == row.id:
                del self.holders[key]
        self._alive[number] = False
        self.matrix.bury(number)
        self._dead += 1

    def _change(
        self, number: int, held: Row, packed: str, unique: tuple[str, ...], position: int
    ) -> None:
        if unique != held.unique:
            for key in held.unique:
                if self.holders.get(key) == held.id:
                    del self.holders[key]
            for key in unique:
                self.holders[key] = held.id
        self.rows[number] = Row(
            held.id, packed, unique, held.terms, held.length, held.signature, position
        )
        if self._columns:
            values = json.loads(packed)
            for field, column in self._columns.items():
                if number < column.size:
                    column.put(number, self._value(field, number, values))

    def _close_up(self) -> None:
        if self._dead <= _DEAD or self._dead <= len(self.row_of):
            return
        kept = np.flatnonzero(self._alive[: self.size])
        if self._posted:
            self._post()
            self._postings.keep(kept)
            self._posted = len(kept)
        self.matrix.keep(kept)
        self.rows = [self.rows[number] for number in kept.tolist()]
        self.row_of = {row.id: number for number, row in enumerate(self.rows)}
        self._alive = np.ones(max(64, len(self.rows)), np.bool_)
        self._dead = 0
        self._columns.clear()

    # Reading.

    def record(self, number: int) -> MemoryRecord:
        """The record of a row."""
        return unpack_record(self.rows[number].packed)

    def embedded(self, number: int) -> bool:
        """Whether a row has a vector."""
        return self.matrix.embedded(number)

    def select(self, filter: Filter) -> Mask | None:
        """Which rows live and match; ``None``: all rows do."""
        self._need(fields_of(filter))
        mask = evaluate(filter, self.size, self._columns.__getitem__, self.row_of.get)
        if not self._dead:
            return mask
        alive = self._alive[: self.size]
        return alive.copy() if mask is None else mask & alive

    def matching(self, filter: Filter) -> NDArray[np.intp]:
        """The rows that live and match."""
        mask = self.select(filter)
        return np.arange(self.size) if mask is None else np.flatnonzero(mask)

    def column(self, field: str) -> Column:
        """A field's column."""
        self._need({field})
        return self._columns[field]

    def _need(self, fields: set[str]) -> None:
        """Make these columns, or bring them up to the newest row."""
        begin: dict[int, list[str]] = {}
        for field in fields:
            column = self._columns.get(field)
            if column is None:
                column = self._columns[field] = Column()
            if column.size < self.size:
                begin.setdefault(column.size, []).append(field)
        for first, together in begin.items():
            parsed = not set(together) <= {"id", "embedded", "signature"}
            found: list[list[Any]] = [[] for _ in together]
            for number in range(first, self.size):
                values = json.loads(self.rows[number].packed) if parsed else {}
                for field, column_values in zip(together, found, strict=True):
                    column_values.append(self._value(field, number, values))
            for field, column_values in zip(together, found, strict=True):
                self._columns[field].extend(column_values)

    def _value(self, field: str, number: int, values: dict[str, Any]) -> Any:
        return field_value(field, values, self.rows[number], self.matrix.embedded(number))

    def sharing(self, keys: Iterable[str]) -> list[int]:
        """The rows that share signature keys: most keys first, then the newest."""
        if self._signatures is None:
            self._signatures = {}
            for row in self.rows:
                if row.id in self.row_of:
                    for key in set(row.signature):
                        self._signatures.setdefault(key, []).append(row.id)
        shared: Counter[int] = Counter()
        for key in set(keys):
            seen: set[int] = set()
            for id_ in reversed(self._signatures.get(key, ())):
                number = self.row_of.get(id_)
                if number is not None and key in self.rows[number].signature:
                    seen.add(number)
                if len(seen) == _NEWEST:
                    break
            shared.update(seen)
        return sorted(shared, key=lambda number: (-shared[number], -number))

    # Ranking.

    def rank(
        self, leg: SearchLeg, among: Mask | None, limit: int
    ) -> tuple[tuple[Scored, ...], float | None]:
        """A leg's best ``limit`` of these rows, and its ceiling.

        For a dense leg all vectors must be here.
        """
        if limit <= 0 or not self.size:
            return (), None
        if isinstance(leg, DenseLeg):
            found, cosines = self.matrix.scores(leg.vector, among)
            chosen = contenders(cosines, limit)
            return best(found[chosen], cosines[chosen], _Ids(self.rows), limit), None
        self._post()
        terms = [term_hash(term) for term in dict.fromkeys(leg.terms)]
        words = self._postings.search(terms, among, limit)
        return best(words.rows, words.scores, _Ids(self.rows), limit), words.ceiling

    def _post(self) -> None:
        fresh = self.rows[self._posted :]
        if fresh:
            self._postings.append(
                self._posted, [row.length for row in fresh], [row.terms for row in fresh]
            )
            self._posted = len(self.rows)


class _Ids(Sequence[str]):
    """The ids of rows, without a list of them."""

    def __init__(self, rows: list[Row]) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, number: Any) -> Any:
        return self._rows[number].id


def field_value(field: str, values: dict[str, Any], row: Row, embedded: bool) -> Any:
    """What a filter on a field sees of a packed record; times are datetimes."""
    if field == "id":
        return row.id
    if field == "embedded":
        return embedded
    if field == "signature":
        return row.signature
    if field.startswith(METADATA_PREFIX):
        return values.get("metadata", {}).get(metadata_key(field))
    return value_in(field, values)
