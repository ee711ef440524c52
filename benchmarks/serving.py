"""How many requests a server answers, and what is left of them when it is killed.

    python benchmarks/serving.py --seconds 60 --json serving-results.json
    python benchmarks/serving.py --embedder local --seconds 60
    python benchmarks/serving.py --kill

The server runs in a process of its own, with its default settings but for the rate limit: a
token is asked for, each change is in the audit. The client is this process: so many connections,
each with one request after the other, 70 % recalls and 30 % new memories, over a store of
10,000. Afterwards every memory that was acknowledged must be there. With ``--kill`` the server is
killed with SIGKILL half-way and started again: what was acknowledged must be there, a reader of
events that resumes must have heard of it, and a consumer of messages must have got each of them.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from functools import cache
from itertools import accumulate, chain
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

for _name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

from _http import Connection  # noqa: E402
from _report import circumstances, save  # noqa: E402
from _synthetic import COMMON, vocabulary  # noqa: E402

RECALLS = 0.7
CHANNEL = "load"
_LOST = (OSError, EOFError, asyncio.IncompleteReadError)


@cache
def _vocabulary() -> tuple[list[str], list[float]]:
    """Words and their cumulated shares: those of the other benchmarks, the shape of real talk."""
    words, shares = vocabulary()
    return words.tolist(), list(accumulate(shares.tolist()))


def text(random_: random.Random, content: int, common: int) -> str:
    """So many content words, the frequent ones more often, among so many common ones."""
    words, shares = _vocabulary()
    drawn = random_.choices(words, cum_weights=shares, k=content)
    drawn += random_.choices(COMMON, k=common)
    random_.shuffle(drawn)
    return " ".join(drawn)


# The server.


def _serve(folder: Path, port: int, records: int, embedder: str, workers: int) -> None:
    from memkit import Memory
    from memkit.config import load_settings
    from memkit.server.running import run, serve
    from memkit.server.workers import forked
    from memkit.testing.embedders import ToyEmbedder

    toy = ToyEmbedder(384) if embedder == "toy" else None
    store = str(folder / "memory.db")
    named: dict[str, Any] = {} if toy is not None else {"embedder": embedder}
    if records:
        random_ = random.Random(1)
        texts = [text(random_, 11, 9) for _ in range(records)]
        with Memory.open(store, embedder=toy or embedder) as memory:
            if toy is None:
                memory.warm_up()
            memory.remember_many(texts, deduplicate="off")
    settings = load_settings(
        url=store,
        server_port=port,
        server_workers=workers,
        server_rate="none",
        server_heartbeat_seconds=0.5,
        server_concurrency=1024,
        **named,
    ).settings

    def announce(what: str, value: str) -> None:
        if what == "token":
            (folder / "token").write_text(value)

    worker = forked(settings) if workers > 1 else None
    if workers == 1 or worker is not None:
        run(serve(settings, announce, embedder=toy, worker=worker))


class Server:
    """The server's process."""

    def __init__(self, folder: Path, embedder: str, workers: int) -> None:
        self._folder = folder
        self._embedder = embedder
        self._workers = workers
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self, records: int = 0) -> str:
        """Start it and wait until it is ready; a token."""
        self._process = subprocess.Popen(  # noqa: ASYNC220 (nothing else runs yet)
            [
                *(sys.executable, __file__, "--serve", str(self._folder)),
                *("--port", str(self.port), "--records", str(records)),
                *("--embedder", self._embedder, "--workers", str(self._workers)),
            ],
            start_new_session=True,
        )
        asking = Connection(self.port, "none")
        while True:
            with contextlib.suppress(*_LOST):
                if (await asking.ask("GET", "/readyz"))[0] == 200:
                    break
            if self._process.poll() is not None:
                raise SystemExit("the server ended")
            await asyncio.sleep(0.1)
        asking.close()
        # Another worker may be ready before the one that prints the token.
        token = self._folder / "token"
        while not token.exists() or not token.read_text():  # noqa: ASYNC110 (another process's)
            await asyncio.sleep(0.05)
        return token.read_text()

    def kill(self) -> None:
        """Kill it, with no time to do anything."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def stop(self) -> int:
        """Ask it to end; its exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(60)

    def cpu_seconds(self) -> float:
        """The CPU time that it has used."""
        assert self._process is not None
        first = self._process.pid
        children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        return sum(_used(pid) for pid in (first, *map(int, children)))


def _used(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# The client.


@dataclass
class Seen:
    """What the client saw."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: {"recall": [], "remember": []})
    kept: set[str] = field(default_factory=set)
    sent: set[str] = field(default_factory=set)
    lost: int = 0
    wrong: list[str] = field(default_factory=list)
    told: set[str] = field(default_factory=set)
    resumed: int = 0
    received: dict[str, int] = field(default_factory=dict)


async def _load(connection: Connection, seed: int, until: float, seen: Seen) -> None:
    random_ = random.Random(seed)
    while time.monotonic() < until:
        kind = "recall" if random_.random() < RECALLS else "remember"
        path, body = "/api/memories/search", {"query": text(random_, 4, 4)}
        if kind == "remember":
            path = "/api/memories"
            tags = [f"msg:{CHANNEL}"] if random_.random() < 0.1 else []
            body = {"content": text(random_, 11, 9), "tags": tags}  # type: ignore[dict-item]
        begun = time.perf_counter()
        try:
            status, answer = await connection.ask("POST", path, body)
        except _LOST:
            seen.lost += 1
            await asyncio.sleep(0.05)
            continue
        seen.seconds[kind].append(time.perf_counter() - begun)
        if status not in (200, 201):
            seen.wrong.append(f"{status} {answer.get('code')}")
        elif kind == "remember":
            seen.kept.add(answer["id"])
            if body["tags"]:
                seen.sent.add(answer["id"])


async def _read_events(connection: Connection, seen: Seen, done: asyncio.Event) -> None:
    after: str | None = None
    while not done.is_set():
        try:
            async for cursor, kind, data in connection.events("/api/events", after):
                after = cursor
                if kind:
                    seen.told.add(json.loads(data)["id"])
                if done.is_set() and not kind:
                    return
        except _LOST:
            seen.resumed += 1
            await asyncio.sleep(0.05)


async def _consume(connection: Connection, seen: Seen, done: asyncio.Event) -> None:
    while True:
        asked = {"channel": CHANNEL, "limit": 100}
        try:
            _, answer = await connection.ask("POST", "/api/messages/inbox", asked)
            ids = [each["message"]["id"] for each in answer["messages"]]
            for id_ in ids:
                seen.received[id_] = seen.received.get(id_, 0) + 1
            if ids:
                await connection.ask("POST", "/api/messages/ack", {"ids": ids, "channel": CHANNEL})
            elif done.is_set():
                return
        except _LOST:
            pass
        await asyncio.sleep(0.05)


async def _principal(connection: Connection, name: str) -> str:
    """A token of a new principal that may read and write."""
    await connection.ask("POST", "/api/principals", {"name": name})
    await connection.ask("PUT", "/api/grants", {"principal": name, "namespace": "default"})
    _, made = await connection.ask("POST", "/api/tokens", {"principal": name, "name": "load"})
    return str(made["secret"])


async def _there(connection: Connection) -> set[str]:
    """The ids of everything that is stored."""
    found: set[str] = set()
    path = "/api/memories?reach=subtree&limit=1000&states=active&states=merged&states=superseded"
    cursor = ""
    while True:
        status, page = await connection.ask("GET", path + cursor)
        assert status == 200, page
        found |= {record["id"] for record in page["records"]}
        if page["cursor"] is None:
            return found
        cursor = f"&cursor={page['cursor']}"


async def measured(arguments: argparse.Namespace, server: Server) -> dict[str, Any]:
    """What came of it."""
    seen = Seen()
    token = await server.start(arguments.records)
    connections = [Connection(server.port, token) for _ in range(arguments.connections)]
    done, watching = asyncio.Event(), []
    if arguments.kill:
        # Nobody is given messages of its own.
        other = await _principal(connections[0], "worker")
        for role, bearer in ((_read_events, token), (_consume, other)):
            task = asyncio.create_task(role(Connection(server.port, bearer), seen, done))
            watching.append(task)
        await asyncio.sleep(1)
    used, own, begun = server.cpu_seconds(), time.process_time(), time.monotonic()
    until = begun + arguments.seconds
    tasks = [
        asyncio.create_task(_load(connection, seed, until, seen))
        for seed, connection in enumerate(connections)
    ]
    if arguments.kill:
        await asyncio.sleep(arguments.seconds / 2)
        server.kill()
        used = 0.0
        await server.start()
    await asyncio.gather(*tasks)
    took = time.monotonic() - begun
    used, own = server.cpu_seconds() - used, time.process_time() - own
    done.set()
    await asyncio.wait_for(asyncio.gather(*watching), 60)
    missing = seen.kept - await _there(Connection(server.port, token))
    code = server.stop()
    answered = sum(len(each) for each in seen.seconds.values())
    told: dict[str, Any] = {
        "embedder": arguments.embedder,
        "connections": arguments.connections,
        "records": arguments.records,
        "requests": answered,
        "requests_per_second": round(answered / took, 1),
        "acknowledged": len(seen.kept),
        "missing": len(missing),
        "errors": len(seen.wrong),
        "lost_connections": seen.lost,
        "server_exit_code": code,
        **_quantiles(seen.seconds),
    }
    if not arguments.kill:
        told["server_cpu_ms_per_request"] = round(1e3 * used / max(answered, 1), 3)
        told["client_cpu_ms_per_request"] = round(1e3 * own / max(answered, 1), 3)
    else:
        told["events_missed"] = len(seen.kept - seen.told)
        told["reader_resumed"] = seen.resumed
        told["messages_sent"] = len(seen.sent)
        told["messages_missed"] = len(seen.sent - seen.received.keys())
        told["messages_got_twice"] = sum(times > 1 for times in seen.received.values())
    for what in sorted(set(seen.wrong)):
        print(f"error: {what} x {seen.wrong.count(what)}", file=sys.stderr)
    return told


def _quantiles(seconds: dict[str, list[float]]) -> dict[str, float]:
    told = {}
    for kind, each in {**seconds, "all": [*chain(*seconds.values())]}.items():
        ordered = sorted(each)
        if not ordered:
            continue
        told[f"{kind}_p50_ms"] = round(1e3 * median(ordered), 2)
        told[f"{kind}_p99_ms"] = round(1e3 * ordered[int(0.99 * (len(ordered) - 1))], 2)
        told[f"{kind}_max_ms"] = round(1e3 * ordered[-1], 2)
    return told


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=2, help="the server's processes")
    parser.add_argument("--embedder", default="toy", help="toy (costs next to nothing) or local")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--records", type=int, default=10_000)
    parser.add_argument("--kill", action="store_true", help="kill the server half-way")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, default=0, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve is not None:
        _serve(
            arguments.serve,
            arguments.port,
            arguments.records,
            arguments.embedder,
            arguments.workers,
        )
        return
    with TemporaryDirectory() as folder:
        server = Server(Path(folder), arguments.embedder, arguments.workers)
        try:
            results = asyncio.run(measured(arguments, server))
        finally:
            # Also when something went wrong: nobody else knows of it.
            server.kill()
    for name, value in results.items():
        print(f"{name:<28}{value}")
    if arguments.json is not None:
        save({**circumstances(), "serving": results}, arguments.json)
    failed = results["missing"] or results["errors"] or results["server_exit_code"]
    if failed or results.get("events_missed") or results.get("messages_missed"):
        raise SystemExit("something was lost or refused")


if __name__ == "__main__":
    main()
