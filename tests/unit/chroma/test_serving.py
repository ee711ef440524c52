"""One server for all processes that use a folder, whatever becomes of any of them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from memkit.backing.locks import is_free
from memkit.errors import StoreUnavailable
from memkit.filters import EVERYTHING
from memkit.protocols import Applied, DenseLeg, Fingerprint, StoreSpec
from memkit.testing.concurrency import PROCESSES, WRITES, ConcurrencyTests
from memkit.testing.processes import hear, started, tell
from memkit.testing.records import NAMESPACE, build_put, build_record, record_id, unit_vector
from memkit.testing.suite import ids_of, scan_all
from memkit_chroma.folder import LOCK
from memkit_chroma.serving import STATE
from tests.engines.chroma import persistent_backend_at, served_backend_at

SPEC = StoreSpec(Fingerprint("m", 8), "a")
# Longer than any machine takes; what is waited for ends it at once.
_PATIENCE = 30.0


def server_pid(folder: Path) -> int:
    pid = json.loads((folder / STATE).read_text())["pid"]
    assert isinstance(pid, int)
    return pid


def wait_until_stopped(folder: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not is_free(folder / LOCK):
        assert time.monotonic() < deadline, "the server runs on though nobody holds it"
        time.sleep(0.02)


class TestServed(ConcurrencyTests):
    backend_factory = "tests.engines.chroma:served_backend_at"
    kills = 3

    def test_killed_processes_leave_the_server_to_the_others(self, folder: Path) -> None:
        with self.sharing(folder, kill=2) as left:
            total = (PROCESSES - left) * WRITES
        wait_until_stopped(folder)
        backend = self.make_backend(folder)

        async def read() -> None:
            await backend.open(self.spec())
            assert len(await scan_all(backend)) >= total
            await backend.close()

        asyncio.run(read())
        assert is_free(folder / LOCK)

    @contextmanager
    def sharing(self, folder: Path, kill: int) -> Iterator[int]:
        """Four processes, some of which are killed while all write."""
        groups = tuple(range(1, PROCESSES + 1))
        from contextlib import ExitStack

        with ExitStack() as stack:
            processes = [
                stack.enter_context(
                    started(replace(self.job("share", folder, n), groups=groups, records=WRITES))
                )
                for n in groups
            ]
            assert [hear(process) for process in processes] == ["ready"] * PROCESSES
            for process in processes:
                tell(process, "write")
            for process in processes[:kill]:
                process.kill()
            assert [hear(process) for process in processes[kill:]] == ["written"] * (
                PROCESSES - kill
            )
            yield kill


def test_the_last_one_out_stops_the_server(folder: Path) -> None:
    async def run() -> None:
        first, second = served_backend_at(folder), served_backend_at(folder)
        await first.open(SPEC)
        pid = server_pid(folder)
        await second.open(SPEC)
        assert server_pid(folder) == pid
        await first.close()
        assert not is_free(folder / LOCK)
        await second.write([build_put(build_record(1))])
        await second.close()
        assert is_free(folder / LOCK)
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)

    asyncio.run(run())


def test_a_folder_is_embedded_or_served_and_never_both(folder: Path) -> None:
    async def run() -> None:
        served, embedded = served_backend_at(folder), persistent_backend_at(folder)
        await served.open(SPEC)
        await served.write([build_put(build_record(1))])
        with pytest.raises(StoreUnavailable):
            await embedded.open(SPEC)
        await served.close()
        await embedded.open(SPEC)
        assert ids_of(await scan_all(embedded)) == [record_id(1)]
        with pytest.raises(StoreUnavailable, match="without a server"):
            await served.open(SPEC)
        await embedded.close()

    asyncio.run(run())


def test_a_killed_server_is_started_again_and_has_kept_what_it_acknowledged(
    folder: Path,
) -> None:
    async def run() -> None:
        backend, other = served_backend_at(folder), served_backend_at(folder)
        await backend.open(SPEC)
        await other.open(SPEC)
        acknowledged = []
        for number in range(60):
            if number % 15 == 7:
                os.kill(server_pid(folder), signal.SIGKILL)
            writer = (backend, other)[number % 2]
            put = build_put(build_record(number), unit_vector(number, 8), unique=(f"k{number}",))
            assert await writer.write([put]) == [Applied()]
            acknowledged.append(put.record.id)
        for each in (backend, other):
            assert set(ids_of(await scan_all(each))) == set(acknowledged)
            found = await each.search(NAMESPACE, [DenseLeg(unit_vector(7, 8))], EVERYTHING, 1)
            assert [hit.id for hit in found.legs[0]] == [record_id(7)]
        assert await backend.check() == []
        await backend.close()
        await other.close()
        await backend.open(SPEC)
        assert set(ids_of(await scan_all(backend, vectors=True))) == set(acknowledged)
        assert await backend.check() == []
        await backend.close()

    asyncio.run(run())


def test_a_server_killed_amid_writes_loses_nothing_acknowledged(folder: Path) -> None:
    async def run() -> None:
        backend = served_backend_at(folder)
        await backend.open(SPEC)
        puts = [build_put(build_record(n), unit_vector(n, 8)) for n in range(200)]
        tasks = [asyncio.create_task(backend.write([put])) for put in puts[:100]]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        tasks += [asyncio.create_task(backend.write([put])) for put in puts[100:]]
        os.kill(server_pid(folder), signal.SIGKILL)
        # A put that was sent twice is no duplicate of itself.
        assert await asyncio.gather(*tasks) == [[Applied()]] * 200
        assert len(await scan_all(backend)) == 200
        await backend.close()

    asyncio.run(run())


def test_compacting_pauses_the_server_and_loses_nothing(folder: Path) -> None:
    async def run() -> None:
        backend, other = served_backend_at(folder), served_backend_at(folder)
        await backend.open(SPEC)
        await other.open(SPEC)
        await backend.write(
            [build_put(build_record(n, content="a-secret"), unit_vector(n, 8)) for n in range(50)]
        )
        from memkit.protocols import Delete

        await other.write([Delete(NAMESPACE, record_id(n)) for n in range(50)])
        await backend.write([build_put(build_record(99), unit_vector(99, 8))])
        await backend.compact()
        assert not any(b"a-secret" in file.read_bytes() for file in folder.glob("*.sqlite3"))
        for each in (backend, other):
            assert ids_of(await scan_all(each)) == [record_id(99)]
        await other.close()
        await backend.close()

    asyncio.run(run())
