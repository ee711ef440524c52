"""Tasks, threads, processes and forks share a store."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from memkit.errors import EmbedderMismatch, InvalidInput, VersionConflict
from memkit.filters import EVERYTHING, Eq
from memkit.protocols import (
    Delete,
    DenseLeg,
    Duplicate,
    Fingerprint,
    IndexData,
    LexicalLeg,
    Order,
    Patch,
    Put,
    StoreSpec,
    Touch,
)
from memkit.testing.records import NAMESPACE, build_record, record_id, unit_vector
from memkit_sqlite import SqliteBackend

if TYPE_CHECKING:
    from tests.unit.sqlite.conftest import Opened

Run = Callable[..., Any]


def put(number: int, *unique: str, **fields: Any) -> Put:
    return Put(build_record(number, **fields), IndexData(unit_vector(number, 8), ("word",)), unique)


def test_a_failed_batch_undoes_itself_alone_among_those_committed_with_it(
    path: Path, opened: Opened, run: Run
) -> None:
    async def scenario() -> None:
        async with opened(path) as backend:
            await backend.write([put(0)])
            stale = Patch(build_record(0, version=3), expect_version=2)
            results = await asyncio.gather(
                *(backend.write([put(n), *([stale] if n % 3 == 0 else [])]) for n in range(1, 31)),
                return_exceptions=True,
            )
            failed = [isinstance(result, VersionConflict) for result in results]
            assert failed == [n % 3 == 0 for n in range(1, 31)]
            assert await backend.namespaces() == {NAMESPACE: 21}
            assert await backend.check() == []

    run(scenario)


def test_of_many_writers_of_one_unique_key_one_wins(path: Path, opened: Opened, run: Run) -> None:
    async def scenario() -> None:
        async with opened(path) as one, opened(path) as two:
            results = await asyncio.gather(
                *((one, two)[n % 2].write([put(n, "key"), put(100 + n)]) for n in range(20))
            )
            held = {result[0].id for result in results if isinstance(result[0], Duplicate)}
            assert len(held) == 1
            assert sum(not isinstance(result[0], Duplicate) for result in results) == 1
            assert await one.namespaces() == {NAMESPACE: 21}

    run(scenario)


def test_a_duplicate_inside_the_first_batch_of_a_namespace_keeps_the_others(
    path: Path, opened: Opened, run: Run
) -> None:
    async def scenario() -> None:
        async with opened(path) as backend:
            results = await backend.write(
                [put(1, "key", namespace="new"), put(2, "key", namespace="new"), put(3)]
            )
            assert results[1] == Duplicate(record_id(1), "key")
            assert await backend.namespaces() == {"new": 1, NAMESPACE: 1}
            assert await backend.check() == []

    run(scenario)


def test_a_cancelled_write_is_whole_or_nothing_and_the_store_goes_on(
    path: Path, opened: Opened, run: Run
) -> None:
    async def scenario() -> None:
        async with opened(path) as backend:
            for n in range(30):
                task = asyncio.create_task(backend.write([put(2 * n), put(2 * n + 1)]))
                await asyncio.sleep(0.0003 * (n % 4))
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            await backend.write([put(1000)])
            found = await backend.scan(
                NAMESPACE, EVERYTHING, order=Order("id", descending=False), limit=200
            )
            ids = {item.record.id for item in found.items}
            for n in range(30):
                assert (record_id(2 * n) in ids) == (record_id(2 * n + 1) in ids)

    run(scenario)


def test_one_backend_serves_several_event_loops_and_threads_at_once(
    path: Path, spec: StoreSpec, run: Run
) -> None:
    backend = SqliteBackend(path)
    run(lambda: backend.open(spec))
    failures: list[BaseException] = []

    async def work(lane: int) -> None:
        for n in range(50):
            await backend.write([put(lane * 1000 + n)])
            found = await backend.get(NAMESPACE, [record_id(lane * 1000 + n)])
            assert len(found) == 1
            legs = (DenseLeg(unit_vector(lane * 1000 + n, 8)), LexicalLeg(("word",)))
            result = await backend.search(NAMESPACE, legs, EVERYTHING, 500)
            assert result.legs[0][0].id == record_id(lane * 1000 + n)
            assert record_id(lane * 1000 + n) in {entry.id for entry in result.legs[1]}

    def lane(number: int) -> None:
        try:
            asyncio.run(work(number))
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=lane, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert run(backend.namespaces) == {NAMESPACE: 400}
    run(backend.close)


def test_what_another_process_changes_is_seen_at_once_everywhere(
    path: Path, opened: Opened, run: Run
) -> None:
    async def scenario() -> None:
        async with opened(path) as one, opened(path) as two:
            await one.write([put(n, project="old") for n in range(5)])
            vector = unit_vector(3, 8)
            ids = [record_id(n) for n in range(5)]

            async def seen(backend: SqliteBackend) -> tuple[Any, ...]:
                legs = (DenseLeg(vector), LexicalLeg(("word",)))
                found = await backend.search(NAMESPACE, legs, Eq("project", "old"), 9)
                return found.legs, await backend.get(NAMESPACE, ids)

            assert await seen(one) == await seen(two)
            await two.write([Patch(build_record(3, project="new", version=2), 1)])
            legs, held = await seen(one)
            assert record_id(3) not in {entry.id for leg in legs for entry in leg}
            assert held[record_id(3)].record.project == "new"
            await two.write([Touch(NAMESPACE, record_id(2), uses=7)])
            assert (await seen(one))[1][record_id(2)].record.uses == 7
            await two.write([Delete(NAMESPACE, record_id(0))])
            legs, held = await seen(one)
            assert record_id(0) not in held
            assert all(record_id(0) != entry.id for leg in legs for entry in leg)

    run(scenario)


def test_a_record_is_its_readers_own(path: Path, opened: Opened, run: Run) -> None:
    async def scenario() -> None:
        async with opened(path) as backend:
            await backend.write([put(1, metadata={"list": [1]})])
            first = (await backend.get(NAMESPACE, [record_id(1)]))[record_id(1)].record
            first.metadata["list"].append(2)
            again = (await backend.get(NAMESPACE, [record_id(1)]))[record_id(1)].record
            assert again.metadata == {"list": [1]}

    run(scenario)


_FORK = """
import asyncio, os, sys
from memkit.filters import EVERYTHING
from memkit.protocols import Fingerprint, IndexData, LexicalLeg, Put, StoreSpec
from memkit.testing.records import NAMESPACE, build_record
from memkit_sqlite import SqliteBackend

async def use(backend, number):
    await backend.write([Put(build_record(number), IndexData(None, ("word",)))])
    found = await backend.search(NAMESPACE, (LexicalLeg(("word",)),), EVERYTHING, 9)
    return len(found.legs[0])

backend = SqliteBackend(sys.argv[1])
asyncio.run(backend.open(StoreSpec(Fingerprint("toy", 8), "words 1")))
assert asyncio.run(use(backend, 1)) == 1
child = os.fork()
if child == 0:
    ok = asyncio.run(use(backend, 2)) == 2
    asyncio.run(backend.close())
    os._exit(0 if ok else 1)
assert os.waitpid(child, 0)[1] == 0
assert asyncio.run(use(backend, 3)) == 3
assert asyncio.run(backend.check()) == []
asyncio.run(backend.close())
"""


def _python(code: str, *arguments: str) -> None:
    paths = os.pathsep.join(entry for entry in sys.path if entry)
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_after_a_fork_parent_and_child_both_go_on(path: Path) -> None:
    _python(_FORK, str(path))


_LEFT_OPEN = """
import asyncio, sys
from memkit.protocols import Fingerprint, IndexData, Put, StoreSpec
from memkit.testing.records import build_record
from memkit_sqlite import SqliteBackend

async def main():
    backend = SqliteBackend(sys.argv[1])
    await backend.open(StoreSpec(Fingerprint("toy", 8), "words 1"))
    await backend.write([Put(build_record(1), IndexData(None, ("word",)))])
    return backend

kept = asyncio.run(main())
"""


def test_a_program_that_ends_without_closing_ends(path: Path, opened: Opened, run: Run) -> None:
    _python(_LEFT_OPEN, str(path))

    async def scenario() -> None:
        async with opened(path) as backend:
            assert await backend.namespaces() == {NAMESPACE: 1}

    run(scenario)


def test_a_finished_reembedding_is_noticed_by_who_still_has_the_old_model(
    path: Path, opened: Opened, run: Run, spec: StoreSpec
) -> None:
    target = Fingerprint("new", 4)
    vector = np.full(4, 0.5, np.float32)
    new = IndexData(vector, ("new",))

    async def scenario() -> None:
        migrating = replace(spec, fingerprint=target, migrating=True)
        async with opened(path) as old, opened(path, migrating) as backend:
            await old.write([put(n) for n in range(10)])
            legs = (LexicalLeg(("word",)),)
            assert len((await old.search(NAMESPACE, legs, EVERYTHING, 99)).legs[0]) == 10
            assert await backend.begin_reembed(target, "words 2") == (0, 10)
            first = await backend.pending_reembed(6)
            await backend.stage_reembed([(item.record, new) for item in first])
            # A changed text is pending again, a deleted one no longer.
            changed = build_record(0, content="changed", version=2)
            await old.write([Patch(changed, 1, IndexData(unit_vector(1, 8), ("word",)))])
            await old.write([Delete(NAMESPACE, record_id(1)), put(50)])
            assert await backend.begin_reembed(target, "words 2") == (4, 10)
            assert not await backend.finish_reembed()
            seen = []
            while pending := await backend.pending_reembed(3):
                seen += [item.record.id for item in pending]
                await backend.stage_reembed([(item.record, new) for item in pending])
            assert len(seen) == 6
            assert {record_id(0), record_id(50)} <= set(seen)
            # The old ones serve until the end.
            assert len((await old.search(NAMESPACE, legs, EVERYTHING, 99)).legs[0]) == 10
            assert await backend.finish_reembed()
            found = await backend.search(
                NAMESPACE, (DenseLeg(vector), LexicalLeg(("new",))), EVERYTHING, 99
            )
            assert [len(leg) for leg in found.legs] == [10, 10]
            assert await backend.check() == []
            await backend.write([Put(build_record(60), new)])
            with pytest.raises(EmbedderMismatch, match="reembed"):
                await old.write([put(61)])
            with pytest.raises(EmbedderMismatch, match="reembed"):
                await old.search(NAMESPACE, legs, EVERYTHING, 9)
            await old.write([Delete(NAMESPACE, record_id(60))])

    run(scenario)


def test_what_changed_since_it_was_read_is_not_staged(path: Path, opened: Opened, run: Run) -> None:
    target = Fingerprint("new", 4)
    new = IndexData(np.full(4, 0.5, np.float32), ("new",))

    async def scenario() -> None:
        async with opened(path) as backend:
            await backend.write([put(1), put(2)])
            await backend.begin_reembed(target, "words 2")
            pending = await backend.pending_reembed(9)
            await backend.write([Patch(build_record(1, content="other", version=2), 1)])
            await backend.stage_reembed([(item.record, new) for item in pending])
            assert [item.record.id for item in await backend.pending_reembed(9)] == [record_id(1)]

    run(scenario)


@pytest.mark.parametrize(
    "cursor", ["", "x", "e30=", "WyJpZCJd", "\ud800", "bm8=", "W251bGwsbnVsbCxbXSwxXQ=="]
)
def test_a_cursor_that_was_made_up_is_refused(
    path: Path, opened: Opened, run: Run, cursor: str
) -> None:
    async def scenario() -> None:
        async with opened(path) as backend:
            await backend.write([put(1)])
            with pytest.raises(InvalidInput, match="cursor"):
                await backend.scan(NAMESPACE, EVERYTHING, cursor=cursor)

    run(scenario)


def test_a_cursor_of_another_order_is_refused_and_its_own_goes_on(
    path: Path, opened: Opened, run: Run
) -> None:
    async def scenario() -> None:
        async with opened(path) as backend:
            await backend.write([put(n, sequence=n if n % 2 else None) for n in range(20)])
            order = Order("sequence", descending=True)
            page = await backend.scan(NAMESPACE, EVERYTHING, order=order, limit=7)
            with pytest.raises(InvalidInput, match="another order"):
                await backend.scan(NAMESPACE, EVERYTHING, cursor=page.cursor)
            seen = [item.record for item in page.items]
            while page.cursor is not None:
                # What comes before the cursor meanwhile is not seen, what was there is.
                await backend.write([put(100 + len(seen), sequence=1000 + len(seen))])
                page = await backend.scan(
                    NAMESPACE, EVERYTHING, order=order, cursor=page.cursor, limit=7
                )
                seen += [item.record for item in page.items]
            assert [record.sequence for record in seen] == [*range(19, 0, -2), *[None] * 10]

    run(scenario)
