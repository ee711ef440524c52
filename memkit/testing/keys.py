"""The theme of keys: what a memory on the backend must keep to where callers name records."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from memkit.drafts import Draft
from memkit.testing.suite import Suite, on_memory

if TYPE_CHECKING:
    from memkit.memory import AsyncMemory


class KeyTests(Suite):
    """A key holds one record: what was put last."""

    @on_memory
    async def test_a_key_holds_what_was_put_last(self, memory: AsyncMemory) -> None:
        first = await memory.put("port", "The port is 5433", tags=["db"], metadata={"n": 1})
        second = await memory.put("port", "The gate is 6000")
        assert [first.status, second.status] == ["stored", "updated"]
        held = await memory.get(memory.id_of("port"))
        assert (held.content, held.version, held.tags) == ("The gate is 6000", 2, ())
        assert (held.metadata, held.created_at) == ({}, first.record.created_at)
        assert [hit.record.id for hit in await memory.recall("gate", mode="lexical")] == [held.id]
        assert len(await memory.recall("port", mode="lexical")) == 0
        await memory.forget(held.id)
        assert (await memory.put("port", "The port is 7000")).record.state == "active"
        await memory.erase(held.id)
        assert await memory.get_many([held.id]) == {}
        assert (await memory.put("port", "The port is 8000")).status == "stored"

    @on_memory
    async def test_many_are_put_and_read_at_once(self, memory: AsyncMemory) -> None:
        drafts = [Draft(f"text {n}", key=f"k{n % 40}") for n in range(60)]
        for _ in range(2):
            outcomes = await memory.put_many(drafts)
            assert [each.record.content for each in outcomes[:21:10]] == [
                "text 40", "text 50", "text 20",
            ]  # fmt: skip
        found = await memory.get_many(memory.id_of(f"k{n}") for n in range(50))
        assert len(found) == await memory.count() == 40

    @on_memory
    async def test_writers_of_one_key_leave_one_record(self, memory: AsyncMemory) -> None:
        await asyncio.gather(*(memory.put("k", f"text {n}") for n in range(12)))
        assert await memory.count() == 1
        held = await memory.get(memory.id_of("k"))
        assert held.version == 12
        assert held.content in {f"text {n}" for n in range(12)}
