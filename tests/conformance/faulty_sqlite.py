"""Faults in what the toy does not do: other processes, change feeds, re-embedding, upkeep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from memkit.filters import Filter
from memkit.protocols import (
    Change,
    Fingerprint,
    IndexData,
    Operation,
    Patch,
    Put,
    SearchLeg,
    SearchResult,
    WriteResult,
)
from memkit.types import MemoryRecord
from memkit_sqlite import SqliteBackend


class RemembersItsFirstSearch(SqliteBackend):
    _found: SearchResult | None = None

    async def search(
        self, namespace: str, legs: Sequence[SearchLeg], filter: Filter, limit: int
    ) -> SearchResult:
        if self._found is None:
            self._found = await super().search(namespace, legs, filter, limit)
        return self._found


class ForgetsTheVectorsOfSomeWrites(SqliteBackend):
    _writes = 0

    async def write(self, batch: Sequence[Operation]) -> list[WriteResult]:
        self._writes += 1
        if self._writes % 7 == 0:
            batch = [
                replace(each, index=replace(each.index, vector=None))
                if isinstance(each, Put)
                else each
                for each in batch
            ]
        return await super().write(batch)


class ListsChangesBackwards(SqliteBackend):
    async def changes(self, namespace: str, after: int = 0, limit: int = 1000) -> list[Change]:
        return (await super().changes(namespace, after, limit))[::-1]


class ListsChangesFromTheStart(SqliteBackend):
    async def changes(self, namespace: str, after: int = 0, limit: int = 1000) -> list[Change]:
        return await super().changes(namespace, 0, limit)


class StagesWhatHasChangedMeanwhile(SqliteBackend):
    async def stage_reembed(self, items: Sequence[tuple[MemoryRecord, IndexData]]) -> None:
        current = []
        for record, index in items:
            held = await self.get(record.namespace, [record.id])
            current += [(each.record, index) for each in held.values()]
        await super().stage_reembed(current)


class StartsEveryReembeddingAnew(SqliteBackend):
    async def begin_reembed(self, target: Fingerprint, analyzer: str) -> tuple[int, int]:
        await super().begin_reembed(Fingerprint("nothing", 2), analyzer)
        return await super().begin_reembed(target, analyzer)


class NeverCompacts(SqliteBackend):
    async def compact(self) -> None:
        return


class ClaimsToHavePurged(SqliteBackend):
    async def purge(self) -> bool:
        return True


class KeepsTokensOfTheDeleted(SqliteBackend):
    _all: dict[str, bytes] | None = None

    async def write(self, batch: Sequence[Operation]) -> list[WriteResult]:
        self._all = self._all or {}
        for each in batch:
            if isinstance(each, Put) and each.index.tokens:
                self._all[each.record.id] = each.index.tokens
        return await super().write(batch)

    async def tokens(self, namespace: str, ids: Sequence[str]) -> dict[str, bytes]:
        kept = self._all or {}
        return {id_: kept[id_] for id_ in ids if id_ in kept}


class KeepsTokensOfAnotherVector(SqliteBackend):
    async def write(self, batch: Sequence[Operation]) -> list[WriteResult]:
        named = [each.record for each in batch if isinstance(each, Patch)]
        held: dict[str, bytes] = {}
        for record in named:
            held |= await self.tokens(record.namespace, [record.id])
        return await super().write(
            [
                replace(each, index=replace(each.index, tokens=held[each.record.id]))
                if isinstance(each, Patch)
                and each.index is not None
                and each.index.tokens is None
                and each.record.id in held
                else each
                for each in batch
            ]
        )


class DropsTokensAtEachChange(SqliteBackend):
    async def write(self, batch: Sequence[Operation]) -> list[WriteResult]:
        return await super().write(
            [
                replace(each, index=replace(each.index, tokens=each.index.tokens or b""))
                if isinstance(each, Patch) and each.index is not None
                else each
                for each in batch
            ]
        )


class StagesNoTokens(SqliteBackend):
    async def stage_reembed(self, items: Sequence[tuple[MemoryRecord, IndexData]]) -> None:
        await super().stage_reembed(
            [(record, replace(index, tokens=None)) for record, index in items]
        )
