"""The theme of opening: vectors and terms of two kinds never mix, and reading writes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from memkit.errors import EmbedderMismatch, StoreError, StoreReadOnly
from memkit.filters import EVERYTHING
from memkit.protocols import Backend, DenseLeg, Fingerprint, Operation, StoreInfo, StoreSpec
from memkit.testing.records import NAMESPACE, build_put, build_record
from memkit.testing.suite import ANALYZER, Suite, get_one

REMEDY = "memkit reembed"


class OpeningTests(Suite):
    """What a store takes, refuses and says of itself when it is opened."""

    async def open_and_write(
        self, place: Path, spec: StoreSpec, batch: Sequence[Operation] = ()
    ) -> StoreInfo:
        """Open, write, close; what the store said of itself when it was opened."""
        backend = self.make_backend(place)
        info = await backend.open(spec)
        try:
            if batch:
                await backend.write(batch)
        finally:
            await backend.close()
        return info

    async def refused(self, place: Path, spec: StoreSpec) -> str:
        """The message of the mismatch that opening raises."""
        backend = self.make_backend(place)
        try:
            with pytest.raises(EmbedderMismatch) as caught:
                await backend.open(spec)
        finally:
            await backend.close()
        return str(caught.value)

    def test_vectors_of_another_model_are_refused_with_the_remedy(self, tmp_path: Path) -> None:
        place = tmp_path / "store"
        own = self.fingerprint
        others = (
            replace(own, model="another"),
            replace(own, dimension=self.dimension + 1),
            replace(own, normalized=False),
        )

        async def run() -> None:
            put = build_put(build_record(1), self.vector(1))
            await self.open_and_write(place, self.spec(), [put])
            for other in others:
                assert REMEDY in await self.refused(place, StoreSpec(other, ANALYZER))
            async with self.opened(place) as backend:
                self.assert_vector((await get_one(backend, put.record)).vector, self.vector(1))

        asyncio.run(run())

    def test_terms_of_another_analyzer_are_refused_with_the_remedy(self, tmp_path: Path) -> None:
        place = tmp_path / "store"

        async def run() -> None:
            await self.open_and_write(place, self.spec(), [build_put(build_record(1))])
            spec = replace(self.spec(), analyzer="conformance-2")
            assert REMEDY in await self.refused(place, spec)
            await self.open_and_write(place, self.spec())

        asyncio.run(run())

    def test_a_mismatch_is_opened_for_migrating(self, tmp_path: Path) -> None:
        place = tmp_path / "store"
        target = Fingerprint("another", self.dimension + 16)

        async def run() -> None:
            put = build_put(build_record(1), self.vector(1))
            await self.open_and_write(place, self.spec(), [put])
            spec = StoreSpec(target, "conformance-2", migrating=True)
            info = await self.open_and_write(place, spec)
            assert info.fingerprint == self.fingerprint
            assert info.analyzer == ANALYZER
            # Looking has changed nothing: the old ones still open it, the new ones do not.
            await self.open_and_write(place, self.spec())
            await self.refused(place, replace(spec, migrating=False))

        asyncio.run(run())

    def test_a_store_with_vectors_is_opened_without_an_embedder(self, tmp_path: Path) -> None:
        place = tmp_path / "store"

        async def run() -> None:
            await self.open_and_write(
                place, self.spec(), [build_put(build_record(1), self.vector(1))]
            )
            info = await self.open_and_write(
                place, StoreSpec(None, ANALYZER), [build_put(build_record(2))]
            )
            assert info.fingerprint == self.fingerprint
            await self.open_and_write(place, self.spec())
            await self.refused(place, StoreSpec(Fingerprint("another", 8), ANALYZER))

        asyncio.run(run())

    def test_a_store_without_vectors_takes_the_embedder_it_is_given(self, tmp_path: Path) -> None:
        place = tmp_path / "store"

        async def run() -> None:
            info = await self.open_and_write(
                place, StoreSpec(None, ANALYZER), [build_put(build_record(1))]
            )
            assert info.fingerprint is None
            await self.open_and_write(place, StoreSpec(Fingerprint("first", 8), ANALYZER))
            await self.open_and_write(
                place, self.spec(), [build_put(build_record(2), self.vector(2))]
            )
            info = await self.open_and_write(place, self.spec())
            assert info.fingerprint == self.fingerprint
            await self.refused(place, StoreSpec(Fingerprint("first", 8), ANALYZER))

        asyncio.run(run())

    def test_a_model_whose_dimension_is_not_known_yet_opens_its_store(self, tmp_path: Path) -> None:
        place = tmp_path / "store"
        asked_later = replace(self.fingerprint, dimension=None)

        async def run() -> None:
            put = build_put(build_record(1), self.vector(1))
            await self.open_and_write(place, StoreSpec(asked_later, ANALYZER), [put])
            await self.open_and_write(place, StoreSpec(asked_later, ANALYZER))
            info = await self.open_and_write(place, self.spec())
            assert info.fingerprint == self.fingerprint

        asyncio.run(run())

    def test_a_store_says_what_it_is(self, tmp_path: Path) -> None:
        async def run() -> None:
            info = await self.open_and_write(tmp_path / "store", self.spec())
            assert info.location
            assert info.schema_version >= 1
            assert info.analyzer == ANALYZER
            assert info.size_bytes is None or info.size_bytes >= 0

        asyncio.run(run())

    def test_a_store_opened_for_reading_is_not_written(self, tmp_path: Path) -> None:
        place = tmp_path / "store"

        async def run() -> None:
            put = build_put(build_record(1), self.vector(1))
            await self.open_and_write(place, self.spec(), [put])
            async with self.opened(place, self.spec(read_only=True)) as backend:
                assert (await get_one(backend, put.record)).record == put.record
                found = await backend.search(NAMESPACE, [DenseLeg(self.vector(1))], EVERYTHING, 5)
                assert len(found.legs[0]) == 1
                with pytest.raises(StoreReadOnly):
                    await backend.write([build_put(build_record(2))])
                assert await backend.count(NAMESPACE, EVERYTHING) == {"": 1}

        asyncio.run(run())

    def test_reading_does_not_make_a_store(self, tmp_path: Path) -> None:
        place = tmp_path / "store"

        async def run() -> None:
            backend: Backend = self.make_backend(place)
            try:
                with pytest.raises(StoreError):
                    await backend.open(self.spec(read_only=True))
            finally:
                await backend.close()
            assert not place.exists()

        asyncio.run(run())
