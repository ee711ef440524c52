"""Watching: in threads, between processes, after another store took the place of the first."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from memkit import AsyncMemory, Memory
from memkit.errors import StoreClosed
from tests.engines import postgres

_WRITER = """
import sys
from memkit import Memory
with Memory.open(sys.argv[1], embedder="none") as memory:
    for n in range(int(sys.argv[2])):
        memory.remember(f"note {n} of {sys.argv[3]}")
"""


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "memory.db"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, store: Path, tmp_path: Path) -> str:
    return str(store) if request.param == "sqlite" else postgres.database_at(tmp_path)


def test_what_other_processes_write_is_told_in_order(url: str) -> None:
    with Memory.open(url, embedder="none") as memory, memory.watch() as events:
        writers = [
            subprocess.Popen([sys.executable, "-c", _WRITER, url, "30", name]) for name in "ab"
        ]
        seen = [next(events) for _ in range(30)]
        # A reader that begins again goes on after what it has seen.
        with memory.watch(after=seen[-1].cursor) as rest:
            seen += [next(rest) for _ in range(30)]
        assert [writer.wait(60) for writer in writers] == [0, 0]
        assert {event.type for event in seen} <= {"created"}
        assert len({event.id for event in seen}) == 60


def test_a_thread_waits_and_another_one_ends_it(store: Path) -> None:
    with Memory.open(str(store), embedder="none") as memory:
        events = memory.watch()
        seen: list[str] = []
        reader = threading.Thread(target=lambda: seen.extend(event.type for event in events))
        reader.start()
        memory.remember("a note")
        while not seen:
            pass
        events.close()
        reader.join(30)
        assert not reader.is_alive()
        assert seen == ["created"]
        assert memory.count() == 1


def test_a_closed_memory_ends_the_wait(store: Path) -> None:
    async def run() -> None:
        memory = await AsyncMemory.open(str(store), embedder="none")
        watch = memory.watch()
        waiting = asyncio.ensure_future(watch.next())
        await asyncio.sleep(0.1)
        await memory.close()
        with pytest.raises(StoreClosed):
            await waiting

    asyncio.run(run())


def test_a_cursor_of_another_store_begins_anew(store: Path, tmp_path: Path) -> None:
    elsewhere = str(tmp_path / "other.db")
    with Memory.open(elsewhere, embedder="none") as other, other.watch() as events:
        other.remember("there")
        cursor = next(events).cursor
    with Memory.open(str(store), embedder="none") as memory:
        events = memory.watch(after=cursor)
        assert next(events).type == "reset"
        note = memory.remember("here")
        assert next(events).id == note.id


def test_many_readers_hear_of_one_write(store: Path) -> None:
    with Memory.open(str(store), embedder="none") as memory:
        watches = [memory.watch() for _ in range(8)]
        heard: list[str] = []
        readers = [
            threading.Thread(target=lambda w=watch: heard.append(next(w).id)) for watch in watches
        ]
        for reader in readers:
            reader.start()
        note = memory.remember("for all")
        for reader in readers:
            reader.join(30)
        assert heard == [note.id] * 8


def test_what_changes_no_record_is_no_event(store: Path) -> None:
    from memkit.testing.embedders import ToyEmbedder

    with Memory.open(str(store), embedder="none") as memory:
        memory.remember("without a vector")
    with Memory.open(str(store), embedder=ToyEmbedder()) as memory, memory.watch() as events:
        for n in range(3):
            memory.remember(f"turn {n}", conversation_id="c", sequence=2 - n)
        memory.recall("vector")
        while memory.status().unembedded:
            pass
        last = memory.remember("the last")
        types = []
        while True:
            event = next(events)
            types.append(event.type)
            if event.id == last.id:
                break
        assert types == ["created"] * 4
