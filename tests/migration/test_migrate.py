"""Migration from one store to another, run as a user runs it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from memkit import Memory
from memkit.errors import InvalidInput, StoreError
from memkit.migration import both_open, copy, migrate, verify
from memkit.testing.embedders import ToyEmbedder
from tests.migration.stores import exported, filled


@pytest.fixture
def source(tmp_path: Path) -> str:
    url = f"sqlite://{tmp_path}/source.db"
    filled(url)
    return url


@pytest.fixture
def destination(tmp_path: Path) -> str:
    return f"sqlite://{tmp_path}/destination.db"


def test_everything_travels(source: str, destination: str, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    done = asyncio.run(
        migrate(source, destination, lambda count, total: seen.append((count, total)))
    )
    whole = exported(source, tmp_path)
    assert exported(destination, tmp_path) == whole
    assert done.records == sum(line.startswith('{"id"') for line in whole.splitlines())
    assert seen[-1] == (done.records, done.records)
    with Memory.open(destination, embedder=ToyEmbedder()) as memory:
        assert memory.at(namespace="acme").recall("fuel", reach="subtree")[0].content == (
            "fuel is enough"
        )


def test_a_copy_is_brought_up_to_date(source: str, destination: str, tmp_path: Path) -> None:
    asyncio.run(migrate(source, destination))
    with Memory.open(source, embedder=ToyEmbedder()) as memory:
        # The text, and with it the unique key, passes from an older record to a newer one.
        old = memory.remember("the key moves on", kind="fact")
        asyncio.run(migrate(source, destination))
        memory.forget(old.id)
        memory.remember("the key moves on", kind="fact")
        memory.update(memory.list().records[-1].id, tags=["changed"])

    async def again() -> int:
        async with both_open(source, destination) as (origin, target):
            copied = await copy(origin, target)
            await verify(origin, target)
            return copied.written

    assert asyncio.run(again()) == 3
    assert exported(destination, tmp_path) == exported(source, tmp_path)
    assert asyncio.run(again()) == 0


def test_a_destination_with_records_of_its_own_is_refused(source: str, destination: str) -> None:
    with Memory.open(destination, embedder=ToyEmbedder()) as memory:
        memory.at(namespace="elsewhere").remember("here first")
    with pytest.raises(InvalidInput, match="records of its own"):
        asyncio.run(migrate(source, destination))
    with pytest.raises(InvalidInput, match="same store"):
        asyncio.run(migrate(source, source))
    with pytest.raises(InvalidInput, match="same store"):
        asyncio.run(migrate(source, source.removeprefix("sqlite://")))


def test_a_copy_that_differs_is_not_called_a_migration(source: str, destination: str) -> None:
    asyncio.run(migrate(source, destination))
    # Without an embedder, which would give a record the vector that it lacks.
    with Memory.open(destination, embedder="none") as memory:
        acme = memory.at(namespace="acme")
        changed, erased, *_ = acme.list(limit=3).records
        acme.update(changed.id, tags=["tampered"])
        acme.erase(erased.id)
        foreign = acme.remember("slipped in").id

    async def compare() -> None:
        async with both_open(source, destination) as (origin, target):
            await verify(origin, target)

    with pytest.raises(StoreError, match=r"1 records are missing, 1 differ, 1 are at") as caught:
        asyncio.run(compare())
    assert all(id_ in str(caught.value) for id_ in (changed.id, erased.id, foreign))
    assert "slipped" not in str(caught.value)


def run_migrate(source: str, destination: str, **more: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "memkit", "migrate", source, destination, "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        **more,
    )


def test_a_killed_migration_goes_on_where_it_was(
    tmp_path: Path, source: str, destination: str
) -> None:
    with Memory.open(source, embedder=ToyEmbedder()) as memory:
        memory.remember_many([f"one of many, number {n}" for n in range(4_000)])
    place = Path(destination.removeprefix("sqlite://"))
    with run_migrate(source, destination) as process:
        log = place.with_name(place.name + "-wal")
        # Killed once something of it has been written.
        while not (log.exists() and log.stat().st_size > 500_000):
            assert process.poll() is None, process.communicate()
            time.sleep(0.005)
        process.kill()
    with run_migrate(source, destination) as process:
        out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    told = json.loads(out)
    assert 0 < told["written"] < told["records"]
    assert exported(destination, tmp_path) == exported(source, tmp_path)
