"""memkit's own PostgreSQL in a folder: several processes, kills, and nothing left running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from memkit import Memory
from memkit.errors import StoreUnavailable
from memkit.testing.embedders import ToyEmbedder
from tests.engines.clusters import servants
from tests.resilience.writers import Writers, contents

_LIMIT_SECONDS = 120


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder for a store, whose server must have ended when the test ends."""
    # None of pytest's: each session shuts their common parent again, while a server that runs
    # as another user may be on its way through it.
    with tempfile.TemporaryDirectory(prefix="pg-") as made:
        place = Path(made) / "store"
        yield place
        left = servants(place / "pgdata")
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        assert not left, "a server was left running"


def opened(folder: Path, options: str = "") -> Memory:
    url = f"postgres-embedded://{folder}{options}"
    return Memory.open(url, embedder=ToyEmbedder(), namespace="team")


class Storing:
    """Another process that stores in the folder what it is told."""

    def __init__(self, folder: Path) -> None:
        self.acknowledged: list[str] = []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.resilience.storing", f"postgres-embedded://{folder}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )

    def store(self, content: str) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(content + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line == content + "\n", "the process ended instead of storing"
        self.acknowledged.append(content)

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()

    def close(self) -> None:
        """Have it close the memory and end."""
        self._process.communicate()
        assert self._process.returncode == 0


@contextmanager
def processes(folder: Path, count: int) -> Iterator[list[Storing]]:
    started = [Storing(folder) for _ in range(count)]

    def kill_all() -> None:
        for each in started:
            each.kill()

    watchdog = threading.Timer(_LIMIT_SECONDS, kill_all)
    watchdog.start()
    try:
        yield started
    finally:
        watchdog.cancel()
        kill_all()


def test_four_processes_one_of_them_killed(folder: Path) -> None:
    with processes(folder, 4) as storing:

        def run(lane: int) -> None:
            for number in range(50):
                if lane == 3 and number == 25:
                    storing[lane].kill()
                    return
                storing[lane].store(f"lane {lane} wrote number {number}")

        threads = [threading.Thread(target=run, args=(lane,)) for lane in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [len(each.acknowledged) for each in storing] == [50, 50, 50, 25]
        for each in storing[:2]:
            each.close()
        assert servants(folder / "pgdata")
        storing[2].close()
        assert not servants(folder / "pgdata")
        acknowledged = [content for each in storing for content in each.acknowledged]
    with opened(folder) as memory:
        assert sorted(contents(memory)) == sorted(acknowledged)
        assert memory.recall("lane 3 wrote number 24").hits[0].record.content.endswith("24")
    assert not servants(folder / "pgdata")


def test_a_store_whose_processes_were_all_killed_opens_again(folder: Path) -> None:
    with processes(folder, 2) as storing:
        for lane, each in enumerate(storing):
            each.store(f"lane {lane} wrote")
            each.kill()
    assert servants(folder / "pgdata")
    with opened(folder) as memory:
        assert sorted(contents(memory)) == ["lane 0 wrote", "lane 1 wrote"]
    assert not servants(folder / "pgdata")


def test_a_server_that_is_killed_amid_writes_comes_back(folder: Path) -> None:
    with opened(folder) as memory:
        with Writers(memory) as writers:
            for _ in range(3):
                writers.await_more(5)
                pid = int((folder / "pgdata" / "postmaster.pid").read_text().splitlines()[0])
                os.kill(pid, signal.SIGKILL)
                assert writers.await_more() < 10.0
        assert not writers.refused
        writers.assert_stored_once(memory)


def test_opened_twice_in_a_process_it_runs_until_both_are_closed(folder: Path) -> None:
    first, second = opened(folder), opened(folder)
    first.remember("the harbour is open at night")
    first.close()
    assert second.recall("harbour").hits
    second.close()
    assert not servants(folder / "pgdata")


def test_a_store_that_cannot_be_opened_leaves_no_server(folder: Path) -> None:
    with opened(folder) as memory:
        memory.remember("the harbour is open at night")
    url = f"postgres-embedded://{folder}"
    other = ToyEmbedder(name="another")
    with pytest.raises(Exception, match="reembed"):
        Memory.open(url, embedder=other, namespace="team")
    assert not servants(folder / "pgdata")


def test_a_memory_that_is_never_closed_stops_its_server_at_exit(folder: Path) -> None:
    script = (
        "import sys; from memkit import Memory; "
        "memory = Memory.open(sys.argv[1], embedder='none'); memory.remember('kept')"
    )
    url = f"postgres-embedded://{folder}"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, url],
        env=environment,
        capture_output=True,
        text=True,
        timeout=_LIMIT_SECONDS,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not servants(folder / "pgdata")


def test_after_it_was_closed_nothing_answers(folder: Path) -> None:
    memory = opened(folder, "?retry_seconds=1")
    memory.close()
    with pytest.raises(Exception, match="closed") as raised:
        memory.remember("too late")
    assert not isinstance(raised.value, StoreUnavailable)
