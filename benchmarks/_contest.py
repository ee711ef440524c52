"""One backend at one size, in a process of its own: filled, searched, weighed.

Run as ``python benchmarks/_contest.py URL FOLDER SIZE REPEATS``; it prints one JSON object.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

# Before anything imports numpy: its helpers would be charged to whatever runs next.
for _name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

from _floor import TOP, dense  # noqa: E402
from _precomputed import PrecomputedEmbedder  # noqa: E402
from _synthetic import Corpus, Query  # noqa: E402

from memkit import AsyncMemory, Draft  # noqa: E402
from memkit.config import load_settings  # noqa: E402
from memkit.filters import EVERYTHING, ContainsAny, Filter  # noqa: E402
from memkit.opening import open_engine  # noqa: E402
from memkit.protocols import DenseLeg  # noqa: E402
from memkit.scope import Scope  # noqa: E402

if TYPE_CHECKING:
    from memkit.engine import Engine
    from memkit.protocols import Vector

BIG, SMALL, TAG = "all", "one-percent", "tagged"
#: Three records of twenty: 15 %.
_TAGGED, _OF = 3, 20
_WARM = 5
_STORES = 30
_BULK = 10_000


class Contest:
    """A store with 99 % of the records in one namespace and 1 % in another."""

    def __init__(self, engine: Engine, corpus: Corpus, size: int, repeats: int) -> None:
        self._engine = engine
        self._corpus = corpus
        self._size = size
        self._repeats = repeats
        self._small = max(size // 100, TOP)
        self._queries = iter(corpus.queries)
        self._ids: dict[str, list[str]] = {BIG: [], SMALL: []}
        self.measured: dict[str, Any] = {}

    def _memory(self, namespace: str) -> AsyncMemory:
        return AsyncMemory(self._engine, Scope(namespace))

    async def fill(self) -> None:
        """Store everything in bulk."""
        drafts = [
            Draft(content=text, tags=(TAG,) if at % _OF < _TAGGED else ())
            for at, text in enumerate(self._corpus.texts[: self._size])
        ]
        big = self._size - self._small
        wall, cpu = time.perf_counter(), time.process_time()
        for start in range(0, big, _BULK):
            await self._store_many(BIG, drafts[start : min(start + _BULK, big)])
        await self._store_many(SMALL, drafts[big:])
        # Whatever index the backend builds for so many, beside the writes or at a first search.
        for name in ("warm", "indexed"):
            if wait := getattr(self._engine.backend, name, None):
                await wait()
        await self._ranked(BIG, next(self._queries), EVERYTHING)
        self.measured["bulk_per_s"] = self._size / (time.perf_counter() - wall)
        self.measured["bulk_cpu_ms"] = 1e3 * (time.process_time() - cpu) / self._size

    async def store(self) -> None:
        """Store some more one by one; last, since nothing else knows of them."""
        memory, walls = self._memory(BIG), []
        for text in self._corpus.texts[self._size :]:
            wall = time.perf_counter()
            await memory.remember(text)
            walls.append(time.perf_counter() - wall)
        self.measured["store_one_ms"] = 1e3 * median(walls[_WARM:])

    async def _store_many(self, namespace: str, drafts: Sequence[Draft]) -> None:
        done = await self._memory(namespace).remember_many(drafts)
        self._ids[namespace] += [outcome.id for outcome in done]

    async def search(self) -> None:
        """The searches, each timed as a user calls it and compared with the exact answer."""
        rows, big = self._corpus.vectors, self._size - self._small
        ours = {BIG: rows[:big], SMALL: rows[big : self._size]}
        tagged: Filter = ContainsAny("tags", (TAG,))
        await self._agree("dense_all", BIG, ours[BIG], EVERYTHING)
        await self._agree("dense_scope", SMALL, ours[SMALL], EVERYTHING)
        await self._agree("dense_tag", BIG, ours[BIG], tagged)
        await self._time("dense_all", BIG, mode="dense")
        await self._time("dense_scope", SMALL, mode="dense")
        await self._time("dense_tag", BIG, mode="dense", tags=[TAG])
        await self._time("hybrid_all", BIG)
        await self._time("hybrid_scope", SMALL)
        await self._time("hybrid_tag", BIG, tags=[TAG])

    def _some(self) -> list[Query]:
        return [next(self._queries) for _ in range(self._repeats + _WARM)]

    async def _time(self, op: str, namespace: str, **how: Any) -> None:
        memory, walls, cpus = self._memory(namespace), [], []
        for query in self._some():
            wall, cpu = time.perf_counter(), time.process_time()
            found = await memory.recall(query.text, limit=TOP, **how)
            cpus.append(time.process_time() - cpu)
            walls.append(time.perf_counter() - wall)
            assert len(found) == TOP, f"{op}: {len(found)} hits instead of {TOP}"
        self.measured[f"{op}_ms"] = 1e3 * median(walls[_WARM:])
        self.measured[f"{op}_cpu_ms"] = 1e3 * median(cpus[_WARM:])

    async def _agree(self, op: str, namespace: str, rows: Vector, filter: Filter) -> None:
        """The share of the ten exactly nearest records that the backend finds."""
        ids, shares = self._ids[namespace], []
        at = range(len(ids))
        if filter is not EVERYTHING:
            at_list = [row for row in at if row % _OF < _TAGGED]
            rows, ids = rows[at_list], [ids[row] for row in at_list]
        walls = []
        for query in self._some():
            exact = {ids[row] for row in dense(rows, query.vector)}
            wall = time.perf_counter()
            found = await self._ranked(namespace, query, filter)
            walls.append(time.perf_counter() - wall)
            assert len(found) == TOP, f"{op}: {len(found)} records instead of {TOP}"
            shares.append(len(exact & set(found)) / TOP)
        self.measured[f"{op}_agreement"] = sum(shares) / len(shares)
        # The backend's own part of a recall: ten ids and scores.
        self.measured[f"{op}_search_ms"] = 1e3 * median(walls[_WARM:])

    async def _ranked(self, namespace: str, query: Query, filter: Filter) -> list[str]:
        legs = [DenseLeg(query.vector)]
        found = await self._engine.backend.search(namespace, legs, filter, TOP)
        return [each.id for each in found.legs[0]]


async def _contest(url: str, size: int, repeats: int, weigh: Callable[[], None]) -> dict[str, Any]:
    corpus = Corpus(size + _STORES, 9 * (repeats + _WARM) + 1)
    vectors = [query.vector for query in corpus.queries]
    texts = corpus.texts + [query.text for query in corpus.queries]
    import numpy as np

    embedder = PrecomputedEmbedder(texts, np.concatenate((corpus.vectors, vectors)), "contest")
    settings = load_settings(url=url).settings
    engine = await open_engine(settings, embedder)
    contest = Contest(engine, corpus, size, repeats)
    steps: list[Callable[[], Awaitable[None]]] = [contest.fill, contest.search, contest.store]
    try:
        for step in steps:
            await step()
        weigh()
    finally:
        await engine.close()
    return contest.measured


def _process_mb(pid: str) -> float:
    """What a process holds in memory, its share of what it shares (PSS), in MB."""
    try:
        lines = Path("/proc", pid, "smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def _servers(folder: Path) -> list[str]:
    """The processes, other than this one, that work in a folder or were started with it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        if process.name == str(os.getpid()):
            continue
        try:
            where = os.readlink(process / "cwd")
            command = (process / "cmdline").read_bytes().decode("utf-8", "replace")
        except OSError:
            continue
        if where.startswith(str(folder)) or (
            str(folder) in command and "_contest.py" not in command
        ):
            found.append(process.name)
    return found


def _disk_mb(folder: Path) -> float:
    return sum(f.stat().st_blocks * 512 for f in folder.rglob("*") if f.is_file()) / 2**20


def main(url: str, folder: str, size: str, repeats: str) -> None:
    """Run one contest and print what was measured."""
    weighed: dict[str, float] = {}

    def weigh() -> None:
        weighed["client_mb"] = _process_mb("self")
        weighed["server_mb"] = sum(map(_process_mb, _servers(Path(folder))))

    measured = asyncio.run(_contest(url, int(size), int(repeats), weigh))
    weighed["disk_mb"] = _disk_mb(Path(folder))
    print(json.dumps(measured | weighed))


if __name__ == "__main__":
    main(*sys.argv[1:])
