"""Other processes that write to a store for the tests: started, spoken to, killed.

Run as ``python -m memkit.testing.processes``; its one argument is a JSON object.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from memkit.filters import EVERYTHING
from memkit.protocols import Applied, Backend, DenseLeg, Fingerprint, Patch, StoreSpec
from memkit.testing.records import NAMESPACE, build_put, build_record, unit_vector

#: How many records each batch of :func:`write_without_end` holds.
BATCH = 5


def seed_of(group: int, number: int) -> int:
    """The seed of the vector of a record that a process writes."""
    return group * 1_000_000 + number


@contextmanager
def started(
    job: str, factory: str, place: Path, spec: StoreSpec, **settings: int
) -> Iterator[subprocess.Popen[str]]:
    """A process that does a job on the store at ``place``; it is killed at the end.

    Its lines on stdout are what it has to say; stderr is the test's own.
    """
    assert spec.fingerprint is not None
    order = {
        "job": job,
        "factory": factory,
        "place": str(place),
        "fingerprint": asdict(spec.fingerprint),
        "analyzer": spec.analyzer,
        **settings,
    }
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    process = subprocess.Popen(
        [sys.executable, "-m", "memkit.testing.processes", json.dumps(order)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def say(value: Any) -> None:
    """Tell the parent: one line of JSON, out of this process when this returns."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


async def write_without_end(backend: Backend, group: int) -> None:
    """Write until killed; each number is said when its write has been acknowledged.

    Four tasks write at once: single records, batches, and patches of what they wrote.
    """

    async def write(lane: int) -> None:
        number = lane
        while True:
            numbers = [number + 4 * step for step in range(BATCH if lane % 2 else 1)]
            records = [build_process_record(group, n) for n in numbers]
            dimension = DIMENSION
            await backend.write(
                [
                    build_put(r, unit_vector(seed_of(group, n), dimension), unique=(f"{group} {n}",))
                    for r, n in zip(records, numbers, strict=True)
                ]
            )
            say({"put": numbers})
            if lane >= 2:
                patched = replace(records[0], content="patched", version=2)
                await backend.write([Patch(patched, 1)])
                say({"patch": numbers[0]})
            number += 4 * len(numbers)

    await asyncio.gather(*(write(lane) for lane in range(4)))
