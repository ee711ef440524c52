"""Messages between threads and processes, on stores that really are shared."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from memkit import Memory
from tests.engines import postgres

_WORKERS = Path(__file__).with_name("workers.py")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return (
        f"sqlite://{tmp_path / 'memory.db'}"
        if request.param == "sqlite"
        else postgres.database_at(tmp_path)
    )


def started(url: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(_WORKERS), url, *arguments], stdout=subprocess.PIPE, text=True
    )


def said(process: subprocess.Popen[str]) -> list[str]:
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    ids: list[str] = json.loads(out)
    return ids


def test_each_job_is_done_once_by_many_workers(url: str) -> None:
    with Memory.open(url, embedder="none") as memory:
        first = memory.at(agent="boss").send("jobs", "the first").id
        workers = [started(url, "work", f"w{n}", "4") for n in range(2)]
        senders = [started(url, "send", f"s{n}", "20") for n in range(2)]
        sent = [id_ for process in senders for id_ in said(process)]
        done = [id_ for process in workers for id_ in said(process)]
        assert sorted(done) == sorted([first, *sent])
        assert memory.at(agent="late").inbox("jobs", consumer="workers") == []
        assert len(memory.at(agent="reader").inbox("jobs", limit=1000)) == 161


def test_a_reader_gets_all_that_many_send_at_once(url: str) -> None:
    with Memory.open(url, embedder="none", agent="reader") as memory:
        senders = [started(url, "send", f"s{n}", "25") for n in range(2)]
        seen: list[str] = []
        while len(seen) < 200:
            found = memory.inbox("jobs", limit=50, wait=60)
            assert found, "messages were lost"
            seen += [each.record.content for each in found]
            memory.ack([each.record.id for each in found])
        for process in senders:
            said(process)
        assert len(set(seen)) == 200
        for sender in ("s0", "s1"):
            for thread in range(4):
                mine = [text for text in seen if text.startswith(f"{sender} {thread} ")]
                assert mine == [f"{sender} {thread} {n}" for n in range(25)]
        assert memory.inbox() == []


def test_what_a_killed_worker_held_is_given_out_again(url: str) -> None:
    with Memory.open(url, embedder="none") as memory:
        boss, other = memory.at(agent="boss"), memory.at(agent="other")
        sent = [boss.send("jobs", f"job {n}").id for n in range(3)]
        worker = started(url, "hold")
        assert worker.stdout is not None
        assert json.loads(worker.stdout.readline()) == sent
        worker.kill()
        worker.wait()
        worker.stdout.close()
        assert other.inbox("jobs", consumer="workers", lease=60) == []
        again = other.inbox("jobs", consumer="workers", lease=60, wait=60)
        assert [each.record.id for each in again] == sent
        assert [each.deliveries for each in again] == [2, 2, 2]
