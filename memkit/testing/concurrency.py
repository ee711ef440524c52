"""The theme of concurrency: threads, loops and processes on one store lose nothing."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

from memkit.errors import StoreError, VersionConflict
from memkit.filters import EVERYTHING
from memkit.protocols import (
    Applied,
    Backend,
    DenseLeg,
    Duplicate,
    Operation,
    Patch,
    Touch,
    WriteResult,
)
from memkit.testing.durability import DurabilityTests
from memkit.testing.processes import hear, started, tell
from memkit.testing.records import NAMESPACE, build_put, build_record, record_id
from memkit.testing.suite import get_one, ids_of, on_store, require, scan_all

THREADS, PROCESSES, WRITES = 8, 4, 50


class ConcurrencyTests(DurabilityTests):
    """Concurrent use of one backend object, and of one store by several."""

    def test_threads_with_loops_of_their_own_share_a_backend(self, tmp_path: Path) -> None:
        backend = self.make_backend(tmp_path / "store")
        asyncio.run(self.just_open(backend))

        def write(thread: int) -> None:
            async def run() -> None:
                for n in range(WRITES):
                    put = build_put(
                        build_record(n, id=record_id(n, thread)), self.vector(thread * 1_000 + n)
                    )
                    assert await backend.write([put]) == [Applied()]
                    assert len(await backend.get(NAMESPACE, [put.record.id])) == 1

            asyncio.run(run())

        try:
            with ThreadPoolExecutor(THREADS) as pool:
                list(pool.map(write, range(THREADS)))
            asyncio.run(self.assert_all_there(backend))
        finally:
            asyncio.run(backend.close())

    async def just_open(self, backend: Backend) -> None:
        """Open ``backend`` on a loop that ends before it is used."""
        await backend.open(self.spec())

    @asynccontextmanager
    async def opened_again(self, place: Path, first: Backend) -> AsyncIterator[Backend]:
        """A second backend object on an open store, or ``first`` where one is all there may be."""
        if first.capabilities.multi_process:
            async with self.opened(place) as second:
                yield second
        else:
            yield first

    async def assert_all_there(self, backend: Backend) -> None:
        """Fail unless every thread's records and vectors are stored."""
        held = {item.record.id: item for item in await scan_all(backend, vectors=True)}
        assert len(held) == THREADS * WRITES
        for thread in range(THREADS):
            for n in range(WRITES):
                vector = self.vector(thread * 1_000 + n)
                self.assert_vector(held[record_id(n, thread)].vector, vector)
        found = await backend.search(NAMESPACE, [DenseLeg(self.vector(0))], EVERYTHING, len(held))
        assert {each.id for each in found.legs[0]} == set(held)

    def test_processes_share_a_store_and_see_each_other(self, tmp_path: Path) -> None:
        place = tmp_path / "store"

        async def check_declared() -> None:
            async with self.opened(place) as backend:
                require(backend, "multi_process")

        asyncio.run(check_declared())
        groups = tuple(range(1, PROCESSES + 1))
        with ExitStack() as stack:
            processes = [
                stack.enter_context(
                    started(replace(self.job("share", place, n), groups=groups, records=WRITES))
                )
                for n in groups
            ]
            assert [hear(process) for process in processes] == ["ready"] * PROCESSES
            for process in processes:
                tell(process, "write")
            assert [hear(process) for process in processes] == ["written"] * PROCESSES
            # How long others may take to see it is part of the promise, so it is waited for.
            asyncio.run(asyncio.sleep(self.settle_seconds))
            for process in processes:
                tell(process, "read")
            total = PROCESSES * WRITES
            wanted = {"counted": total, "got": total, "ranked": total}
            assert [hear(process) for process in processes] == [wanted] * PROCESSES
            assert [process.wait() for process in processes] == [0] * PROCESSES

    def test_one_of_two_writers_wins_a_version(self, tmp_path: Path) -> None:
        async def run() -> None:
            place = tmp_path / "store"
            async with self.opened(place) as first, self.opened_again(place, first) as second:
                require(first, "compare_and_set")
                for n in range(20):
                    record = build_record(n)
                    await first.write([build_put(record)])
                    patches = [
                        Patch(replace(record, version=2, content=f"writer {w}"), 1)
                        for w in range(4)
                    ]
                    outcomes = await asyncio.gather(
                        *((first, second)[w % 2].write([patch]) for w, patch in enumerate(patches)),
                        return_exceptions=True,
                    )
                    won = [w for w, outcome in enumerate(outcomes) if outcome == [Applied()]]
                    lost = [each for each in outcomes if isinstance(each, VersionConflict)]
                    assert (len(won), len(lost)) == (1, 3), outcomes
                    stored = await get_one(first, record)
                    assert stored.record.content == f"writer {won[0]}"

        asyncio.run(run())

    def test_one_of_many_writers_gets_a_unique_key(self, tmp_path: Path) -> None:
        async def run() -> None:
            place = tmp_path / "store"
            async with self.opened(place) as first, self.opened_again(place, first) as second:
                require(first, "compare_and_set")
                for n in range(20):
                    puts = [
                        build_put(build_record(n * 10 + w), unique=(f"key {n}",)) for w in range(6)
                    ]
                    outcomes: list[list[WriteResult]] = await asyncio.gather(
                        *((first, second)[w % 2].write([put]) for w, put in enumerate(puts))
                    )
                    results = [result for (result,) in outcomes]
                    assert results.count(Applied()) == 1
                    winner = puts[results.index(Applied())].record.id
                    assert results.count(Duplicate(winner, f"key {n}")) == 5

        asyncio.run(run())

    @on_store("compare_and_set")
    async def test_touches_of_many_tasks_all_count(self, backend: Backend) -> None:
        record = build_record(1)
        await backend.write([build_put(record)])
        await asyncio.gather(
            *(backend.write([Touch(NAMESPACE, record.id, uses=1)]) for _ in range(100))
        )
        assert (await get_one(backend, record)).record.uses == 100

    @on_store("atomic_batch")
    async def test_a_failing_batch_does_not_take_its_neighbours_with_it(
        self, backend: Backend
    ) -> None:
        held = build_record(0)
        await backend.write([build_put(held)])
        bad = Patch(replace(held, version=9), 8)
        batches: list[list[Operation]] = [
            [build_put(build_record(n)), bad] if n % 3 == 0 else [build_put(build_record(n))]
            for n in range(1, 61)
        ]
        outcomes = await asyncio.gather(*map(backend.write, batches), return_exceptions=True)
        for n, outcome in enumerate(outcomes, 1):
            if n % 3 == 0:
                assert isinstance(outcome, VersionConflict)
            else:
                assert outcome == [Applied()]
        wanted = {held.id, *(record_id(n) for n in range(1, 61) if n % 3)}
        assert set(ids_of(await scan_all(backend))) == wanted

    @on_store()
    async def test_a_cancelled_write_is_whole_or_absent(self, backend: Backend) -> None:
        size = 5
        for n in range(80):
            records = [build_record(n * size + step) for step in range(size)]
            puts = [build_put(r, self.vector(n), ["word"]) for r in records]
            task = asyncio.create_task(backend.write(puts))
            # From before it has begun to long after: the delays cover a write's whole way.
            for _ in range(n % 8):
                await asyncio.sleep(0)
            if n % 2:
                await asyncio.sleep(n / 40_000)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        last = build_record(10_000)
        assert await backend.write([build_put(last, self.vector(1), ["word"])]) == [Applied()]
        # A cancelled write may still be on its way: look when nothing more arrives.
        seen: set[str] = set()
        for _ in range(100):
            there = {item.record.id for item in await scan_all(backend)}
            if there == seen:
                break
            seen = there
            await asyncio.sleep(0.1)
        there = seen
        found = await backend.search(NAMESPACE, [DenseLeg(self.vector(1))], EVERYTHING, 1_000)
        assert {each.id for each in found.legs[0]} == there
        assert await backend.count(NAMESPACE, EVERYTHING) == {"": len(there)}
        if backend.capabilities.atomic_batch:
            for n in range(80):
                batch = {record_id(n * size + step) for step in range(size)}
                assert batch <= there or not batch & there, "a cancelled batch is there in part"

    @on_store()
    async def test_cancelled_reads_leave_the_backend_usable(self, backend: Backend) -> None:
        puts = [build_put(build_record(n), self.vector(n)) for n in range(50)]
        await backend.write(puts)
        leg = DenseLeg(self.vector(1))
        for n in range(40):
            for call in (
                backend.search(NAMESPACE, [leg], EVERYTHING, 10),
                backend.scan(NAMESPACE, EVERYTHING),
                backend.get(NAMESPACE, [record_id(n)]),
            ):
                task = asyncio.ensure_future(call)
                for _ in range(n % 5):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        found = await backend.search(NAMESPACE, [leg], EVERYTHING, 100)
        assert len(found.legs[0]) == len(await scan_all(backend)) == 50

    def test_a_backend_serves_one_event_loop_after_another(self, tmp_path: Path) -> None:
        backend = self.make_backend(tmp_path / "store")
        asyncio.run(self.just_open(backend))

        async def write_and_read(n: int) -> None:
            await backend.write([build_put(build_record(n), self.vector(n))])
            found = await backend.search(NAMESPACE, [DenseLeg(self.vector(n))], EVERYTHING, 1)
            assert [each.id for each in found.legs[0]] == [record_id(n)]

        try:
            for n in range(5):
                asyncio.run(write_and_read(n))
        finally:
            asyncio.run(backend.close())

    def test_closing_amid_writes_loses_nothing_acknowledged(self, tmp_path: Path) -> None:
        place = tmp_path / "store"

        async def write() -> list[str]:
            backend = self.make_backend(place)
            await backend.open(self.spec())
            puts = [build_put(build_record(n), self.vector(n)) for n in range(60)]
            tasks = [asyncio.create_task(backend.write([put])) for put in puts]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            await backend.close()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
            unexpected = [
                each
                for each in outcomes
                if each != [Applied()] and not isinstance(each, StoreError)
            ]
            assert not unexpected
            return [
                put.record.id
                for put, outcome in zip(puts, outcomes, strict=True)
                if outcome == [Applied()]
            ]

        async def read(acknowledged: list[str]) -> None:
            async with self.opened(place) as backend:
                assert set(acknowledged) <= set(ids_of(await scan_all(backend)))

        asyncio.run(read(asyncio.run(write())))
