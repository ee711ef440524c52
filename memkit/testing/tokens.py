"""The theme of token vectors: bytes that live and die with the vector that they belong to."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from memkit.protocols import (
    Backend,
    Delete,
    Fingerprint,
    IndexData,
    Maintenance,
    Patch,
    Put,
    Reembedding,
    StoreSpec,
    TokenVectors,
    Touch,
)
from memkit.testing.records import NAMESPACE, build_record
from memkit.testing.suite import ANALYZER, Suite, on_store, require_protocol
from memkit.types import MemoryRecord

FOREIGN = "another"
MANY = 400
# Any bytes, those among them that a text could not hold.
FIRST, SECOND = b"\x00\xff\x80first\x00" * 30, b"\x01second\xfe"


class TokenTests(Suite):
    """Only for backends that implement :class:`~memkit.protocols.TokenVectors`."""

    def put_tokens(self, record: MemoryRecord, tokens: bytes | None, seed: int = 1) -> Put:
        """A put of a record with a vector and these tokens."""
        return Put(record, IndexData(self.vector(seed), ("word",), (), tokens), ())

    def patch_tokens(self, record: MemoryRecord, seed: int | None, tokens: bytes | None) -> Patch:
        """A patch of a record of version 1 that indexes it anew; no seed: without a vector."""
        vector = None if seed is None else self.vector(seed)
        return Patch(replace(record, version=2), 1, IndexData(vector, ("word",), (), tokens))

    @on_store()
    async def test_tokens_come_back_as_they_were_given(self, backend: Backend) -> None:
        require_protocol(backend, TokenVectors)
        assert isinstance(backend, TokenVectors)
        one, two, bare = (build_record(n) for n in range(3))
        twin = build_record(0, namespace=FOREIGN)
        await backend.write(
            [self.put_tokens(one, FIRST), self.put_tokens(two, SECOND), self.put_tokens(bare, None)]
        )
        await backend.write([self.put_tokens(twin, SECOND)])
        ids = [bare.id, two.id, one.id, one.id, "not there"]
        assert await backend.tokens(NAMESPACE, ids) == {one.id: FIRST, two.id: SECOND}
        assert await backend.tokens(FOREIGN, ids) == {twin.id: SECOND}
        assert await backend.tokens("nowhere", ids) == {}
        assert await backend.tokens(NAMESPACE, []) == {}

    @on_store()
    async def test_many_are_kept_at_once(self, backend: Backend) -> None:
        require_protocol(backend, TokenVectors)
        assert isinstance(backend, TokenVectors)
        records = [build_record(n) for n in range(MANY)]
        given = {record.id: bytes([n % 256]) * (n + 1) for n, record in enumerate(records)}
        await backend.write(
            [self.put_tokens(each, given[each.id], n) for n, each in enumerate(records)]
        )
        assert await backend.tokens(NAMESPACE, list(given)) == given

    @on_store()
    async def test_they_go_with_the_record(self, backend: Backend) -> None:
        require_protocol(backend, TokenVectors)
        assert isinstance(backend, TokenVectors)
        record, other = build_record(1), build_record(2)
        twin = build_record(1, namespace=FOREIGN)
        await backend.write(
            [
                self.put_tokens(record, FIRST),
                self.put_tokens(other, SECOND),
                self.put_tokens(twin, SECOND),
            ]
        )
        await backend.write([Delete(NAMESPACE, record.id)])
        ids = [record.id, other.id]
        assert await backend.tokens(NAMESPACE, ids) == {other.id: SECOND}
        # Who comes back under the same id has none of those before.
        await backend.write([self.put_tokens(record, None)])
        assert await backend.tokens(NAMESPACE, ids) == {other.id: SECOND}
        assert await backend.tokens(FOREIGN, ids) == {twin.id: SECOND}

    @on_store()
    async def test_they_stay_with_the_vector_that_they_belong_to(self, backend: Backend) -> None:
        require_protocol(backend, TokenVectors)
        assert isinstance(backend, TokenVectors)
        same, new, bare, given, taken, told = records = [build_record(n) for n in range(6)]
        await backend.write([self.put_tokens(record, FIRST) for record in records])
        await backend.write([Touch(NAMESPACE, record.id, uses=1) for record in records])
        await backend.write(
            [
                self.patch_tokens(same, 1, None),
                self.patch_tokens(new, 2, None),
                self.patch_tokens(bare, None, None),
                self.patch_tokens(given, 2, SECOND),
                self.patch_tokens(taken, 1, b""),
                Patch(replace(told, version=2, pinned=True), 1),
            ]
        )
        held = await backend.tokens(NAMESPACE, [record.id for record in records])
        assert held == {same.id: FIRST, given.id: SECOND, told.id: FIRST}

    @on_store()
    async def test_within_a_batch_the_last_word_counts(self, backend: Backend) -> None:
        require_protocol(backend, TokenVectors)
        assert isinstance(backend, TokenVectors)
        kept, gone, new = records = [build_record(n) for n in range(3)]
        await backend.write(
            [
                *(self.put_tokens(record, FIRST) for record in records),
                self.patch_tokens(kept, 1, None),
                self.patch_tokens(gone, 2, None),
                Delete(NAMESPACE, new.id),
                self.put_tokens(new, SECOND),
            ]
        )
        held = await backend.tokens(NAMESPACE, [record.id for record in records])
        assert held == {kept.id: FIRST, new.id: SECOND}

    def test_they_are_there_when_the_store_is_opened_again(self, tmp_path: Path) -> None:
        record = build_record(1)

        async def run() -> None:
            async with self.opened(tmp_path / "store") as backend:
                require_protocol(backend, TokenVectors)
                await backend.write([self.put_tokens(record, FIRST)])
            async with self.opened(tmp_path / "store") as backend:
                assert isinstance(backend, TokenVectors)
                assert await backend.tokens(NAMESPACE, [record.id]) == {record.id: FIRST}
                if isinstance(backend, Maintenance):
                    assert await backend.check() == []

        asyncio.run(run())

    def test_a_reembedding_replaces_all_of_them_at_once(self, tmp_path: Path) -> None:
        target = Fingerprint("conformance-tokens", self.dimension)
        migrating = StoreSpec(target, ANALYZER, migrating=True)
        again, bare, changed, erased = records = [build_record(n) for n in range(4)]
        ids = [record.id for record in records]

        async def run() -> None:
            async with self.opened(tmp_path / "store") as backend:
                require_protocol(backend, TokenVectors)
                require_protocol(backend, Reembedding)
                await backend.write([self.put_tokens(record, FIRST) for record in records])
            async with self.opened(tmp_path / "store", migrating) as backend:
                assert isinstance(backend, TokenVectors)
                assert isinstance(backend, Reembedding)
                await backend.begin_reembed(target, ANALYZER)
                await self.stage_tokens(backend, {bare.id: None})
                assert await backend.tokens(NAMESPACE, ids) == dict.fromkeys(ids, FIRST)
                async with self.opened(tmp_path / "store") as beside:
                    # What was staged of these is void.
                    await beside.write([self.patch_tokens(changed, 3, FIRST)])
                    await beside.write([Delete(NAMESPACE, erased.id)])
                left = {again.id: FIRST, bare.id: FIRST, changed.id: FIRST}
                assert await backend.tokens(NAMESPACE, ids) == left
                await self.stage_tokens(backend, {bare.id: None, changed.id: None})
                assert await backend.finish_reembed() is True
                assert await backend.tokens(NAMESPACE, ids) == {again.id: SECOND}
                if isinstance(backend, Maintenance):
                    assert await backend.check() == []

        asyncio.run(run())

    async def stage_tokens(self, backend: Reembedding, tokens: dict[str, bytes | None]) -> None:
        """Stage what is pending, with these tokens or the second."""
        while items := await backend.pending_reembed(10):
            await backend.stage_reembed(
                [
                    (
                        item.record,
                        IndexData(
                            self.vector(9), ("word",), (), tokens.get(item.record.id, SECOND)
                        ),
                    )
                    for item in items
                ]
            )
