"""The server as a process: how it starts, and that it ends without losing anything."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from memkit import Memory
from memkit.config import load_settings
from memkit.errors import ConfigurationError
from memkit.server.app import require_authentication

_MAIN = """
import sys
from memkit.cli.app import app, run
from memkit.cli.serving import COMMANDS
if not any(each.name == "serve" for each in app.registered_commands):
    app.command("serve")(COMMANDS["serve"])
run()
"""


@contextmanager
def _program(store: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    arguments = ["serve", "--store", str(store), "--embedder", "none", "--port", "0", *options]
    process = subprocess.Popen(
        [sys.executable, "-c", _MAIN, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "MEMKIT_SERVER_RATE": "none"},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _ready(process: subprocess.Popen[str]) -> tuple[str, str | None]:
    """Its URL, and the token that it showed."""
    assert process.stderr is not None
    token, seen = None, []
    for line in process.stderr:
        seen.append(line)
        found = re.search(r"mk_\w{8}_[\w-]{43}", line)
        token = found.group() if found else token
        if line.startswith("memkit serves at "):
            return line.split()[-1], token
    raise AssertionError("".join(seen))


def _bearer(token: str | None) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_the_first_start_shows_a_token_once_and_no_log_has_it(tmp_path: Path) -> None:
    store = tmp_path / "memory.db"
    with _program(store) as process:
        url, token = _ready(process)
        assert token is not None
        status = httpx.get(f"{url}/api/principals", headers=_bearer(token))
        assert [each["name"] for each in status.json()["principals"]] == ["admin"]
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
        assert process.returncode == 0
        assert out == ""
        assert token not in err
        assert '"operation": "principals"' in err
    with _program(store) as process:
        url, again = _ready(process)
        assert again is None
        assert httpx.get(f"{url}/api/status", headers=_bearer(token)).status_code == 200


def test_what_was_acknowledged_is_there_after_it_was_told_to_end(tmp_path: Path) -> None:
    store, kept, stopped = tmp_path / "memory.db", [], threading.Event()
    with _program(store, "--no-auth") as process:
        url, _ = _ready(process)

        def write(worker: int) -> None:
            with httpx.Client(base_url=url) as client:
                for number in range(10_000):
                    try:
                        response = client.post(
                            "/api/memories", json={"content": f"{worker} wrote {number}"}
                        )
                    except httpx.TransportError:
                        return
                    if response.status_code != 201:
                        assert response.status_code == 503
                        return
                    kept.append(response.json()["id"])
                    if stopped.is_set() and process.poll() is not None:
                        return

        workers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
        with httpx.stream("GET", f"{url}/api/events", timeout=30) as events:
            for worker in workers:
                worker.start()
            while len(kept) < 40:
                time.sleep(0.01)
            process.send_signal(signal.SIGTERM)
            # A stream does not hold it up.
            assert process.wait(30) == 0
            stopped.set()
            events.read()
        for worker in workers:
            worker.join(30)
    with Memory.open(str(store), embedder="none") as memory:
        for id_ in kept:
            memory.get(id_)


def test_killed_in_the_middle_it_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    store, kept = tmp_path / "memory.db", []
    with _program(store) as process:
        url, token = _ready(process)
        with httpx.Client(base_url=url, headers=_bearer(token)) as client:
            with client.stream("GET", "/api/events") as events:
                cursor = next(line for line in events.iter_lines() if line.startswith("id: "))
            for number in range(30):
                response = client.post("/api/memories", json={"content": f"number {number}"})
                kept.append(response.json()["id"])
            process.kill()
            process.wait()
    with _program(store) as process:
        url, _ = _ready(process)
        headers = {**_bearer(token), "Last-Event-ID": cursor.removeprefix("id: ")}
        told: set[str] = set()
        with httpx.stream("GET", f"{url}/api/events", headers=headers, timeout=30) as events:
            for line in events.iter_lines():
                told.update(id_ for id_ in kept if id_ in line)
                if told == set(kept):
                    break
        audit = httpx.get(f"{url}/api/audit?operation=remember", headers=_bearer(token))
        written = {id_ for entry in audit.json()["entries"] for id_ in entry["records"]}
        assert written == set(kept)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.org"])
def test_it_serves_nobody_else_without_authentication(tmp_path: Path, host: str) -> None:
    with _program(tmp_path / "memory.db", "--no-auth", "--host", host) as process:
        _, err = process.communicate(timeout=30)
        assert process.returncode == 2
        assert "without authentication" in err
    assert not (tmp_path / "memory.db").exists()


def test_an_application_needs_to_know_whom_to_ask() -> None:
    def asked(**settings: str) -> None:
        require_authentication(load_settings(**settings).settings, None)

    with pytest.raises(ConfigurationError, match="control"):
        asked()
    with pytest.raises(ConfigurationError, match=r"0\.0\.0\.0"):
        asked(server_auth="none", server_host="0.0.0.0")
    asked(server_auth="none", server_host="::1")


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        with _program(tmp_path / "memory.db", "--no-auth", "--port", port) as process:
            _, err = process.communicate(timeout=30)
    assert process.returncode == 2
    assert f"port {port}" in err
    assert "Traceback" not in err
