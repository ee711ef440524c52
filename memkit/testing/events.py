"""The theme of events: what a memory on the backend tells of what happens."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from memkit.errors import InvalidInput
from memkit.testing.suite import Suite, on_memory

if TYPE_CHECKING:
    from memkit.events.watching import Watch
    from memkit.memory import AsyncMemory
    from memkit.types import Event

# Nothing that is to come takes as long; it is only waited for in full where a test fails.
_AT_MOST = 30.0


async def told(watch: Watch, count: int) -> list[Event]:
    """The next events."""
    async with asyncio.timeout(_AT_MOST):
        return [await anext(watch) for _ in range(count)]


class EventTests(Suite):
    """Every event is told at least once to those who may see the record, and to nobody else."""

    @on_memory
    async def test_what_happens_is_told_as_it_happens(self, memory: AsyncMemory) -> None:
        async with memory.watch(poll_seconds=0.05) as watch:
            note = await memory.remember("a note", tags=["t"])
            (event,) = await told(watch, 1)
            assert (event.type, event.id, event.tags) == ("created", note.id, ("t",))
            assert event.record == note.record
            await memory.update(note.id, content="another note")
            (event,) = await told(watch, 1)
            assert event.type == "updated"
            assert event.record is not None
            assert event.record.content == "another note"
            await memory.forget(note.id)
            assert [each.type for each in await told(watch, 1)] == ["forgotten"]
            message = await memory.send("ops", "hello")
            assert [(e.type, e.id) for e in await told(watch, 1)] == [("message", message.id)]
            second = await memory.remember("the launch is on Friday")
            await told(watch, 1)
            await memory.correct(second.id, "the launch is on Monday")
            assert {each.type for each in await told(watch, 2)} == {"created", "superseded"}

    @on_memory
    async def test_restoring_and_erasing_are_told(self, memory: AsyncMemory) -> None:
        if not self.capabilities(memory).change_feed:
            pytest.skip("the backend has no change feed")
        here = memory.at(project="p", agent="ann")
        note = await here.remember("a note", tags=["t"])
        hers = await here.remember("hers", private=True)
        other = await here.at(task="t").remember("deeper")
        async with memory.at(project="p").watch(poll_seconds=0.05) as watch:
            await here.forget(note.id)
            await here.restore(note.id)
            assert [each.type for each in await told(watch, 2)] == ["forgotten", "restored"]
            for gone in (hers, other, note):
                await here.at(task="t" if gone is other else None).erase(gone.id)
            (event,) = await told(watch, 1)
            assert (event.type, event.id, event.record) == ("erased", note.id, None)
            assert (event.project, event.task, event.agent) == ("p", None, "ann")
            assert event.tags == ("t", "agent:ann")

    @on_memory
    async def test_what_a_reader_may_not_see_is_not_told(self, memory: AsyncMemory) -> None:
        ann, bob = memory.at(agent="ann"), memory.at(agent="bob")
        async with (
            bob.watch(poll_seconds=0.05) as his,
            ann.watch(poll_seconds=0.05) as hers,
            memory.watch(reach="subtree", tags="t", poll_seconds=0.05) as below,
        ):
            secret = await ann.remember("a secret", private=True)
            inside = await ann.at(project="p").remember("inside", tags=["t"])
            shown = await ann.remember("for all")
            assert [each.id for each in await told(his, 1)] == [shown.id]
            assert [each.id for each in await told(hers, 2)] == [secret.id, shown.id]
            assert [each.id for each in await told(below, 1)] == [inside.id]

    @on_memory
    async def test_recalls_and_feedback_are_no_events(self, memory: AsyncMemory) -> None:
        note = await memory.remember("apples and pears")
        async with memory.watch(poll_seconds=0.05) as watch:
            await memory.recall("apples")
            await memory.feedback(note.id, useful=True)
            last = await memory.remember("the last one")
            assert [each.id for each in await told(watch, 1)] == [last.id]

    @on_memory
    async def test_only_the_kinds_that_are_asked_for_are_told(self, memory: AsyncMemory) -> None:
        async with memory.watch(kinds=["message"], poll_seconds=0.05) as watch:
            await memory.remember("a note")
            message = await memory.send("ops", "hello")
            assert [each.id for each in await told(watch, 1)] == [message.id]
        wrong: Any
        for wrong in ("reset", "created ", [], 7, b"created"):
            with pytest.raises(InvalidInput):
                memory.watch(kinds=wrong)

    @on_memory
    async def test_a_wrong_cursor_is_refused(self, memory: AsyncMemory) -> None:
        wrong: Any
        for wrong in ("", "x", "\U0001f600", "W10", "WzEsMiwzXQ", 7):
            with pytest.raises(InvalidInput):
                memory.watch(after=wrong)

    @on_memory
    async def test_a_cancelled_or_closed_watch_leaves_the_memory_usable(
        self, memory: AsyncMemory
    ) -> None:
        watch = memory.watch(poll_seconds=0.05)
        waiting = asyncio.ensure_future(watch.next())
        await asyncio.sleep(0.2)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        note = await memory.remember("after the cancellation")
        assert [each.id for each in await told(watch, 1)] == [note.id]
        waiting = asyncio.ensure_future(watch.next())
        await asyncio.sleep(0.2)
        await watch.aclose()
        async with asyncio.timeout(_AT_MOST):
            assert await waiting is None
        assert [each async for each in watch] == []
        assert (await memory.get(note.id)).content == "after the cancellation"

    def test_a_reader_goes_on_from_its_cursor_after_reopening(self, tmp_path: Path) -> None:
        async def run() -> None:
            place = tmp_path / "store"
            async with self.opened_memory(place) as memory:
                async with memory.watch(poll_seconds=0.05) as watch:
                    for n in range(3):
                        await memory.remember(f"note {n}")
                    first, *_ = await told(watch, 3)
                await memory.remember("note 3")
            async with self.opened_memory(place) as memory:
                await memory.remember("note 4")
                async with memory.watch(after=first.cursor, poll_seconds=0.05) as watch:
                    # A store without a feed may tell what came just before once more.
                    seen: set[str] = set()
                    while not seen >= {f"note {n}" for n in range(1, 5)}:
                        (event,) = await told(watch, 1)
                        assert event.type == "created"
                        assert event.record is not None
                        seen.add(event.record.content)

        asyncio.run(run())
