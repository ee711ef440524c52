"""The theme of durability: what was acknowledged is there after the writer was killed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from memkit.filters import EVERYTHING
from memkit.protocols import Backend, DenseLeg, Maintenance
from memkit.testing.processes import BATCH, LANES, Job, started
from memkit.testing.records import NAMESPACE, record_id
from memkit.testing.suite import Suite, assert_same_record, require

# The longest that a process is let write before it is killed, once it has begun.
LIFE_SECONDS = 0.4
# Of what the last process wrote so many are searched for: the newest, which a kill is nearest to.
SEARCHED = 200


@dataclass(slots=True)
class Acknowledged:
    """What one killed process had been told was stored."""

    job: Job
    put: set[int] = field(default_factory=set)
    patched: set[int] = field(default_factory=set)


class DurabilityTests(Suite):
    """Needs ``backend_factory``, since another process makes the backend too."""

    def test_what_was_acknowledged_survives_a_kill(self, tmp_path: Path) -> None:
        place = tmp_path / "store"
        draw = random.Random(1)
        rounds: list[Acknowledged] = []

        async def check_declared() -> None:
            async with self.opened(place) as backend:
                require(backend, "durable")

        async def check_all() -> None:
            async with self.opened(place) as backend:
                for told in rounds[:-1]:
                    await self.assert_there(backend, told, searched=3)
                await self.assert_there(backend, rounds[-1], searched=SEARCHED)
                if isinstance(backend, Maintenance):
                    assert await backend.check() == []

        asyncio.run(check_declared())
        for number in range(self.kills):
            rounds.append(self.write_until_killed(place, number + 1, draw))
            asyncio.run(check_all())
        assert any(told.patched for told in rounds)

    def write_until_killed(self, place: Path, group: int, draw: random.Random) -> Acknowledged:
        """Let a process write for a random while, kill it; what it had acknowledged."""
        told = Acknowledged(self.job("crash", place, group))
        with started(told.job) as process:
            assert process.stdout is not None
            # Its first acknowledgement: from here on the kill falls amid writes.
            lines = [process.stdout.readline()]
            if not lines[0]:
                pytest.fail(f"the writing process ended by itself with {process.wait()}")
            time.sleep(draw.uniform(0, LIFE_SECONDS))
            process.kill()
            lines += process.stdout.readlines()
        for line in lines:
            # The kill may have cut the last line short: it was not acknowledged then.
            with contextlib.suppress(json.JSONDecodeError):
                said = json.loads(line)
                told.put.update(said.get("put", ()))
                told.patched.update([said["patch"]] if "patch" in said else ())
        return told

    async def assert_there(self, backend: Backend, told: Acknowledged, searched: int) -> None:
        """Fail unless all that was acknowledged is stored, whole and findable."""
        job = told.job
        held = await backend.get(
            NAMESPACE, [record_id(n, job.group) for n in told.put], vectors=True
        )
        assert len(held) == len(told.put), "an acknowledged record is lost"
        for number in told.put:
            stored = held[record_id(number, job.group)]
            self.assert_vector(stored.vector, job.vector(number))
            assert stored.unique == (f"{job.group} {number}",)
            if number in told.patched:
                assert stored.record.version == 2, "an acknowledged patch is lost"
            elif stored.record.version == 1:
                assert_same_record(stored.record, job.record(number))
        for number in sorted(told.put)[-searched:]:
            leg = DenseLeg(job.vector(number))
            found = await backend.search(NAMESPACE, [leg], EVERYTHING, 1)
            wanted = record_id(number, job.group)
            assert [each.id for each in found.legs[0]] == [wanted], "a vector is not found"
        if backend.capabilities.atomic_batch:
            await self.assert_whole(backend, told)

    async def assert_whole(self, backend: Backend, told: Acknowledged) -> None:
        """Fail if the batch that the kill interrupted is there in part."""
        for lane in range(1, LANES, 2):
            mine = [number for number in told.put if number % LANES == lane]
            first = max(mine, default=lane - LANES) + LANES
            ids = [record_id(first + LANES * step, told.job.group) for step in range(BATCH)]
            there = await backend.get(NAMESPACE, ids)
            assert len(there) in (0, BATCH), "a batch is there in part"

    def job(self, kind: str, place: Path, group: int) -> Job:
        """A job for another process on the store at ``place``."""
        if not self.backend_factory:
            pytest.skip("backend_factory is not set, so no other process can make a backend")
        return Job(
            kind,
            self.backend_factory,
            str(place),
            self.fingerprint.model,
            self.dimension,
            self.spec().analyzer,
            group,
        )
