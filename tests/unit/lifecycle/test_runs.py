"""Runs: one at a time, resumed after a failure or a kill, seen by those who may."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from memkit.clock import utc_now
from memkit.config import load_settings
from memkit.engine import Engine
from memkit.errors import InvalidInput, RunActive, RunNotFound
from memkit.opening import open_engine
from memkit.runs import begin, run_of, runs
from memkit.scope import Scope

HERE = Scope("n")


@asynccontextmanager
async def opened(store: Path) -> AsyncIterator[Engine]:
    engine = await open_engine(load_settings(url=str(store), embedder="none").settings)
    try:
        yield engine
    finally:
        await engine.close()


def test_a_run_is_kept_with_how_far_it_went(tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []

    async def work() -> None:
        async with opened(tmp_path / "m.db") as engine:
            before = utc_now()
            async with begin(
                engine, HERE, "sweep", progress=lambda done, total: told.append((done, total))
            ) as active:
                assert not active.resumed
                await active.advance(done=1, total=3, cursor="a", counts={"note": 1})
                (running,) = await runs(engine, HERE)
                assert (running.state, running.done, running.cursor) == ("running", 1, "a")
                await active.advance(done=3, counts={"error": 2})
            (run,) = await runs(engine, HERE)
            assert (run.id, run.operation, run.state) == (active.id, "sweep", "done")
            assert (run.done, run.total, run.cursor) == (3, 3, None)
            assert run.counts == {"note": 1, "error": 2}
            assert before <= run.started_at <= run.updated_at <= utc_now()
            assert run == active.run == await run_of(engine, HERE, run.id)

    asyncio.run(work())
    assert told == [(1, 3), (3, 3)]


def test_one_run_of_an_operation_at_a_time_in_a_namespace(tmp_path: Path) -> None:
    async def work() -> None:
        async with opened(tmp_path / "m.db") as engine:
            async with begin(engine, HERE, "sweep"):
                with pytest.raises(RunActive, match=r"sweep .* since 20"):
                    async with begin(engine, Scope("n", "p"), "sweep"):
                        pass
                async with begin(engine, HERE, "consolidation"), begin(engine, Scope("m"), "sweep"):
                    pass
            async with begin(engine, Scope("n", "p"), "sweep"):
                pass

    asyncio.run(work())


def test_of_many_that_begin_at_once_one_wins(tmp_path: Path) -> None:
    async def work() -> None:
        async with opened(tmp_path / "m.db") as one, opened(tmp_path / "m.db") as other:
            won = asyncio.Event()

            async def start(engine: Engine) -> str:
                try:
                    async with begin(engine, HERE, "sweep"):
                        await won.wait()
                        return "won"
                except RunActive:
                    return "lost"

            tasks = [asyncio.create_task(start(each)) for each in (one, other) * 4]
            await asyncio.wait(tasks, timeout=2, return_when=asyncio.FIRST_COMPLETED)
            while sum(task.done() for task in tasks) < 7:
                await asyncio.sleep(0.01)
            won.set()
            assert sorted(await asyncio.gather(*tasks)) == ["lost"] * 7 + ["won"]
            assert len(await runs(one, HERE)) == 1

    asyncio.run(work())


def test_a_failed_or_cancelled_run_is_taken_up_where_it_was(tmp_path: Path) -> None:
    async def work() -> None:
        async with opened(tmp_path / "m.db") as engine:
            first = begin(engine, HERE, "sweep")

            async def fail() -> None:
                async with first:
                    await first.advance(done=1, cursor="a", counts={"note": 1})
                    raise ZeroDivisionError

            with pytest.raises(ZeroDivisionError):
                await fail()
            assert (await run_of(engine, HERE, first.id)).state == "interrupted"

            async def hang() -> None:
                async with begin(engine, HERE, "sweep") as second:
                    assert second.resumed
                    assert second.run.cursor == "a"
                    for step in range(1000):
                        await second.advance(done=step, cursor="b")

            task = asyncio.create_task(hang())
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            (run,) = await runs(engine, HERE)
            assert (run.id, run.state, run.cursor) == (first.id, "interrupted", "b")
            async with begin(engine, Scope("n", "p"), "sweep") as elsewhere:
                assert not elsewhere.resumed
            async with begin(engine, HERE, "sweep", resume=False) as anew:
                assert (anew.resumed, anew.run.cursor, anew.run.done) == (False, None, 0)
            async with begin(engine, HERE, "sweep") as third:
                assert (third.id, third.run.counts) == (first.id, {"note": 1})
            async with begin(engine, HERE, "sweep") as fresh:
                assert not fresh.resumed

    asyncio.run(work())


def test_runs_are_shown_to_those_whose_scope_covers_them(tmp_path: Path) -> None:
    async def work() -> None:
        async with opened(tmp_path / "m.db") as engine:
            made = {}
            for scope in (
                HERE,
                Scope("n", "p"),
                Scope("n", "p", "t"),
                Scope("n", "q"),
                Scope("n", "p", agent="ann"),
                Scope("m"),
            ):
                async with begin(engine, scope, "sweep") as active:
                    made[scope] = active.id
            top, p, pt, q, private, other = made.values()

            async def seen(scope: Scope) -> list[str]:
                return [run.id for run in await runs(engine, scope)]

            assert await seen(HERE) == [q, pt, p, top]
            assert await seen(Scope("n", "p")) == [pt, p]
            assert await seen(Scope("n", "p", "t")) == [pt]
            assert await seen(Scope("n", agent="ann")) == [private, q, pt, p, top]
            assert await seen(Scope("n", agent="bob")) == [q, pt, p, top]
            assert await seen(Scope("m")) == [other]
            assert [run.id for run in await runs(engine, HERE, limit=1)] == [q]
            assert await runs(engine, HERE, operation="extraction") == []
            with pytest.raises(InvalidInput):
                await runs(engine, HERE, limit=0)
            for scope, id_ in ((Scope("n", "p"), top), (HERE, private), (HERE, other)):
                with pytest.raises(RunNotFound):
                    await run_of(engine, scope, id_)

    asyncio.run(work())


def test_two_hundred_runs_are_kept(tmp_path: Path) -> None:
    async def work() -> None:
        store = tmp_path / "m.db"
        async with opened(store) as engine, begin(engine, HERE, "extraction") as oldest:
            made = []
            for _ in range(203):
                async with begin(engine, HERE, "sweep") as active:
                    made.append(active.id)
            kept = [run.id for run in await runs(engine, HERE, limit=200)]
            assert kept == made[:-201:-1]
            assert (await run_of(engine, HERE, oldest.id)).state == "running"

    asyncio.run(work())


@contextmanager
def process(store: Path, seconds: float = 60) -> Iterator[subprocess.Popen[str]]:
    root = str(Path(__file__).parents[3])
    paths = os.pathsep.join([root, *(path for path in sys.path if path)])
    started = subprocess.Popen(
        [sys.executable, "-m", "tests.unit.lifecycle.working", str(store), str(seconds)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
    )
    try:
        assert hear(started) == "ready"
        yield started
    finally:
        started.kill()
        started.communicate()


def hear(process: subprocess.Popen[str]) -> object:
    assert process.stdout is not None
    return json.loads(process.stdout.readline())


def tell(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()


def test_of_processes_that_begin_at_once_one_wins(tmp_path: Path) -> None:
    with ExitStack() as stack:
        processes = [stack.enter_context(process(tmp_path / "m.db")) for _ in range(3)]
        for each in processes:
            tell(each, "begin")
        said = [hear(each) for each in processes]
        assert sorted(map(str, said))[1:] == ["run_active", "run_active"]
        (winner,) = [n for n, what in enumerate(said) if what != "run_active"]
        tell(processes[winner], "step")
        assert hear(processes[winner]) == 1


def test_a_killed_run_is_taken_over_when_its_lease_has_run_out(tmp_path: Path) -> None:
    store = tmp_path / "m.db"

    async def rest(id_: str) -> None:
        async with opened(store) as engine:
            with pytest.raises(RunActive):
                async with begin(engine, HERE, "sweep", lease_seconds=1):
                    pass
            while (await run_of(engine, HERE, id_)).state == "running":
                await asyncio.sleep(0.05)
            assert (await run_of(engine, HERE, id_)).state == "interrupted"
            async with begin(engine, HERE, "sweep", lease_seconds=1) as active:
                assert (active.id, active.resumed) == (id_, True)
                assert (active.run.done, active.run.cursor) == (2, "after 2")

    with process(store, seconds=1) as first:
        tell(first, "begin")
        said = hear(first)
        assert isinstance(said, list)
        for step in (1, 2):
            tell(first, "step")
            assert hear(first) == step
        first.kill()
        first.wait()
        asyncio.run(rest(said[0]))


def test_a_run_that_was_silent_for_too_long_notices_and_stops(tmp_path: Path) -> None:
    store = tmp_path / "m.db"

    async def take_over() -> str:
        async with opened(store) as engine:
            while True:
                try:
                    async with begin(engine, HERE, "sweep", lease_seconds=1) as active:
                        return active.id
                except RunActive:
                    await asyncio.sleep(0.05)

    with process(store, seconds=1) as first:
        tell(first, "begin")
        said = hear(first)
        assert isinstance(said, list)
        first.send_signal(signal.SIGSTOP)
        assert asyncio.run(take_over()) == said[0]
        first.send_signal(signal.SIGCONT)
        tell(first, "step")
        assert hear(first) == "run_active"


def test_a_long_step_keeps_its_lease(tmp_path: Path) -> None:
    async def work() -> None:
        store = tmp_path / "m.db"
        async with (
            opened(store) as engine,
            begin(engine, HERE, "sweep", lease_seconds=0.3) as active,
        ):
            await asyncio.sleep(0.7)
            with pytest.raises(RunActive):
                async with begin(engine, HERE, "sweep"):
                    pass
            await active.advance(done=1)

    asyncio.run(work())


@pytest.mark.parametrize(("jump", "free"), [(-3600, True), (-30, False), (30, False), (70, True)])
def test_a_clock_that_jumps_frees_no_run_for_long_nor_keeps_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump: float, free: bool
) -> None:
    async def work() -> None:
        store = tmp_path / "m.db"
        async with opened(store) as engine:
            silent = begin(engine, HERE, "sweep")
            await silent.__aenter__()
            now = utc_now() + timedelta(seconds=jump)
            monkeypatch.setattr("memkit.runs.leases.utc_now", lambda: now)
            if not free:
                with pytest.raises(RunActive):
                    await begin(engine, HERE, "sweep").__aenter__()
                await silent.__aexit__(None, None, None)
                return
            async with begin(engine, HERE, "sweep") as other:
                assert (other.id, other.resumed) == (silent.id, True)
                with pytest.raises(RunActive):
                    await silent.advance(done=1)
                with pytest.raises(RunActive):
                    await silent.__aexit__(None, None, None)
            assert (await run_of(engine, HERE, other.id)).state == "done"

    asyncio.run(work())
