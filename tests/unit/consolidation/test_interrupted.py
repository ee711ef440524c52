"""Interrupted consolidations: what a kill leaves, and that going on ends where it would have."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from memkit import AsyncMemory, Draft, Memory
from memkit.consolidation import consolidating
from memkit.consolidation.abstracting import Writer
from memkit.consolidation.homes import Home
from memkit.consolidation.outcome import WHAT, Consolidated
from memkit.errors import RunActive, StoreError
from memkit.protocols import Operation, Put
from memkit.runs import leases
from memkit.testing.embedders import ToyEmbedder
from tests.unit.consolidation.stories import cats, deploys, everything, exported, made, talk

NEAR = ("clusters", "episodes")


def story() -> list[Draft]:
    """Nine groups: topics of their own words, and conversations."""
    topics = [
        Draft(f"w{t}a w{t}b w{t}c w{t}d w{t}e happened, part {n}.")
        for t in range(6)
        for n in range(4)
    ]
    return [*topics, *talk("x", 5), *talk("y", 4), *talk("z", 3)]


def summed_up(memory: Memory) -> dict[str, tuple[str, str | None]]:
    """Every record: its kind, and who speaks for it."""
    return {record.id: (record.kind, record.summarized_by) for record in everything(memory)}


@contextmanager
def slowly(store: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.unit.consolidation.slowly", str(store)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def says(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def go_on(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_a_killed_process_is_gone_on_with_and_nothing_is_doubled(
    store: Path, tmp_path: Path, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = tmp_path / "whole.db"
    with Memory.open(str(store), embedder=ToyEmbedder()) as memory:
        memory.remember_many(story())
        before = exported(memory, tmp_path)
    shutil.copy(store, whole)
    with Memory.open(str(whole), embedder=ToyEmbedder()) as memory:
        wanted_outcome = memory.consolidate(what=NEAR)
        wanted = summed_up(memory)
    with slowly(store) as process:
        for step in range(steps):
            assert says(process) == "step"
            if step + 1 < steps:
                go_on(process)
        # SIGKILL, after a batch was stored and before the run was told of it.
        process.kill()
        process.wait()
    with Memory.open(str(store), embedder=ToyEmbedder()) as memory:
        half = len(made(memory, "summary")) + len(made(memory, "episode"))
        assert 0 < half < 9
        with pytest.raises(RunActive):
            # For as long as the lease of the dead one lasts.
            memory.consolidate(what=NEAR)
        monkeypatch.setattr(leases.Held, "alive", lambda *_: False)
        done = memory.consolidate(what=NEAR)
        assert summed_up(memory) == wanted
        assert done.made == 9 - half
        assert (done.clusters, done.episodes, done.records) == (
            wanted_outcome.clusters, wanted_outcome.episodes, wanted_outcome.records,
        )  # fmt: skip
        (run,) = memory.runs()
        assert (run.id, run.state) == (done.run, "done")
        memory.undo_run(run.id)
        assert exported(memory, tmp_path) == before


def test_marks_that_a_crash_left_out_are_written(
    own: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As a store without atomic batches leaves it: the summary is there, its marks are not.
    ids = [each.id for each in own.remember_many(deploys())]
    engine = own._memory._engine

    async def half(batch: Sequence[Operation]) -> None:
        await engine.backend.write([each for each in batch if isinstance(each, Put)])
        raise StoreError("the connection broke")

    with monkeypatch.context() as patched:
        patched.setattr(engine, "write", half)
        with pytest.raises(StoreError):
            own.consolidate(what=NEAR)
    assert len(made(own, "summary")) == 1
    assert own.get(ids[0]).summarized_by is None
    done = own.consolidate(what=NEAR)
    (summary,) = made(own, "summary")
    assert [own.get(id_).summarized_by for id_ in ids] == [summary.id] * 4
    assert (done.made, done.clusters, done.records) == (0, 1, 4)
    assert own.runs()[0].counts["records"] == 4


def test_a_cancelled_consolidation_is_interrupted_and_resumes(store: Path) -> None:
    async def scenario() -> None:
        async with await AsyncMemory.open(str(store), embedder=ToyEmbedder()) as memory:
            await memory.remember_many(story())
            begun = asyncio.Event()

            def tell(done: int, total: int | None) -> None:
                begun.set()

            task = asyncio.create_task(memory.consolidate(what=NEAR, progress=tell))
            await begun.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            (run,) = await memory.runs()
            assert run.state == "interrupted"
            done = await memory.consolidate(what=NEAR)
            assert done.run == run.id
            assert done.records == 36

    asyncio.run(scenario())


def test_two_at_once_are_one_and_a_refusal(store: Path) -> None:
    async def scenario() -> None:
        async with await AsyncMemory.open(str(store), embedder=ToyEmbedder()) as memory:
            await memory.remember_many(story())
            told = await asyncio.gather(
                *(memory.consolidate(what=NEAR) for _ in range(3)), return_exceptions=True
            )
            done = [each for each in told if not isinstance(each, BaseException)]
            assert len(done) == 1
            assert all(isinstance(each, RunActive) for each in told if each not in done)
            assert (await memory.consolidate(what=NEAR)).made == 0

    asyncio.run(scenario())


def test_a_group_that_changes_meanwhile_is_left_for_the_next_time(
    own: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    (first, *_), others = own.remember_many(deploys()), own.remember_many(cats())
    texts = Writer.texts

    async def texts_while_somebody_writes(*args: Any) -> Any:
        told = await texts(*args)
        memory = own._memory
        if (await memory.get(first.id)).version == 1:
            await memory.update(first.id, content="Something else altogether now.")
        return told

    monkeypatch.setattr(Writer, "texts", texts_while_somebody_writes)
    done = own.consolidate(what=NEAR)
    assert (done.made, done.skipped, done.records) == (1, 1, 4)
    assert own.get(first.id).summarized_by is None
    assert all(own.get(each.id).summarized_by for each in others)
    again = own.consolidate(what=NEAR)
    # Three of the four are as near as they were.
    assert (again.made, again.skipped, again.records) == (1, 0, 3)


def test_with_no_time_at_all_each_call_gets_somewhere(store: Path) -> None:
    async def scenario() -> None:
        async with await AsyncMemory.open(str(store), embedder=ToyEmbedder()) as memory:
            await memory.remember_many(story())
            outcomes: list[Consolidated] = []
            while not outcomes or outcomes[-1].more:
                outcomes.append(
                    await consolidating.consolidate(
                        memory._engine, memory.scope, what=NEAR, seconds=0
                    )
                )
                assert len(outcomes) < 20
            done = outcomes[-1]
            assert (done.records, done.clusters, done.episodes) == (36, 6, 3)
            assert len(outcomes) > 1
            assert len(await memory.runs()) == 1

    asyncio.run(scenario())


def test_homes_have_keys_that_sort() -> None:
    homes = [Home("b", None, None), Home(None, None, "ann"), Home("a", "t", None)]
    assert len({home.key for home in homes}) == 3
    assert set(WHAT) == {"clusters", "episodes", "dossiers"}
