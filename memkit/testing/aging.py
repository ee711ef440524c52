"""The theme of aging: what has decayed is archived and brought back, one run at a time."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from memkit.clock import new_id, utc_now
from memkit.errors import RunActive
from memkit.hints import UNSEEN
from memkit.protocols import Patch, Put
from memkit.runs import begin
from memkit.testing.suite import Suite, on_memory, require
from memkit.types import Link, MemoryRecord

if TYPE_CHECKING:
    from memkit.memory import AsyncMemory


class AgingTests(Suite):
    """Sweeps, runs and policies on a backend."""

    @on_memory
    async def test_a_sweep_archives_what_has_decayed_and_is_undone(
        self, memory: AsyncMemory
    ) -> None:
        old = await _aged(memory, 0, "the boiler was mended", days=300)
        pinned = await _aged(memory, 1, "the boiler is in the cellar", days=300, pinned=True)
        young = await _aged(memory, 2, "the boiler leaks", days=3)
        assert [each.id for each in (await memory.sweep()).records] == [old.id]
        swept = await memory.sweep(dry_run=False)
        assert (swept.archived, swept.counts) == (1, {"note": 1})
        assert await _found(memory) == {pinned.id, young.id}
        assert await _found(memory, "active", "archived") == {old.id, pinned.id, young.id}
        held = await memory.get(old.id)
        assert (held.state, held.archived_by) == ("archived", swept.run)
        assert swept.run is not None
        run = await memory.undo_run(swept.run)
        assert (run.state, run.counts["restored"]) == ("undone", 1)
        back = await memory.get(old.id)
        # It was recalled once, which is counted sooner or later.
        counted = {"uses": back.uses, "used_at": back.used_at}
        assert back == replace(old, version=back.version, **counted)  # type: ignore[arg-type]
        assert await _found(memory) == {old.id, pinned.id, young.id}

    @on_memory
    async def test_what_a_run_made_is_undone_without_a_trace(self, memory: AsyncMemory) -> None:
        record = await _aged(memory, 0, "the boiler was mended", days=1)
        engine = memory._engine
        async with begin(engine, memory.scope, "consolidation") as active:
            summary = replace(
                _record(memory, 1, "all about the boiler", days=0),
                kind="summary",
                links=(Link("derived_from", record.id),),
                run=active.id,
            )
            (index,), _ = await engine.index((summary,))
            marked = replace(record, summarized_by=summary.id)
            mark = Patch(marked, record.version, about=UNSEEN)
            await engine.write((Put(summary, index), mark))
        (hit,) = [hit for hit in await memory.recall("boiler") if hit.record.id == record.id]
        assert hit.why.factors["summarized"] == engine.settings.summarized_weight
        await memory.undo_run(active.id)
        after = await memory.get(record.id)
        assert (after.summarized_by, after.version) == (None, record.version)
        assert after.updated_at == record.updated_at
        assert await _found(memory) == {record.id}

    @on_memory
    async def test_of_runs_that_begin_at_once_one_wins(self, memory: AsyncMemory) -> None:
        require(memory._engine.backend, "compare_and_set")
        over = asyncio.Event()

        async def start() -> bool:
            try:
                async with begin(memory._engine, memory.scope, "sweep"):
                    await over.wait()
            except RunActive:
                return False
            return True

        tasks = [asyncio.create_task(start()) for _ in range(4)]
        waiting = set(tasks)
        while len(waiting) > 1:
            _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        over.set()
        assert sorted(await asyncio.gather(*tasks)) == [False, False, False, True]
        (run,) = await memory.runs()
        assert run.state == "done"

    @on_memory
    async def test_an_interrupted_run_is_gone_on_with(self, memory: AsyncMemory) -> None:
        first = begin(memory._engine, memory.scope, "sweep")

        async def fail() -> None:
            async with first:
                await first.advance(done=1, total=2, cursor="here", counts={"note": 1})
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await fail()
        (run,) = await memory.runs()
        assert (run.id, run.state, run.done, run.total) == (first.id, "interrupted", 1, 2)
        async with begin(memory._engine, memory.scope, "sweep") as second:
            assert (second.id, second.resumed, second.run.cursor) == (first.id, True, "here")

    @on_memory
    async def test_a_policy_is_kept(self, memory: AsyncMemory) -> None:
        told = await memory.set_policy("note", half_life_days=5, confidence=0.25)
        assert await memory.policy() == told
        assert (await memory.remember("a thing")).record.confidence == 0.25
        await memory.set_policy("note", reset=True)
        assert (await memory.policy()).of("note").half_life_days == 60


def _record(memory: AsyncMemory, number: int, content: str, *, days: float) -> MemoryRecord:
    at = utc_now() - timedelta(days=days, seconds=60 - number)
    place = (memory.scope.namespace, memory.scope.project, memory.scope.task, memory.scope.agent)
    return MemoryRecord(new_id(), content, *place, at, at)


async def _aged(
    memory: AsyncMemory, number: int, content: str, *, days: float, **fields: Any
) -> MemoryRecord:
    """A record that was stored so many days ago."""
    record = replace(_record(memory, number, content, days=days), **fields)
    (index,), _ = await memory._engine.index((record,))
    await memory._engine.write((Put(record, index),))
    return record


async def _found(memory: AsyncMemory, *states: str) -> set[str]:
    """The ids of what a recall of the boiler finds."""
    return {hit.record.id for hit in await memory.recall("boiler", states=states or "active")}
