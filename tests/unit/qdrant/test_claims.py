"""Writers that know nothing of each other, on a server without transactions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TypeVar

import pytest
from qdrant_client import AsyncQdrantClient, models

from memkit.errors import EmbedderMismatch, VersionConflict
from memkit.filters import EVERYTHING
from memkit.protocols import Applied, Delete, Duplicate, Fingerprint, Patch, StoreSpec, Touch
from memkit.testing.records import NAMESPACE, build_put, build_record, record_id, unit_vector
from memkit_qdrant import reading, server_reembedding
from memkit_qdrant.names import claim_id, point_id
from memkit_qdrant.server_client import ServerClient
from memkit_qdrant.server_driver import Caller
from memkit_qdrant.server_options import ServerOptions
from memkit_qdrant.server_schema import SavedState, prepare
from memkit_qdrant.server_writing import Writer

T = TypeVar("T")
SPEC = StoreSpec(Fingerprint("model", 8), "words-1")

# What the stand-in says of itself: it looks at everything, and needs no indexes for it.
pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant")


class Interleaving(Caller):
    """Lets others go first before each request, as a network would."""

    async def __call__(self, request: Callable[[], Awaitable[T]]) -> T:
        await asyncio.sleep(0)
        return await super().__call__(request)


@asynccontextmanager
async def writers(count: int, grace: float = 5.0) -> AsyncIterator[list[Writer]]:
    """Writers as of so many processes, on one in-memory stand-in for a server."""
    options = ServerOptions()
    memory = AsyncQdrantClient(":memory:")
    try:
        made = []
        for _ in range(count):
            client = ServerClient(memory, options, Interleaving(options))
            await prepare(client, SPEC)
            saved = SavedState(client)
            await saved.load()
            if saved.stamp is None:
                await saved.save(saved.state)
            made.append(Writer(client, saved, SPEC, grace))
        yield made
    finally:
        await memory.close()


async def held_keys(writer: Writer) -> dict[str, str]:
    """Who has claimed which key."""
    rows, _ = await writer.client.client.scroll("memkit-keys", limit=1000)
    return {row.payload["key"]: row.payload["owner"]
            for row in rows if row.payload and "key" in row.payload}  # fmt: skip


def test_one_of_many_processes_gets_a_key() -> None:
    async def run() -> None:
        async with writers(6) as many:
            for n in range(10):
                puts = [build_put(build_record(n * 10 + w), unique=(f"k{n}", f"own {n} {w}"))
                        for w in range(6)]  # fmt: skip
                outcomes = await asyncio.gather(
                    *(writer.write([put]) for writer, put in zip(many, puts, strict=True))
                )
                results = [result for (result,) in outcomes]
                winner = puts[results.index(Applied())].record.id
                assert results.count(Duplicate(winner, f"k{n}")) == 5
                keys = await held_keys(many[0])
                assert keys[f"k{n}"] == winner
                # The keys of those who lost are free again.
                assert sum(key.startswith(f"own {n} ") for key in keys) == 1

    asyncio.run(run())


def test_one_of_many_processes_changes_a_version() -> None:
    async def run() -> None:
        async with writers(4) as many:
            record = build_record(1)
            await many[0].write([build_put(record)])
            patches = [Patch(replace(record, version=2, content=f"{w}"), 1) for w in range(4)]
            outcomes = await asyncio.gather(
                *(writer.write([patch]) for writer, patch in zip(many, patches, strict=True)),
                return_exceptions=True,
            )
            assert outcomes.count([Applied()]) == 1
            assert sum(isinstance(each, VersionConflict) for each in outcomes) == 3

    asyncio.run(run())


def test_one_of_many_processes_puts_an_id() -> None:
    async def run() -> None:
        async with writers(5) as many:
            puts = [build_put(build_record(1, content=f"{w}")) for w in range(5)]
            outcomes = await asyncio.gather(
                *(writer.write([put]) for writer, put in zip(many, puts, strict=True))
            )
            assert outcomes.count([Applied()]) == 1
            assert outcomes.count([Duplicate(record_id(1), record_id(1))]) == 4

    asyncio.run(run())


def test_touches_of_many_processes_all_count() -> None:
    async def run() -> None:
        async with writers(5) as many:
            record = build_record(1)
            await many[0].write([build_put(record)])
            touch = Touch(NAMESPACE, record.id, uses=1)
            await asyncio.gather(*(writer.write([touch]) for writer in many for _ in range(4)))
            (row,) = await many[0].client.retrieve(
                NAMESPACE, [point_id(NAMESPACE, record.id)], ("uses",)
            )
            assert row.payload["uses"] == 20

    asyncio.run(run())


def test_a_claim_whose_record_never_came_is_taken_over() -> None:
    async def run() -> None:
        async with writers(2, grace=0.0) as (first, second):
            put = build_put(build_record(1), unique=("key",))
            await first.write([put])
            # As if its writer had been killed between the claim and the record.
            await first.client.client.delete(
                "memkit", models.PointIdsList(points=[point_id(NAMESPACE, put.record.id)])
            )
            other = build_put(build_record(2), unique=("key",))
            assert await second.write([other]) == [Applied()]
            assert await held_keys(second) == {"key": other.record.id}

    asyncio.run(run())


def test_a_record_that_is_put_again_after_a_kill_has_its_own_claim() -> None:
    async def run() -> None:
        async with writers(1, grace=60.0) as (writer,):
            put = build_put(build_record(1), unique=("key",))
            await writer.client.client.upsert(
                "memkit-keys",
                [models.PointStruct(
                    id=claim_id(NAMESPACE, "key"), vector={},
                    payload={"namespace": NAMESPACE, "key": "key", "owner": put.record.id,
                             "stamp": 1},
                )],
            )  # fmt: skip
            assert await writer.write([put]) == [Applied()]

    asyncio.run(run())


def test_a_deleted_records_keys_are_free_for_other_processes() -> None:
    async def run() -> None:
        async with writers(2, grace=60.0) as (first, second):
            put = build_put(build_record(1), unique=("key",))
            await first.write([put])
            await first.write([Delete(NAMESPACE, put.record.id)])
            assert await held_keys(first) == {}
            assert await second.write([replace(put, record=build_record(2))]) == [Applied()]

    asyncio.run(run())


def test_a_process_that_has_not_noticed_a_reembedding_writes_nothing() -> None:
    async def run() -> None:
        async with writers(2) as (old, other):
            await old.write([build_put(build_record(1), unit_vector(1, 8))])
            client, saved, target = other.client, other.saved, Fingerprint("next", 4)
            await server_reembedding.begin(client, saved, target, "words-2")
            (pending,), _ = await server_reembedding.pending(client, saved, 9, None)
            index = build_put(pending.record, unit_vector(1, 4)).index
            await server_reembedding.stage(client, saved, [(pending.record, index)])
            assert await server_reembedding.finish(client, saved) == (target, "words-2")
            with pytest.raises(EmbedderMismatch):
                await old.write([build_put(build_record(2), unit_vector(2, 8))])
            selection = reading.Selection.of(NAMESPACE, saved.state.generation, EVERYTHING)
            assert await reading.count(client, selection, None) == {"": 1}

    asyncio.run(run())
