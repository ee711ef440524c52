"""Backends with one fault each, of the kinds that stores of memories have had."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

import numpy as np

from memkit.errors import VersionConflict
from memkit.filters import EVERYTHING, And, Eq, Exists, Filter, Ne, Not, Or, matches
from memkit.protocols import (
    Applied,
    DenseLeg,
    Duplicate,
    IndexData,
    LexicalLeg,
    Operation,
    Order,
    Patch,
    Put,
    Scored,
    StoreInfo,
    StoreSpec,
    WriteResult,
)
from memkit.types import MemoryRecord
from tests.conformance.toy import Namespaces, Row, ToyBackend


class IgnoresNamespaceOnGet(ToyBackend):
    def _find(self, namespace: str, id_: str) -> Row | None:
        return next((rows[id_] for rows in self._rows.values() if id_ in rows), None)


class IgnoresNamespaceOnDelete(ToyBackend):
    def _apply(self, operation: Operation) -> WriteResult:
        done = super()._apply(operation)
        if not isinstance(operation, Put | Patch):
            for namespace in self._rows:
                super()._apply(replace(operation, namespace=namespace))
        return done


class JoinsNamespacesByPrefix(ToyBackend):
    def _rows_of(self, namespace: str) -> Mapping[str, Row]:
        inside = [name for name in self._rows if name.startswith(namespace)]
        return {id_: row for name in inside for id_, row in self._rows[name].items()}


class FoldsTheCaseOfNamespaces(ToyBackend):
    def _rows_of(self, namespace: str) -> Mapping[str, Row]:
        alike = [name for name in self._rows if name.casefold() == namespace.casefold()]
        return {id_: row for name in alike for id_, row in self._rows[name].items()}


class MatchesProjectsByPrefix(ToyBackend):
    def _test(self, filter: Filter) -> Callable[[Row], bool]:
        def leaf(part: Filter, row: Row) -> Filter:
            if isinstance(part, Eq) and part.field == "project":
                held = row.record.project
                return _constant(held is not None and held.startswith(str(part.value)))
            return part

        return lambda row: matches(_rewritten(filter, partial(leaf, row=row)), row.value_of)


class ShowsPrivateRecords(ToyBackend):
    def _test(self, filter: Filter) -> Callable[[Row], bool]:
        def leaf(part: Filter) -> Filter:
            return EVERYTHING if part == Eq("visibility", "shared") else part

        return super()._test(_rewritten(filter, leaf))


class TreatsTruthAsOne(ToyBackend):
    def _test(self, filter: Filter) -> Callable[[Row], bool]:
        def leaf(part: Filter, row: Row) -> Filter:
            if isinstance(part, Eq) and isinstance(part.value, bool | int | float):
                return _constant(row.value_of(part.field) == part.value)
            return part

        def without(part: Filter) -> Filter:
            return part if not isinstance(part, Eq) or isinstance(part.value, str) else EVERYTHING

        if _rewritten(filter, without) == filter:
            return super()._test(filter)
        return lambda row: matches(_rewritten(filter, partial(leaf, row=row)), row.value_of)


class DropsTheMissingInNe(ToyBackend):
    def _test(self, filter: Filter) -> Callable[[Row], bool]:
        def leaf(part: Filter) -> Filter:
            return And((part, Exists(part.field))) if isinstance(part, Ne) else part

        return super()._test(_rewritten(filter, leaf))


class DropsTheFilterInTheLexicalLeg(ToyBackend):
    def _lexical(
        self, namespace: str, leg: LexicalLeg, filter: Filter, limit: int
    ) -> tuple[Scored, ...]:
        return super()._lexical(namespace, leg, EVERYTHING, limit)


class FiltersAfterRanking(ToyBackend):
    def _dense(
        self, namespace: str, leg: DenseLeg, filter: Filter, limit: int
    ) -> tuple[Scored, ...]:
        best = super()._dense(namespace, leg, EVERYTHING, limit)
        kept = {row.record.id for row in self._select(namespace, filter)}
        return tuple(each for each in best if each.id in kept)


class RanksAmongAllNamespaces(ToyBackend):
    def _dense(
        self, namespace: str, leg: DenseLeg, filter: Filter, limit: int
    ) -> tuple[Scored, ...]:
        # An index over everything that is asked for a little more than is wanted.
        rows = [row for row in self._all_rows() if row.index.vector is not None]
        scores = np.array([row.index.vector for row in rows]) @ leg.vector
        near = [rows[n] for n in np.argsort(-scores)[: 10 * limit]]
        kept = {row.record.id for row in near if row.record.namespace == namespace}
        everything = super()._dense(namespace, leg, filter, len(rows))
        return tuple(each for each in everything if each.id in kept)[:limit]


class MixesTheStatisticsOfNamespaces(ToyBackend):
    def _corpus(self, namespace: str) -> Sequence[Row]:
        return list(self._all_rows())


class RanksDeletedRecords(ToyBackend):
    _seen: dict[tuple[str, str], Row]

    def _dense(
        self, namespace: str, leg: DenseLeg, filter: Filter, limit: int
    ) -> tuple[Scored, ...]:
        self._seen = {**getattr(self, "_seen", {}), **{
            (row.record.namespace, row.record.id): row for row in self._all_rows()
        }}  # fmt: skip
        held = self._rows
        self._rows = {}
        for (name, id_), row in self._seen.items():
            self._rows.setdefault(name, {})[id_] = row
        try:
            return super()._dense(namespace, leg, filter, limit)
        finally:
            self._rows = held


class IgnoresExpectVersion(ToyBackend):
    def _check_version(self, held: MemoryRecord, expected: int) -> None:
        return


class ChecksVersionsTooEarly(ToyBackend):
    async def write(self, batch: Sequence[Operation]) -> list[WriteResult]:
        for operation in batch:
            if isinstance(operation, Patch):
                held = await self.get(operation.record.namespace, [operation.record.id])
                for each in held.values():
                    super()._check_version(each.record, operation.expect_version)
        return await super().write(batch)

    def _check_version(self, held: MemoryRecord, expected: int) -> None:
        return


class OverwritesCountersInAPatch(ToyBackend):
    def _patched(self, held: MemoryRecord, new: MemoryRecord) -> MemoryRecord:
        return new


class KeepsPartOfAFailedBatch(ToyBackend):
    def _undo(self, before: Namespaces) -> None:
        return


class KeepsPartOfACancelledBatch(ToyBackend):
    async def write(self, batch: Sequence[Operation]) -> list[WriteResult]:
        return [result for each in batch for result in await super(type(self), self).write([each])]


class ForgetsUniqueKeys(ToyBackend):
    def _holder(self, rows: Mapping[str, Row], id_: str, keys: Sequence[str]) -> Duplicate | None:
        return None


class OverwritesAnIdThatIsThere(ToyBackend):
    def _apply(self, operation: Operation) -> WriteResult:
        if isinstance(operation, Put):
            row = Row(operation.record, operation.index, operation.unique)
            self._rows.setdefault(operation.record.namespace, {})[operation.record.id] = row
            return Applied()
        return super()._apply(operation)


class KeepsNothing(ToyBackend):
    def _keep(self, batch: Sequence[Operation]) -> None:
        return


class KeepsWhenClosed(ToyBackend):
    _late: list[Operation]

    def _keep(self, batch: Sequence[Operation]) -> None:
        self._late = [*getattr(self, "_late", []), *batch]

    async def close(self) -> None:
        if self._open and getattr(self, "_late", None):
            super()._keep(self._late)
            self._late = []
        await super().close()


class RoundsTimes(ToyBackend):
    def _apply(self, operation: Operation) -> WriteResult:
        if isinstance(operation, Put):
            record = operation.record
            rounded: dict[str, Any] = {
                name: value.replace(microsecond=value.microsecond // 1000 * 1000)
                for name in MemoryRecord.__dataclass_fields__
                if isinstance(value := getattr(record, name), datetime)
            }
            return super()._apply(replace(operation, record=replace(record, **rounded)))
        return super()._apply(operation)


class HalvesVectors(ToyBackend):
    def _apply(self, operation: Operation) -> WriteResult:
        if isinstance(operation, Put) and operation.index.vector is not None:
            half = operation.index.vector.astype(np.float16).astype(np.float32)
            index = IndexData(half, operation.index.terms, operation.index.signature)
            return super()._apply(replace(operation, index=index))
        return super()._apply(operation)


class CountsInItsCursor(ToyBackend):
    def _cursor(self, last: Row, order: Order, cursor: str | None, limit: int) -> str:
        return str(int(cursor or 0) + limit)

    def _page(self, rows: list[Row], order: Order, cursor: str | None, limit: int) -> list[Row]:
        start = int(cursor or 0)
        return rows[start : start + limit + 1]


class SkipsTiesInItsCursor(ToyBackend):
    def _page(self, rows: list[Row], order: Order, cursor: str | None, limit: int) -> list[Row]:
        page = super()._page(rows, order, cursor, len(rows))
        if cursor is not None:
            last = cursor.rsplit(", ", 1)[0]
            page = [r for r in page if self._cursor(r, order, None, 0).rsplit(", ", 1)[0] != last]
        return page[: limit + 1]


class AcceptsAnyCursor(ToyBackend):
    def _page(self, rows: list[Row], order: Order, cursor: str | None, limit: int) -> list[Row]:
        try:
            return super()._page(rows, order, cursor, limit)
        except ValueError:
            return rows[: limit + 1]


class AcceptsAnyModel(ToyBackend):
    async def open(self, spec: StoreSpec) -> StoreInfo:
        return await super().open(replace(spec, migrating=True))


class WritesWhenReadOnly(ToyBackend):
    async def open(self, spec: StoreSpec) -> StoreInfo:
        info = await super().open(spec)
        self._read_only = False
        return info


class NeverRecoversFromACancellation(ToyBackend):
    async def write(self, batch: Sequence[Operation]) -> list[WriteResult]:
        self._busy = getattr(self, "_busy", 0) + 1
        await asyncio.sleep(0)
        results = await super().write(batch)
        self._busy -= 1  # not reached when cancelled: from then on it thinks it is busy
        return results

    def _write(self, batch: Sequence[Operation]) -> list[WriteResult]:
        return super()._write(batch) if self._busy == 1 else []


class LosesNeighboursOfAFailure(ToyBackend):
    _group: list[Operation]

    async def write(self, batch: Sequence[Operation]) -> list[WriteResult]:
        # A group commit that lets one batch's failure take the others with it.
        self._group = [*getattr(self, "_group", []), *batch]
        await asyncio.sleep(0.01)
        group, self._group = self._group, []
        try:
            if group:
                await super().write(group)
        except VersionConflict:
            if len(group) == len(batch):
                raise
        return [Applied()] * len(batch)


def _constant(truth: bool) -> Filter:
    return EVERYTHING if truth else Not(EVERYTHING)


def _rewritten(filter: Filter, leaf: Callable[[Filter], Filter]) -> Filter:
    match filter:
        case And(parts):
            return And(tuple(_rewritten(part, leaf) for part in parts))
        case Or(parts):
            return Or(tuple(_rewritten(part, leaf) for part in parts))
        case Not(part):
            return Not(_rewritten(part, leaf))
    return leaf(filter)
