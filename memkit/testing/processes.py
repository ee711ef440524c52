"""Other processes that write to a store for the tests: started, spoken to, killed.

Run as ``python -m memkit.testing.processes`` with a :class:`Job` as its one argument.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memkit.filters import EVERYTHING
from memkit.protocols import Backend, DenseLeg, Fingerprint, Patch, Put, StoreInfo, StoreSpec
from memkit.testing.records import NAMESPACE, build_put, build_record, record_id, unit_vector

if TYPE_CHECKING:
    from memkit.protocols import Vector
    from memkit.types import MemoryRecord

# After this long a process is taken to hang and is killed, so that the test fails.
_LIMIT_SECONDS = 120

#: How many tasks of a killed process write at once, and the records in each larger batch.
LANES = 4
BATCH = 5


@dataclass(frozen=True, slots=True)
class Job:
    """What a process is to do: ``crash`` writes until it is killed, ``share`` a while.

    ``assert`` says facts as others do at the same time. ``group`` is the process's own number,
    ``groups`` those of all that share the store. Without a ``model`` the store has no vectors.
    """

    kind: str
    factory: str
    place: str
    model: str
    dimension: int
    analyzer: str
    group: int
    groups: tuple[int, ...] = ()
    records: int = 0

    def record(self, number: int) -> MemoryRecord:
        """One of the records that this process writes."""
        return build_record(number, id=record_id(number, self.group), metadata={"n": number})

    def vector(self, number: int) -> Vector:
        """That record's vector."""
        return unit_vector(self.group * 1_000_000 + number, self.dimension)

    def put(self, number: int) -> Put:
        """The put of that record."""
        key = f"{self.group} {number}"
        return build_put(self.record(number), self.vector(number), unique=(key,))

    @property
    def spec(self) -> StoreSpec:
        """What the store is opened with."""
        fingerprint = Fingerprint(self.model, self.dimension) if self.model else None
        return StoreSpec(fingerprint, self.analyzer)


@contextmanager
def started(job: Job) -> Iterator[subprocess.Popen[str]]:
    """A process that does the job, killed at the end; stderr is the test's own."""
    paths = os.pathsep.join(path for path in sys.path if path)
    process = subprocess.Popen(
        [sys.executable, "-m", "memkit.testing.processes", json.dumps(asdict(job))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": paths},
        text=True,
    )
    watchdog = threading.Timer(_LIMIT_SECONDS, process.kill)
    watchdog.start()
    try:
        yield process
    finally:
        watchdog.cancel()
        process.kill()
        process.communicate()


def tell(process: subprocess.Popen[str], line: str) -> None:
    """Send a process a line."""
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()


def hear(process: subprocess.Popen[str]) -> Any:
    """The next thing that a process says; it must not have ended."""
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.endswith("\n"), f"the process ended with {process.wait()} instead of answering"
    return json.loads(line)


def _say(value: Any) -> None:
    # Flushed: what was said is out of this process, and a kill cannot take it back.
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


async def _crash(job: Job, backend: Backend) -> None:
    async def write(lane: int) -> None:
        number = lane
        while True:
            numbers = [number + LANES * step for step in range(BATCH if lane % 2 else 1)]
            await backend.write([job.put(n) for n in numbers])
            _say({"put": numbers})
            if lane >= 2:
                patched = replace(job.record(numbers[0]), content="patched", version=2)
                await backend.write([Patch(patched, 1)])
                _say({"patch": numbers[0]})
            number += LANES * len(numbers)

    await asyncio.gather(*(write(lane) for lane in range(LANES)))


async def _share(job: Job, backend: Backend) -> None:
    # Read first, so that what this process remembers of the store is from before the writes.
    await backend.search(NAMESPACE, [DenseLeg(job.vector(0))], EVERYTHING, 1)
    _say("ready")
    await asyncio.to_thread(sys.stdin.readline)
    for number in range(job.records):
        await backend.write([job.put(number)])
    _say("written")
    await asyncio.to_thread(sys.stdin.readline)
    ids = [record_id(n, group) for group in job.groups for n in range(job.records)]
    found = await backend.search(NAMESPACE, [DenseLeg(job.vector(0))], EVERYTHING, len(ids) + 1)
    _say(
        {
            "counted": (await backend.count(NAMESPACE, EVERYTHING))[""],
            "got": len(await backend.get(NAMESPACE, ids)),
            "ranked": len({each.id for each in found.legs[0]}),
        }
    )


async def _assert(job: Job, backend: Backend, info: StoreInfo) -> None:
    from memkit.config import load_settings
    from memkit.engine import Engine
    from memkit.memory import AsyncMemory
    from memkit.scope import Scope
    from memkit.testing.facts import PROCESSES, WRITERS, race
    from memkit.vectorizer import Vectorizer

    engine = Engine(backend, Vectorizer(None), load_settings().settings, info)
    _say("ready")
    await asyncio.to_thread(sys.stdin.readline)
    memory = AsyncMemory(engine, Scope(NAMESPACE))
    here = WRITERS // PROCESSES
    await asyncio.gather(*(race(memory, job.group * here + each) for each in range(here)))
    _say("done")


async def _run(job: Job) -> None:
    module, _, attribute = job.factory.partition(":")
    backend: Backend = getattr(import_module(module), attribute)(Path(job.place))
    info = await backend.open(job.spec)
    try:
        if job.kind == "assert":
            await _assert(job, backend, info)
        else:
            await {"crash": _crash, "share": _share}[job.kind](job, backend)
    finally:
        await backend.close()


if __name__ == "__main__":
    asyncio.run(_run(Job(**json.loads(sys.argv[1]))))
