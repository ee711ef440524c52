"""An honest little backend in plain Python: dictionaries, brute force, and a journal on disk.

It shows how little a backend needs, and that the conformance suite can be passed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import os
import pickle
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from memkit.errors import (
    EmbedderMismatch,
    InvalidInput,
    RecordNotFound,
    StoreClosed,
    StoreReadOnly,
    StoreUnavailable,
    VersionConflict,
)
from memkit.filters import FIELDS, FieldType, Filter, predicate
from memkit.protocols import (
    Applied,
    Capabilities,
    Delete,
    DenseLeg,
    Duplicate,
    Fingerprint,
    IndexData,
    LexicalLeg,
    Operation,
    Order,
    Patch,
    Put,
    ScanPage,
    Scored,
    SearchLeg,
    SearchResult,
    Stored,
    StoreInfo,
    StoreSpec,
    Touch,
    WriteResult,
)
from memkit.types import MemoryRecord

T = TypeVar("T")
Namespaces = dict[str, dict[str, "Row"]]


@dataclass(frozen=True, slots=True)
class Row:
    """A stored record and what it is found by."""

    record: MemoryRecord
    index: IndexData
    unique: tuple[str, ...]

    def value_of(self, field: str) -> Any:
        """The value that a filter on ``field`` sees."""
        if field == "embedded":
            return self.index.vector is not None
        if field == "signature":
            return self.index.signature
        return self.record.value_of(field)


class ToyBackend:
    """Everything in memory; each batch is appended to a journal before it is acknowledged."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._lock = threading.Lock()
        self._rows: Namespaces = {}
        self._fingerprint: Fingerprint | None = None
        self._analyzer = ""
        self._open = self._read_only = False

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            lexical=True, atomic_batch=True, compare_and_set=True, durable=True, ordered=True
        )

    async def open(self, spec: StoreSpec) -> StoreInfo:
        if spec.read_only and not self._place.exists():
            raise StoreUnavailable("there is no store: open it once for writing")
        held: Fingerprint | None = None
        analyzer: str | None = None
        if self._place.exists():
            for entry in self._journal(mend=not spec.read_only):
                held, analyzer, batch = entry
                self._carry_out(batch)
        embedded = any(row.index.vector is not None for row in self._all_rows())
        filled = any(True for _ in self._all_rows())
        if not spec.migrating and (
            (embedded and held and spec.fingerprint and not held.matches(spec.fingerprint))
            or (filled and analyzer != spec.analyzer)
        ):
            raise EmbedderMismatch("the store is of another model: run 'memkit reembed'")
        self._fingerprint = held if embedded else spec.fingerprint
        self._analyzer = analyzer if filled and analyzer is not None else spec.analyzer
        self._open, self._read_only = True, spec.read_only
        shown = self._shown_fingerprint(embedded)
        return StoreInfo(str(self._place), 1, shown, self._analyzer)

    def _journal(self, *, mend: bool) -> Iterator[tuple[Fingerprint | None, str, list[Operation]]]:
        sound = 0
        # A batch that a kill cut short was never acknowledged.
        cut_short = contextlib.suppress(EOFError, pickle.UnpicklingError)
        with self._place.open("rb") as journal, cut_short:
            while True:
                yield pickle.load(journal)
                sound = journal.tell()
        if mend:
            # Otherwise what is appended next would stand behind the torn batch, unreadable.
            os.truncate(self._place, sound)

    def _shown_fingerprint(self, embedded: bool) -> Fingerprint | None:
        if not embedded or self._fingerprint is None:
            return None
        return replace(self._fingerprint, dimension=self._dimension())

    def _dimension(self) -> int | None:
        sizes = (len(row.index.vector) for row in self._all_rows() if row.index.vector is not None)
        return next(sizes, self._fingerprint.dimension if self._fingerprint else None)

    def _all_rows(self) -> Iterable[Row]:
        return (row for rows in self._rows.values() for row in rows.values())

    async def close(self) -> None:
        self._open = False

    async def _locked(self, work: Callable[[], T]) -> T:
        # Gives way first, as a real engine would: a call can be cancelled before it begins.
        await asyncio.sleep(0)
        with self._lock:
            if not self._open:
                raise StoreClosed("the store is closed: open it again")
            return work()

    async def write(self, batch: Sequence[Operation]) -> list[WriteResult]:
        return await self._locked(lambda: self._write(batch))

    def _write(self, batch: Sequence[Operation]) -> list[WriteResult]:
        if self._read_only:
            raise StoreReadOnly("the store was opened for reading")
        before = {namespace: dict(rows) for namespace, rows in self._rows.items()}
        # A deep copy: the caller may change its arrays and mappings afterwards.
        own = deepcopy(list(batch))
        try:
            results = self._carry_out(own)
        except (VersionConflict, RecordNotFound, InvalidInput):
            self._undo(before)
            raise
        self._keep(own)
        return results

    def _undo(self, before: Namespaces) -> None:
        self._rows = before

    def _keep(self, batch: Sequence[Operation]) -> None:
        with self._place.open("ab") as journal:
            pickle.dump((self._fingerprint, self._analyzer, list(batch)), journal)

    def _carry_out(self, batch: Sequence[Operation]) -> list[WriteResult]:
        return [self._apply(operation) for operation in batch]

    def _apply(self, operation: Operation) -> WriteResult:
        match operation:
            case Put(record, index, unique):
                rows = self._rows.setdefault(record.namespace, {})
                if record.id in rows:
                    return Duplicate(record.id, record.id)
                self._check_dimension(index)
                taken = self._holder(rows, record.id, unique)
                if taken is None:
                    rows[record.id] = Row(record, index, unique)
                return taken or Applied()
            case Patch():
                return self._patch(operation)
            case Touch(namespace, id_):
                rows = self._rows.get(namespace, {})
                if id_ in rows:
                    rows[id_] = replace(rows[id_], record=_touched(rows[id_].record, operation))
            case Delete(namespace, id_):
                self._rows.get(namespace, {}).pop(id_, None)
        return Applied()

    def _patch(self, patch: Patch) -> WriteResult:
        rows = self._rows.get(patch.record.namespace, {})
        held = rows.get(patch.record.id)
        if held is None:
            raise RecordNotFound("there is no such record")
        self._check_version(held.record, patch.expect_version)
        unique = held.unique if patch.unique is None else patch.unique
        taken = self._holder(rows, patch.record.id, unique)
        if taken is not None:
            return taken
        index = held.index if patch.index is None else patch.index
        self._check_dimension(index)
        rows[patch.record.id] = Row(self._patched(held.record, patch.record), index, unique)
        return Applied()

    def _check_dimension(self, index: IndexData) -> None:
        known = self._dimension()
        if index.vector is not None and known is not None and len(index.vector) != known:
            raise InvalidInput(f"the store's vectors have {known} dimensions")

    def _check_version(self, held: MemoryRecord, expected: int) -> None:
        if held.version != expected:
            raise VersionConflict("the record has changed: read it again")

    def _patched(self, held: MemoryRecord, new: MemoryRecord) -> MemoryRecord:
        return replace(
            new, uses=held.uses, used_at=held.used_at, useful=held.useful, useless=held.useless
        )

    def _holder(self, rows: Mapping[str, Row], id_: str, keys: Sequence[str]) -> Duplicate | None:
        for other in rows.values():
            for key in keys:
                if other.record.id != id_ and key in other.unique:
                    return Duplicate(other.record.id, key)
        return None

    def _rows_of(self, namespace: str) -> Mapping[str, Row]:
        return self._rows.get(namespace, {})

    def _find(self, namespace: str, id_: str) -> Row | None:
        return self._rows_of(namespace).get(id_)

    def _test(self, filter: Filter) -> Callable[[Row], bool]:
        passes = predicate(filter)
        return lambda row: passes(row.value_of)

    def _select(self, namespace: str, filter: Filter) -> list[Row]:
        passes = self._test(filter)
        return [row for row in self._rows_of(namespace).values() if passes(row)]

    async def get(
        self, namespace: str, ids: Sequence[str], *, vectors: bool = False
    ) -> dict[str, Stored]:
        def work() -> dict[str, Stored]:
            found = {id_: self._find(namespace, id_) for id_ in ids}
            return {id_: _stored(row, vectors) for id_, row in found.items() if row is not None}

        return await self._locked(work)

    async def scan(
        self,
        namespace: str,
        filter: Filter,
        *,
        order: Order = Order(),
        cursor: str | None = None,
        limit: int = 100,
        vectors: bool = False,
    ) -> ScanPage:
        def work() -> ScanPage:
            if FIELDS.get(order.field) not in (FieldType.TEXT, FieldType.NUMBER, FieldType.TIME):
                raise InvalidInput("a scan is ordered by a text, number or time field")
            rows = sorted(self._select(namespace, filter), key=lambda row: row.record.id)
            field = order.field
            there = [row for row in rows if row.value_of(field) is not None]
            missing = [row for row in rows if row.value_of(field) is None]
            there.sort(key=lambda row: row.value_of(field), reverse=order.descending)
            page = self._page(there + missing, order, cursor, limit)
            more = len(page) > limit
            return ScanPage(
                tuple(_stored(row, vectors) for row in page[:limit]),
                self._cursor(page[limit - 1], order, cursor, limit) if more else None,
            )

        return await self._locked(work)

    def _cursor(self, last: Row, order: Order, cursor: str | None, limit: int) -> str:
        value = last.value_of(order.field)
        return json.dumps([order.field, order.descending, _plain(value), last.record.id])

    def _page(self, rows: list[Row], order: Order, cursor: str | None, limit: int) -> list[Row]:
        if cursor is None:
            return rows[: limit + 1]
        try:
            field, descending, value, id_ = json.loads(cursor)
        except (ValueError, TypeError):
            raise InvalidInput("the cursor is not one of this store's") from None
        if [field, descending] != [order.field, order.descending]:
            raise InvalidInput("the cursor is of another order")

        def is_after(row: Row) -> bool:
            held = _plain(row.value_of(order.field))
            if held is None or value is None:
                return held is None and (value is not None or row.record.id > str(id_))
            if held == value:
                return row.record.id > str(id_)
            return bool(held < value if order.descending else held > value)

        return [row for row in rows if is_after(row)][: limit + 1]

    async def count(self, namespace: str, filter: Filter, by: str | None = None) -> dict[str, int]:
        def work() -> dict[str, int]:
            rows = self._select(namespace, filter)
            if by is None:
                return {"": len(rows)}
            if FIELDS.get(by) not in (FieldType.TEXT, FieldType.LABELS):
                raise InvalidInput("records are counted by a text or list field")
            counts: Counter[str] = Counter()
            for row in rows:
                value = row.value_of(by)
                held = value if isinstance(value, tuple) else (value,)
                counts.update(each for each in held if each is not None)
            return dict(counts)

        return await self._locked(work)

    async def search(
        self, namespace: str, legs: Sequence[SearchLeg], filter: Filter, limit: int
    ) -> SearchResult:
        def work() -> SearchResult:
            return SearchResult(
                tuple(
                    self._dense(namespace, leg, filter, limit)
                    if isinstance(leg, DenseLeg)
                    else self._lexical(namespace, leg, filter, limit)
                    for leg in legs
                ),
                {},
            )

        return await self._locked(work)

    def _dense(
        self, namespace: str, leg: DenseLeg, filter: Filter, limit: int
    ) -> tuple[Scored, ...]:
        rows = [row for row in self._select(namespace, filter) if row.index.vector is not None]
        if not rows:
            return ()
        scores = np.array([row.index.vector for row in rows]) @ leg.vector
        return _best(zip(rows, scores.tolist(), strict=True), limit)

    def _lexical(
        self, namespace: str, leg: LexicalLeg, filter: Filter, limit: int
    ) -> tuple[Scored, ...]:
        corpus = self._corpus(namespace)
        length = sum(len(row.index.terms) for row in corpus) / max(1, len(corpus))
        idf: dict[str, float] = {}
        for term in set(leg.terms):
            holders = sum(term in row.index.terms for row in corpus)
            idf[term] = math.log(1 + (len(corpus) - holders + 0.5) / (holders + 0.5))
        scored = []
        for row in self._select(namespace, filter):
            counts = Counter(row.index.terms)
            norm = 1.2 * (0.25 + 0.75 * len(row.index.terms) / max(1.0, length))
            parts = [idf[t] * 2.2 * counts[t] / (counts[t] + norm) for t in idf if counts[t]]
            if parts:
                scored.append((row, math.fsum(parts)))
        return _best(scored, limit)

    def _corpus(self, namespace: str) -> Sequence[Row]:
        return list(self._rows_of(namespace).values())

    async def namespaces(self) -> dict[str, int]:
        return await self._locked(
            lambda: {name: len(rows) for name, rows in self._rows.items() if rows}
        )


def _best(scored: Iterable[tuple[Row, float]], limit: int) -> tuple[Scored, ...]:
    ranked = sorted(scored, key=lambda pair: (-pair[1], pair[0].record.id))
    return tuple(Scored(row.record.id, score) for row, score in ranked[:limit])


def _stored(row: Row, vectors: bool) -> Stored:
    return Stored(row.record, row.index.vector, row.unique) if vectors else Stored(row.record)


def _touched(record: MemoryRecord, touch: Touch) -> MemoryRecord:
    return replace(
        record,
        uses=record.uses + touch.uses,
        used_at=touch.used_at or record.used_at,
        useful=record.useful + touch.useful,
        useless=record.useless + touch.useless,
    )


def _plain(value: Any) -> Any:
    # Fixed width, so that times compare as their texts do.
    return value.isoformat(timespec="microseconds") if hasattr(value, "isoformat") else value
