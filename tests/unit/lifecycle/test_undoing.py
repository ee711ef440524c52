"""Undoing a run: what it made goes without a trace, what it archived comes back."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from memkit import AsyncMemory
from memkit.clock import new_id, utc_now
from memkit.config import load_settings
from memkit.engine import Engine
from memkit.errors import RecordNotFound, RunActive, RunNotFound
from memkit.hints import UNSEEN
from memkit.lifecycle.undoing import undo_run
from memkit.opening import open_engine
from memkit.protocols import Patch, Put
from memkit.runs import begin, runs
from memkit.scope import Scope
from memkit.testing.embedders import ToyEmbedder
from memkit.types import Link, MemoryRecord

HERE = Scope("n")


@asynccontextmanager
async def opened(store: Path) -> AsyncIterator[tuple[Engine, AsyncMemory]]:
    engine = await open_engine(load_settings(url=str(store)).settings, ToyEmbedder())
    try:
        yield engine, AsyncMemory(engine, HERE)
    finally:
        await engine.close()


def summary_of(records: list[MemoryRecord], run: str) -> MemoryRecord:
    now = utc_now()
    links = tuple(Link("derived_from", record.id) for record in records)
    text = f"a summary of {len(records)}: {records[0].content}"
    return MemoryRecord(
        new_id(), text, "n", None, None, None, now, now, kind="summary", links=links, run=run
    )


async def summarize(engine: Engine, memory: AsyncMemory, many: int, each: int = 3) -> str:
    """A run that makes summaries of records, and marks those; its id."""
    async with begin(engine, HERE, "consolidation") as active:
        for first in range(many):
            told = await memory.remember_many([f"thing {first} part {n}" for n in range(each)])
            records = [item.record for item in told]
            summary = summary_of(records, active.id)
            (index,), _ = await engine.index((summary,))
            marks = [
                Patch(replace(record, summarized_by=summary.id), record.version, about=UNSEEN)
                for record in records
            ]
            await engine.write((Put(summary, index), *marks))
            await active.advance(done=first + 1, counts={"made": first + 1})
    return active.id


def test_undo_erases_what_a_run_made_and_leaves_the_rest_as_it_was(tmp_path: Path) -> None:
    async def work() -> None:
        async with opened(tmp_path / "m.db") as (engine, memory):
            id_ = await summarize(engine, memory, 3)
            page = await memory.list(limit=100)
            made = [record for record in page if record.run == id_]
            before = [record for record in page if record.run is None]
            assert (len(made), len(before)) == (3, 9)
            assert all(record.summarized_by is not None for record in before)
            told: list[tuple[int, int | None]] = []
            run = await undo_run(engine, HERE, id_, lambda *step: told.append(step))
            assert (run.state, run.counts) == ("undone", {"made": 3, "restored": 0, "erased": 3})
            assert told[-1] == (3, 3)
            for record in made:
                with pytest.raises(RecordNotFound):
                    await memory.get(record.id)
            after = (await memory.list(limit=100)).records
            assert list(after) == [replace(record, summarized_by=None) for record in before]
            assert await runs(engine, HERE) == [run]
            again = await undo_run(engine, HERE, id_)
            assert again.counts == run.counts

    asyncio.run(work())


def test_undo_frees_what_stands_behind_and_links_to_what_goes(tmp_path: Path) -> None:
    async def work() -> None:
        async with opened(tmp_path / "m.db") as (engine, memory):
            id_ = await summarize(engine, memory, 1)
            (summary,) = [record for record in await memory.list() if record.run == id_]
            copy = await memory.remember(summary.content + "!", kind="summary", deduplicate="near")
            assert (copy.status, copy.matched) == ("merged", summary.id)
            other = (await memory.remember("quite another matter")).id
            await memory.link(other, summary.id)
            await undo_run(engine, HERE, id_)
            assert (await memory.get(other)).links == ()
            assert copy.merged is not None
            freed = await memory.get(copy.merged)
            assert (freed.state, freed.superseded_by) == ("active", None)

    asyncio.run(work())


def test_undo_goes_on_where_it_was_interrupted(tmp_path: Path) -> None:
    async def work() -> None:
        async with opened(tmp_path / "m.db") as (engine, memory):
            id_ = await summarize(engine, memory, 520, each=1)

            def fail(done: int, total: int | None) -> None:
                if done:
                    raise KeyError(f"at {done} of {total}")

            with pytest.raises(KeyError, match="at 500 of 520"):
                await undo_run(engine, HERE, id_, fail)
            assert await memory.count(kinds="summary") == 20
            run = await undo_run(engine, HERE, id_)
            assert (run.state, await memory.count(kinds="summary")) == ("undone", 0)

    asyncio.run(work())


def test_an_interrupted_run_that_is_undone_is_not_gone_on_with(tmp_path: Path) -> None:
    async def work() -> None:
        async with opened(tmp_path / "m.db") as (engine, _):
            half = begin(engine, HERE, "consolidation")

            async def fail() -> None:
                async with half:
                    await half.advance(done=1, cursor="half way")
                    raise ZeroDivisionError

            with pytest.raises(ZeroDivisionError):
                await fail()
            await undo_run(engine, HERE, half.id)
            async with begin(engine, HERE, "consolidation") as fresh:
                assert (fresh.resumed, fresh.id == half.id) == (False, False)

    asyncio.run(work())


def test_undo_waits_for_no_run_and_none_begins_beside_it(tmp_path: Path) -> None:
    async def work() -> None:
        async with opened(tmp_path / "m.db") as (engine, memory):
            id_ = await summarize(engine, memory, 1)
            async with begin(engine, HERE, "consolidation") as active:
                for each in (id_, active.id):
                    with pytest.raises(RunActive):
                        await undo_run(engine, HERE, each)
            refused: list[type[BaseException]] = []

            def look(done: int, total: int | None) -> None:
                asyncio.run(beside())

            async def beside() -> None:
                async with opened(tmp_path / "m.db") as (other, _):
                    try:
                        async with begin(other, HERE, "consolidation"):
                            pass
                    except RunActive as error:
                        refused.append(type(error))

            def in_a_thread(done: int, total: int | None) -> None:
                thread = threading.Thread(target=look, args=(done, total))
                thread.start()
                thread.join()

            await undo_run(engine, HERE, id_, in_a_thread)
            assert refused
            assert set(refused) == {RunActive}
            with pytest.raises(RunNotFound):
                await undo_run(engine, Scope("n", "p"), id_)
            with pytest.raises(RunNotFound):
                await undo_run(engine, Scope("m"), id_)

    asyncio.run(work())


def test_undo_of_extracted_facts_lets_hold_again_what_held(tmp_path: Path) -> None:
    async def work() -> None:
        async with opened(tmp_path / "m.db") as (engine, memory):
            old = (await memory.assert_fact("Ada", "lives_in", "London")).record
            async with begin(engine, HERE, "extraction") as active:
                told = await memory.assert_fact("Ada", "lives_in", "Paris")
                assert told.closed == (old.id,)
                made = replace(told.record, run=active.id)
                await engine.write((Patch(made, made.version, about=UNSEEN),))
            await memory.undo_run(active.id)
            assert (await memory.get(old.id)).state == "active"
            (fact,) = await memory.facts(subject="Ada")
            assert fact.id == old.id

    asyncio.run(work())
