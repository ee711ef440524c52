"""The theme of re-embedding: new vectors and terms take the old ones' place at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from memkit.errors import EmbedderMismatch
from memkit.filters import EVERYTHING
from memkit.protocols import (
    Backend,
    Delete,
    DenseLeg,
    Fingerprint,
    IndexData,
    LexicalLeg,
    Patch,
    Put,
    Reembedding,
    Stored,
    StoreSpec,
)
from memkit.testing.records import NAMESPACE, build_put, build_record, record_id, unit_vector
from memkit.testing.searching import leg_ids
from memkit.testing.suite import Suite, get_one, require, require_protocol
from memkit.types import MemoryRecord

if TYPE_CHECKING:
    from memkit.protocols import Vector

TARGET = "conformance-large"
TARGET_ANALYZER = "conformance-2"
FOREIGN = "another"


class ReembeddingTests(Suite):
    """Only for backends that implement :class:`~memkit.protocols.Reembedding`."""

    @property
    def target(self) -> Fingerprint:
        """What the tests re-embed to: another model with another dimension."""
        return Fingerprint(TARGET, self.dimension + 16)

    def target_spec(self, *, migrating: bool = False) -> StoreSpec:
        """What a re-embedded store is opened with."""
        return StoreSpec(self.target, TARGET_ANALYZER, migrating=migrating)

    def new_vector(self, record: MemoryRecord) -> Vector:
        """The vector that the target model gives a record."""
        seed = int(record.id.replace("-", "")[-8:], 16) + len(record.namespace)
        return unit_vector(seed, self.dimension + 16)

    def new_index(self, record: MemoryRecord) -> IndexData:
        """The index data that the target model gives a record."""
        return IndexData(self.new_vector(record), ("fresh", record.content.split()[-1]))

    async def fill_old(self, place: Path) -> None:
        """Store 20 embedded records in two namespaces, and one without a vector."""
        async with self.opened(place) as backend:
            require_protocol(backend, Reembedding)
            await backend.write(
                [build_put(build_record(n), self.vector(n), ["stale"]) for n in range(12)]
            )
            await backend.write(
                [build_put(build_record(n, namespace=FOREIGN), self.vector(n)) for n in range(8)]
            )
            await backend.write([build_put(build_record(50), None, ["stale"])])

    async def stage(self, backend: Reembedding, items: list[Stored]) -> None:
        """Stage new index data for these records."""
        await backend.stage_reembed([(each.record, self.new_index(each.record)) for each in items])

    async def stage_all(self, backend: Reembedding) -> int:
        """Stage what is pending until nothing is; how many records that were."""
        staged = 0
        while items := await backend.pending_reembed(6):
            assert len(items) <= 6
            await self.stage(backend, items)
            staged += len(items)
            assert staged < 1_000, "staged records stay pending"
        return staged

    async def assert_new(self, backend: Backend, records: list[MemoryRecord]) -> None:
        """Fail unless these records are found by their new vectors and words alone."""
        for record in records:
            self.assert_vector((await get_one(backend, record)).vector, self.new_vector(record))
            leg = DenseLeg(self.new_vector(record))
            assert leg_ids(await backend.search(record.namespace, [leg], EVERYTHING, 1)) == [
                record.id
            ]
            if backend.capabilities.lexical:
                legs = [LexicalLeg(("fresh",)), LexicalLeg(("stale",))]
                found = await backend.search(record.namespace, legs, EVERYTHING, 99)
                assert record.id in leg_ids(found, 0)
                assert leg_ids(found, 1) == []

    @asynccontextmanager
    async def migrating(self, place: Path) -> AsyncIterator[tuple[Backend, Reembedding]]:
        """The store opened for re-embedding, in both of its faces."""
        async with self.opened(place, self.target_spec(migrating=True)) as backend:
            assert isinstance(backend, Reembedding)
            yield backend, backend

    def test_a_store_is_reembedded_whole_and_at_once(self, tmp_path: Path) -> None:
        place = tmp_path / "store"

        async def run() -> None:
            await self.fill_old(place)
            async with self.migrating(place) as (backend, reembedding):
                done = await reembedding.begin_reembed(self.target, TARGET_ANALYZER)
                assert done == (0, 21)
                assert await reembedding.finish_reembed() is False
                assert await self.stage_all(reembedding) == 21
                held = await get_one(backend, build_record(3))
                self.assert_vector(held.vector, self.vector(3))
            # Until it is finished, the old vectors and words are the ones that serve.
            async with self.opened(place) as backend:
                leg = DenseLeg(self.vector(3))
                found = await backend.search(NAMESPACE, [leg], EVERYTHING, 1)
                assert leg_ids(found) == [record_id(3)]
            async with self.migrating(place) as (_, reembedding):
                assert await reembedding.begin_reembed(self.target, TARGET_ANALYZER) == (21, 21)
                assert await reembedding.finish_reembed() is True
            everything = [build_record(n) for n in (*range(12), 50)]
            everything += [build_record(n, namespace=FOREIGN) for n in range(8)]
            async with self.opened(place, self.target_spec()) as backend:
                await self.assert_new(backend, everything)
                assert await backend.namespaces() == {NAMESPACE: 13, FOREIGN: 8}
                put = build_put(build_record(60), self.new_vector(build_record(60)), ["fresh"])
                await backend.write([put])
                await self.assert_new(backend, [put.record])
            with pytest.raises(EmbedderMismatch):
                async with self.opened(place):
                    pass

        asyncio.run(run())

    def test_a_stopped_reembedding_is_resumed(self, tmp_path: Path) -> None:
        place = tmp_path / "store"

        async def run() -> None:
            await self.fill_old(place)
            async with self.migrating(place) as (_, reembedding):
                await reembedding.begin_reembed(self.target, TARGET_ANALYZER)
                await self.stage(reembedding, await reembedding.pending_reembed(9))
                assert await reembedding.finish_reembed() is False
            # The old model still opens the store: nothing of the new one is in place.
            async with self.opened(place) as backend:
                self.assert_vector((await get_one(backend, build_record(1))).vector, self.vector(1))
            async with self.migrating(place) as (_, reembedding):
                done = await reembedding.begin_reembed(self.target, TARGET_ANALYZER)
                assert done == (9, 21)
                assert await self.stage_all(reembedding) == 12
                assert await reembedding.finish_reembed() is True
            async with self.opened(place, self.target_spec()) as backend:
                await self.assert_new(backend, [build_record(n) for n in range(12)])

        asyncio.run(run())

    def test_records_that_change_meanwhile_are_done_again(self, tmp_path: Path) -> None:
        place = tmp_path / "store"

        async def run() -> None:
            await self.fill_old(place)
            early = replace(build_record(1), content="changed one", version=2)
            late = replace(build_record(3), content="changed three", version=2)
            added = build_record(70)
            stale = IndexData(self.vector(9), ("stale",))
            async with self.migrating(place) as (_, reembedding):
                await reembedding.begin_reembed(self.target, TARGET_ANALYZER)
                items = await reembedding.pending_reembed(99)
            async with self.opened(place) as backend:
                await backend.write([Patch(early, 1, stale), Delete(NAMESPACE, record_id(2))])
            async with self.migrating(place) as (_, reembedding):
                await reembedding.begin_reembed(self.target, TARGET_ANALYZER)
                await self.stage(reembedding, items)
            async with self.opened(place) as backend:
                await backend.write([Patch(late, 1, stale), Put(added, stale)])
            async with self.migrating(place) as (_, reembedding):
                done = await reembedding.begin_reembed(self.target, TARGET_ANALYZER)
                assert done == (18, 21)
                assert await reembedding.finish_reembed() is False
                pending = {each.record.id for each in await reembedding.pending_reembed(99)}
                assert pending == {early.id, late.id, added.id}
                await self.stage_all(reembedding)
                assert await reembedding.finish_reembed() is True
            async with self.opened(place, self.target_spec()) as backend:
                await self.assert_new(backend, [early, late, added, build_record(4)])
                assert await backend.get(NAMESPACE, [record_id(2)]) == {}

        asyncio.run(run())

    def test_the_old_model_writes_on_beside_it_until_it_is_finished(self, tmp_path: Path) -> None:
        place = tmp_path / "store"

        async def run() -> None:
            await self.fill_old(place)
            async with self.opened(place) as old:
                require(old, "multi_process")
                async with self.migrating(place) as (_, reembedding):
                    await reembedding.begin_reembed(self.target, TARGET_ANALYZER)
                    await self.stage_all(reembedding)
                    added = build_record(70)
                    await old.write([build_put(added, self.vector(70), ["stale"])])
                    leg = DenseLeg(self.vector(70))
                    found = await old.search(NAMESPACE, [leg], EVERYTHING, 1)
                    assert leg_ids(found) == [added.id]
                    assert await reembedding.finish_reembed() is False
                    assert await self.stage_all(reembedding) == 1
                    assert await reembedding.finish_reembed() is True
                # Vectors of two models never mix, not even from one who has not noticed yet.
                with pytest.raises(EmbedderMismatch):
                    await old.write([build_put(build_record(71), self.vector(71), ["stale"])])
                with pytest.raises(EmbedderMismatch):
                    await old.search(NAMESPACE, [leg], EVERYTHING, 1)
            async with self.opened(place, self.target_spec()) as backend:
                await self.assert_new(backend, [added, build_record(1)])
                assert await backend.get(NAMESPACE, [record_id(71)]) == {}

        asyncio.run(run())

    def test_another_target_starts_anew(self, tmp_path: Path) -> None:
        place = tmp_path / "store"

        async def run() -> None:
            await self.fill_old(place)
            async with self.migrating(place) as (_, reembedding):
                await reembedding.begin_reembed(Fingerprint("abandoned", 8), "abandoned-1")
                items = await reembedding.pending_reembed(9)
                await reembedding.stage_reembed(
                    [(each.record, IndexData(unit_vector(1, 8), ("w",))) for each in items]
                )
                done = await reembedding.begin_reembed(self.target, TARGET_ANALYZER)
                assert done == (0, 21)
                assert await self.stage_all(reembedding) == 21
                assert await reembedding.finish_reembed() is True
            async with self.opened(place, self.target_spec()) as backend:
                await self.assert_new(backend, [build_record(n) for n in range(12)])

        asyncio.run(run())
