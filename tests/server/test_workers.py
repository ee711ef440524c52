"""Several processes on one port: they share a store, are replaced, and end together."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from memkit.config import load_settings
from memkit.errors import ConfigurationError
from memkit.server.workers import forked

_LIMIT_SECONDS = 60.0


@contextmanager
def _serving(folder: Path, workers: int = 2) -> Iterator[tuple[subprocess.Popen[str], str]]:
    options = ["--store", str(folder / "memory.db"), "--embedder", "none", "--port", "0"]
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "memkit", "serve", *options),
            *("--no-auth", "--workers", str(workers)),
        ],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stderr is not None
        seen = []
        for line in process.stderr:
            seen.append(line)
            if found := re.match(r"memkit serves at (\S+)", line):
                break
        else:
            raise AssertionError("".join(seen))
        yield process, found[1]
    finally:
        for pid in (process.pid, *_children(process.pid)):
            _signal(pid, signal.SIGKILL)
        process.communicate()


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _children(pid: int) -> list[int]:
    try:
        return [
            int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        ]
    except FileNotFoundError:
        return []


def _gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def _until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + _LIMIT_SECONDS
    while not done():
        assert time.monotonic() < end
        time.sleep(0.05)


def _remembered(url: str, content: str) -> str:
    answer = httpx.post(f"{url}/api/memories", json={"content": content})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def test_what_one_worker_stores_every_other_finds(tmp_path: Path) -> None:
    with _serving(tmp_path) as (process, url):
        assert len(_children(process.pid)) == 2
        ids = {_remembered(url, f"the gate number {n} is open") for n in range(10)}
        # Each request has a connection of its own: they fall to either worker.
        for _ in range(10):
            page = httpx.get(f"{url}/api/memories?limit=100").json()
            assert {record["id"] for record in page["records"]} == ids


def test_a_worker_that_dies_is_replaced(tmp_path: Path) -> None:
    with _serving(tmp_path) as (process, url):
        kept = _remembered(url, "the gate is open")
        first = set(_children(process.pid))
        # One that dies at once has not come up, and would not be replaced.
        time.sleep(5.5)
        _signal(min(first), signal.SIGKILL)
        _until(lambda: len(set(_children(process.pid)) - {min(first)}) == 2)
        _until(lambda: all(_answers(url) for _ in range(4)))
        assert httpx.get(f"{url}/api/memories/{kept}").status_code == 200


@pytest.mark.parametrize("ended", [signal.SIGTERM, signal.SIGINT])
def test_they_end_together_when_they_are_told_to(tmp_path: Path, ended: signal.Signals) -> None:
    with _serving(tmp_path) as (process, url):
        _remembered(url, "the gate is open")
        workers = _children(process.pid)
        _signal(process.pid, ended)
        assert process.wait(_LIMIT_SECONDS) == 0
        assert all(_gone(pid) for pid in workers)


def test_they_end_when_the_first_process_is_killed(tmp_path: Path) -> None:
    with _serving(tmp_path) as (process, url):
        _remembered(url, "the gate is open")
        workers = _children(process.pid)
        _signal(process.pid, signal.SIGKILL)
        _until(lambda: all(_gone(pid) for pid in workers))


def test_workers_that_cannot_come_up_end_the_server(tmp_path: Path) -> None:
    store = tmp_path / "memory.db"
    store.write_text("this is no store, and no database at all" * 100)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "memkit", "serve", "--store", str(store), "--port", "0"),
            *("--no-auth", "--workers", "2"),
        ],
        stderr=subprocess.PIPE,
        text=True,
        timeout=_LIMIT_SECONDS,
    )
    assert done.returncode == 2
    assert "did not come up" in done.stderr


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    with _serving(tmp_path, workers=1) as (_, url):
        port = int(url.rpartition(":")[2])
        settings = load_settings(server_port=port, server_workers=2).settings
        with pytest.raises(ConfigurationError, match="cannot be listened on"):
            forked(settings)
