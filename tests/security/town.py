"""A server as it is deployed, and some principals who are not each other's friends."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, Queue
from typing import IO, Any, Final

import httpx

COMMAND: Final = (sys.executable, "-m", "memkit", "serve", "--port", "0")
_TOKEN = re.compile(r"\bmk_[a-z0-9]{8}_[\w-]{43}\b")
_ADDRESS = re.compile(r"^memkit serves at (\S+)$")
_PATIENCE = 120.0


@dataclass
class Person:
    """Somebody with a token, and what they can send."""

    name: str
    token: str
    client: httpx.Client
    headers: Mapping[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Send a request with the token."""
        headers = {
            "authorization": f"Bearer {self.token}",
            **self.headers,
            **more.pop("headers", {}),
        }
        return self.client.request(method, path, headers=headers, **more)

    def done(self, method: str, path: str, **more: Any) -> Any:
        """What the answer to a request says that must succeed."""
        answer = self.ask(method, path, **more)
        assert answer.is_success, answer.text
        return answer.json()

    def remember(self, content: str, namespace: str = "acme", **told: Any) -> dict[str, Any]:
        """Store a record, and return it."""
        body = {"content": content, "deduplicate": "off", **told}
        stored = self.done("POST", "/api/memories", params={"namespace": namespace}, json=body)
        record: dict[str, Any] = stored["record"]
        return record


@dataclass
class Town:
    """A server, whoever has a token there, and what it logged."""

    url: str
    admin: Person
    client: httpx.Client
    log: list[str]
    process: subprocess.Popen[str]
    people: dict[str, Person] = field(default_factory=dict)

    def settle(self, name: str, grants: Mapping[str, str], agents: tuple[str, ...] = ()) -> Person:
        """Make a principal with a token and grants, by namespace."""
        body = {"name": name, "agents": list(agents)}
        self.admin.done("POST", "/api/principals", json=body)
        for namespace, permission in grants.items():
            grant = {"principal": name, "namespace": namespace, "permission": permission}
            self.admin.done("PUT", "/api/grants", json=grant)
        self.people[name] = Person(name, self.token_of(name)["secret"], self.client)
        return self.people[name]

    def token_of(self, name: str) -> dict[str, Any]:
        """A further token of a principal."""
        made: dict[str, Any] = self.admin.done("POST", "/api/tokens", json={"principal": name})
        return made

    def __getitem__(self, name: str) -> Person:
        return self.people[name]


@contextmanager
def town(folder: Path, **settings: str) -> Iterator[Town]:
    """Start the server as its users do, and end it as systemd does."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("MEMKIT_")}
    environment = {
        **kept,
        "HOME": str(folder),
        "MEMKIT_URL": str(folder / "memory.db"),
        "MEMKIT_EMBEDDER": "none",
        "MEMKIT_SERVER_REFUSALS": "none",
        **{f"MEMKIT_{name.upper()}": value for name, value in settings.items()},
    }
    process = subprocess.Popen(
        COMMAND, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    )
    assert process.stderr is not None
    log: list[str] = []
    lines: Queue[str] = Queue()
    reader = threading.Thread(target=_read, args=(process.stderr, lines, log), daemon=True)
    reader.start()
    try:
        token, url = _greeted(process, lines)
        with httpx.Client(base_url=url, timeout=_PATIENCE, trust_env=False) as client:
            yield Town(url, Person("admin", token, client), client, log, process)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            assert process.wait(_PATIENCE) == 0, log
        finally:
            process.kill()
            process.wait()
            reader.join(_PATIENCE)
            process.stderr.close()


def _read(stream: IO[str], lines: Queue[str], log: list[str]) -> None:
    for line in stream:
        log.append(line)
        lines.put(line)


def _greeted(process: subprocess.Popen[str], lines: Queue[str]) -> tuple[str, str]:
    """The first token and the address, as the server tells them."""
    token = ""
    for _ in range(1000):
        try:
            line = lines.get(timeout=_PATIENCE)
        except Empty:
            break
        if found := _TOKEN.search(line):
            token = found.group()
        if found := _ADDRESS.match(line):
            return token, found.group(1)
    raise AssertionError(f"the server did not start: {process.poll()}")
