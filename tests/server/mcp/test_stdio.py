"""A process that serves one client over its standard streams."""

from __future__ import annotations

import asyncio
import json
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from memkit import Memory
from tests.server.mcp.clients import command, environment, over_stdio

SECONDS = 60


class Process:
    """A server's process, and the messages that pass."""

    def __init__(self, store: Path, *options: str, **variables: str) -> None:
        self.process = subprocess.Popen(
            command(store, "--embedder", "none", *options),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(**variables),
        )
        self._told: queue.Queue[dict[str, Any]] = queue.Queue()
        self.lines: list[bytes] = []
        self.logged: list[bytes] = []
        self._threads = [
            threading.Thread(target=run, daemon=True) for run in (self._read, self._log)
        ]
        for thread in self._threads:
            thread.start()
        self._next = 0

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            self._told.put(json.loads(line))

    def _log(self) -> None:
        assert self.process.stderr is not None
        self.logged += self.process.stderr

    def send(self, method: str, params: Any = None, *, notify: bool = False) -> int:
        message: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
        if not notify:
            self._next += 1
            message["id"] = self._next
        if params is not None:
            message["params"] = params
        self.write(json.dumps(message).encode() + b"\n")
        return self._next

    def write(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def told(self) -> dict[str, Any]:
        return self._told.get(timeout=SECONDS)

    def begin(self) -> dict[str, Any]:
        self.send(
            "initialize",
            {
                "protocolVersion": "2025-11-25",
                "capabilities": {},
                "clientInfo": {"name": "t", "version": "1"},
            },
        )
        answer = self.told()
        self.send("notifications/initialized", notify=True)
        return answer

    def ask(self, tool: str, **arguments: Any) -> int:
        return self.send("tools/call", {"name": tool, "arguments": arguments})

    def call(self, tool: str, **arguments: Any) -> Any:
        asked = self.ask(tool, **arguments)
        answer = self.told()
        assert answer["id"] == asked
        return answer["result"]["structuredContent"]

    def close(self) -> int:
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.ended()

    def ended(self) -> int:
        code = self.process.wait(SECONDS)
        for thread in self._threads:
            thread.join(SECONDS)
        return code


@contextmanager
def running(store: Path, *options: str, **variables: str) -> Iterator[Process]:
    made = Process(store, *options, **variables)
    try:
        yield made
    finally:
        if made.process.poll() is None:
            made.process.kill()
        made.ended()
        for stream in (made.process.stdin, made.process.stdout, made.process.stderr):
            assert stream is not None
            try:
                stream.close()
            except BrokenPipeError:
                continue


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "memory.db"


def test_it_ends_when_its_input_closes(store: Path) -> None:
    with running(store) as server:
        assert server.begin()["result"]["serverInfo"]["name"] == "memkit"
        assert server.close() == 0


def test_it_ends_when_its_input_closes_before_anything_was_said(store: Path) -> None:
    with running(store) as server:
        assert server.close() == 0


def test_the_client_is_greeted_before_the_protocols_library_is_imported(store: Path) -> None:
    # Without the greeting nothing would be answered: the library of this process is broken.
    broken = store.parent / "broken"
    (broken / "mcp").mkdir(parents=True)
    (broken / "mcp" / "__init__.py").write_text("raise RuntimeError('imported')")
    path = f"{broken}:{environment()['PYTHONPATH']}"
    with running(store, PYTHONPATH=path) as server:
        assert "instructions" in server.begin()["result"]


def test_what_was_asked_before_the_input_closed_is_answered(store: Path) -> None:
    with running(store) as server:
        server.begin()
        asked = {server.ask("remember", content=f"note {number}") for number in range(30)}
        assert server.close() == 0
        answers = {json.loads(line)["id"] for line in server.lines}
    assert answers >= asked
    with Memory.open(str(store), embedder="none") as memory:
        assert memory.count() == 30


def test_a_wait_does_not_hold_the_end_up(store: Path) -> None:
    with running(store, "--agent", "ann") as server:
        server.begin()
        server.call("list")
        server.ask("message", action="inbox", channel="c", wait=60)
        assert server.close() == 0


def test_it_ends_gracefully_when_it_is_told_to(store: Path) -> None:
    with running(store) as server:
        server.begin()
        kept = server.call("remember", content="kept")
        server.process.send_signal(signal.SIGTERM)
        assert server.ended() == 0
        assert b"Traceback" not in b"".join(server.logged)
    with Memory.open(str(store), embedder="none") as memory:
        assert memory.get(kept["id"]).content == "kept"


def test_nothing_acknowledged_is_lost_when_it_is_killed(store: Path) -> None:
    kept = []
    with running(store) as server:
        server.begin()
        kept = [server.call("remember", content=f"note {number}")["id"] for number in range(5)]
        server.ask("remember", content="perhaps")
        server.process.kill()
        assert server.ended() == -signal.SIGKILL
    with running(store) as server:
        server.begin()
        for id_ in kept:
            assert server.call("get", id=id_)["id"] == id_


def test_four_processes_share_a_store(store: Path) -> None:
    async def write(name: str) -> None:
        async with over_stdio(store, "--embedder", "none", "--agent", name) as client:
            for number in range(10):
                await client.done("remember", content=f"{name} notes {number}")

    async def main() -> None:
        await asyncio.gather(*(write(name) for name in ("ann", "ben", "cat", "dan")))
        async with over_stdio(store, "--embedder", "none") as client:
            found = await client.done("list", action="agents")
            assert found["counts"] == dict.fromkeys(("ann", "ben", "cat", "dan"), 10)

    asyncio.run(main())


def test_nothing_but_the_protocol_is_on_its_output(store: Path) -> None:
    # What prints here stands for any library that does; Python imports this module itself.
    noisy = store.parent / "noisy"
    noisy.mkdir()
    (noisy / "sitecustomize.py").write_text(
        "import atexit, os, pathlib, subprocess, threading, time\n"
        "folder = pathlib.Path(__file__).parent\n"
        "def noise():\n"
        "    print('noise', flush=True)\n"
        "    os.write(1, b'noise')\n"
        "    subprocess.run(['echo', 'noise'])\n"
        "def when_told():\n"
        "    while not (folder / 'now').exists():\n"
        "        time.sleep(0.01)\n"
        "    noise()\n"
        "    (folder / 'done').touch()\n"
        "threading.Thread(target=when_told, daemon=True).start()\n"
        "atexit.register(noise)\n"
    )
    path = f"{noisy}:{environment()['PYTHONPATH']}"
    with running(store, PYTHONPATH=path) as server:
        server.begin()
        (noisy / "now").touch()
        server.send("tools/list")
        assert "tools" in server.told()["result"]
        until = time.monotonic() + SECONDS
        while not (noisy / "done").exists():
            assert time.monotonic() < until
            time.sleep(0.01)
        server.call("recall", query="x")
        assert server.close() == 0
        assert all(json.loads(line)["jsonrpc"] == "2.0" for line in server.lines)
        assert b"".join(server.logged).count(b"noise") >= 3


def test_the_scope_is_that_of_the_options(store: Path) -> None:
    options = ("--namespace", "n", "--project", "p", "--task", "t", "--agent", "a")
    with running(store, *options) as server:
        server.begin()
        record = server.call("remember", content="x")["record"]
        assert [record[name] for name in ("namespace", "project", "task", "agent")] == [
            "n", "p", "t", "a",
        ]  # fmt: skip


def test_reading_alone_offers_and_does_no_more(store: Path) -> None:
    with running(store) as server:
        server.begin()
        server.call("remember", content="a rule", kind="constraint")
    with running(store, "--read-only") as server:
        server.begin()
        server.send("tools/list")
        names = [tool["name"] for tool in server.told()["result"]["tools"]]
        assert names == ["recall", "get", "list", "link", "message"]
        found = server.call("recall", query="rule")
        assert [each["content"] for each in found["memories"]] == ["a rule"]
        assert server.call("remember", content="x")["error"]["code"] == "invalid_input"


def test_the_first_recall_of_a_process_brings_standing_memories(store: Path) -> None:
    with running(store) as server:
        server.begin()
        server.call("remember", content="always squash", kind="constraint")
        server.call("remember", content="likes tea", kind="preference")
        server.call("remember", content="pinned fact", pinned=True)
        server.call("remember", content="a note")
        found = server.call("recall", query="something else")
        assert [each["content"] for each in found["standing"]["records"]] == [
            "always squash", "pinned fact", "likes tea",
        ]  # fmt: skip
        assert "standing" not in server.call("recall", query="something else")
        assert "standing" in server.call("recall", query="something else", first=True)


def test_what_comes_along_is_bounded(store: Path) -> None:
    from memkit.server.mcp.briefing import CHARS_MAX, RECORDS_MAX

    with Memory.open(str(store), embedder="none") as memory:
        for number in range(40):
            memory.remember(f"rule {number} " + "x" * 300, kind="constraint", deduplicate="off")
    with running(store) as server:
        server.begin()
        standing = server.call("recall", query="rule")["standing"]
        assert len(standing["records"]) == RECORDS_MAX
        assert sum(len(each["content"]) for each in standing["records"]) <= CHARS_MAX
        assert standing["notices"]


def test_a_cancelled_call_leaves_it_usable(store: Path) -> None:
    with running(store, "--agent", "ann") as server:
        server.begin()
        asked = server.ask("message", action="inbox", channel="c", wait=60)
        server.send("notifications/cancelled", {"requestId": asked}, notify=True)
        server.send("ping")
        answers = [server.told()]
        if answers[0].get("id") == asked:
            # One major says so, the other is silent.
            assert "error" in answers[0]
            answers = [server.told()]
        assert answers[0]["result"] == {}
        assert server.call("remember", content="still there")["status"] == "stored"


def test_many_calls_at_once_are_all_answered(store: Path) -> None:
    with running(store) as server:
        server.begin()
        asked = {server.ask("remember", content=f"note {number} 🚀") for number in range(100)}
        asked |= {server.ask("recall", query=f"note {number}") for number in range(50)}
        answers = [server.told() for _ in asked]
        assert {each["id"] for each in answers} == asked
        assert not any(each["result"]["isError"] for each in answers)


def test_any_text_is_stored_as_it_is_or_refused(store: Path) -> None:
    kept = 0
    with running(store) as server:
        server.begin()
        for text in ("", "🚀" * 1000, "a\x00b", "line\u2028two", "x" * 2_000_000):
            told = server.call("remember", content=text)
            if "error" in told:
                assert told["error"]["code"] == "invalid_input"
                assert "x" * 100 not in json.dumps(told)
            else:
                kept += 1
                assert server.call("get", id=told["id"])["content"] == text
            assert server.call("list", action="count")["count"] == kept
    assert kept >= 2


def test_half_a_surrogate_pair_is_refused(store: Path) -> None:
    with running(store) as server:
        server.begin()
        asked = server.ask("remember", content="\ud800")
        answer = server.told()
        assert answer["id"] == asked
        assert answer["error"]["code"] == -32700


def test_a_line_that_is_no_message_does_not_end_it(store: Path) -> None:
    with running(store) as server:
        server.write(b"\n\nnot json\n\xff\xfe\n[]\n")
        server.begin()
        server.write(b'{"jsonrpc": "2.0"}\n{"id": 1}\n' + b'{"a":' * 100_000 + b"\n")
        asked = server.ask("list", action="count")
        while (answer := server.told()).get("id") != asked:
            continue
        assert answer["result"]["structuredContent"] == {"count": 0}


def test_errors_have_the_librarys_codes_and_quote_nothing(store: Path) -> None:
    with running(store) as server:
        server.begin()
        wrong = server.call("recall", query="x", limit="hunter2", reach="hunter2", hunter3=1)
        assert {each["field"] for each in wrong["error"]["errors"]} == {"limit", "reach", "hunter3"}
        assert "hunter2" not in json.dumps(wrong)
        made = server.call("remember", content="first")
        stale = server.call("update", id=made["id"], kind="fact", expect_version=9)
        assert stale["error"]["code"] == "version_conflict"
        missing = server.call("get", id="0" * 8)
        assert missing["error"]["code"] in ("not_found", "invalid_input")
        assert server.call("nonsense")["error"]["code"] == "invalid_input"
        server.send("resources/read", {"uri": "memory://nothing"})
        assert server.told()["error"]["code"] == -32602
        server.send("prompts/get", {"name": "recall-first", "arguments": {}})
        assert "task" in server.told()["error"]["message"]


def test_a_store_that_cannot_be_opened_is_told_to_the_client_and_tried_again(store: Path) -> None:
    store.write_bytes(b"this is no database" * 1000)
    with running(store) as server:
        server.begin()
        assert server.call("list")["error"]["code"] == "store_corrupt"
        store.unlink()
        assert server.call("list") == {"records": [], "cursor": None}


def test_an_option_that_is_wrong_ends_it_with_its_reason(store: Path) -> None:
    with running(store, "--bogus") as server:
        assert server.ended() == 2
        assert b"bogus" in b"".join(server.logged)
        assert server.lines == []
