"""A store taken through every kind of store and back, killed once on each way.

    python benchmarks/migration.py --records 50000 --json migration-results.json

SQLite -> PostgreSQL -> Chroma -> Qdrant edge -> SQLite with ``memkit migrate``, run as a user runs
it. Each migration is killed once something of it is there, then run again. The first and the last
store's exports, vectors included, have to be the same, byte for byte.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from _precomputed import PrecomputedEmbedder
from _report import circumstances, save
from _synthetic import Corpus

from memkit import Draft, Memory

#: Title, URL, and the MB that a store has grown to when its migration is killed: something of it
#: is there. float32 in PostgreSQL too, so that nothing is rounded on the way.
WAY = (
    ("SQLite", "sqlite://{folder}/first/memory.db", 0),
    ("PostgreSQL", "postgres-embedded://{folder}/pg?vectors=vector", 75),
    ("Chroma", "chroma://{folder}/chroma", 4),
    ("Qdrant edge", "qdrant+edge://{folder}/qdrant", 12),
    ("SQLite again", "sqlite://{folder}/last/memory.db", 4),
)
#: How many facts each namespace holds.
FACTS = 10
NAMESPACES = ("default", "acme", "acme-corp")


def fill(url: str, records: int) -> None:
    """Fill a store: memories with tags, links, private, pinned and forgotten ones, and facts."""
    corpus = Corpus(records, 1)
    embedder = PrecomputedEmbedder(corpus.texts, corpus.vectors, "migration")
    share = records // len(NAMESPACES)
    draw = random.Random(1)
    with Memory.open(url, embedder=embedder, deduplicate="exact") as memory:
        for at, name in enumerate(NAMESPACES):
            own = memory.at(namespace=name, agent="ada")
            last = len(NAMESPACES) == at + 1
            texts = corpus.texts[at * share : None if last else (at + 1) * share]
            texts, told = texts[:-FACTS], texts[-FACTS:]
            done = own.remember_many(
                Draft(
                    content=text,
                    tags=(f"tag {n % 7}",),
                    metadata={"n": n, "x": n / 3},
                    private=n % 11 == 0,
                    pinned=n % 97 == 0,
                )
                for n, text in enumerate(texts)
            )
            half = len(done) // 2
            for _ in range(20):
                one, other = draw.sample(done[:half], 2)
                own.link(one.id, other.id, "supports")
                own.forget(draw.choice(done[half:]).id)
            for n, text in enumerate(told):
                since = datetime(2026, 1, 1 + n, tzinfo=UTC)
                own.assert_fact(f"user {n % 3}", "said", str(n), content=text, valid_from=since)


def digest(url: str) -> tuple[int, str]:
    """How many records a store's exports hold, and a digest of their bytes."""
    whole, count = blake2b(digest_size=16), 0
    with TemporaryDirectory() as folder, Memory.open(url, embedder="none") as memory:
        for name in NAMESPACES:
            file = Path(folder) / "export.jsonl"
            count += memory.at(namespace=name).export(file, everyone=True, vectors=True)
            with file.open("rb") as lines:
                for line in lines:
                    whole.update(line)
    return count, whole.hexdigest()


def _migrate(source: str, destination: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "memkit", "migrate", source, destination, "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _bytes(folder: Path) -> int:
    total = 0
    for place, _, files in os.walk(folder):
        for file in files:
            try:
                total += os.stat(os.path.join(place, file)).st_size
            except OSError:
                continue
    return total


def killed_and_repeated(source: str, destination: str, folder: Path, enough: int) -> dict[str, Any]:
    """Migrate, kill that in the middle, and migrate again; what the second run said."""
    began = time.perf_counter()
    with _migrate(source, destination) as process:
        deadline = time.monotonic() + 600
        while _bytes(folder) < enough * 2**20:
            if process.poll() is not None or time.monotonic() > deadline:
                break
            time.sleep(0.02)
        killed = process.poll() is None
        process.kill()
        _, err = process.communicate()
    if not killed and process.returncode:
        raise SystemExit(err)
    with _migrate(source, destination) as process:
        out, err = process.communicate()
    if process.returncode:
        raise SystemExit(err)
    told = json.loads(out)
    return {
        "killed": killed,
        "there_before": told["records"] - told["written"],
        "seconds": round(time.perf_counter() - began, 1),
        **told,
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark; 0 if the first and the last store are the same."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--records", type=int, default=50_000, metavar="N")
    parser.add_argument("--json", type=Path, required=True, metavar="FILE", help="the report")
    parser.add_argument("--folder", type=Path, help="where the stores are made")
    arguments = parser.parse_args(argv)
    legs = []
    with TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        way = [(title, url.format(folder=folder), enough) for title, url, enough in WAY]
        fill(way[0][1], arguments.records)
        first = digest(way[0][1])
        for (_, source, _), (title, destination, enough) in pairwise(way):
            place = folder / destination.removesuffix("?vectors=vector").split("/")[-1]
            if title.startswith("SQLite"):
                place = folder / "last"
            leg = killed_and_repeated(source, destination, place, enough)
            legs.append({"to": title, **leg})
            print(legs[-1], flush=True)
        last = digest(way[-1][1])
    print(f"first {first}, last {last}: {'the same' if first == last else 'DIFFERENT'}")
    save({"legs": legs, "same": first == last, "records": first[0], **circumstances()},
         arguments.json)  # fmt: skip
    return 0 if first == last else 1


if __name__ == "__main__":
    raise SystemExit(main())
