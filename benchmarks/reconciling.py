"""Reconciliation on SQLite: how long 10,000 records take without a model, and what is found.

    python benchmarks/reconciling.py --records 10000 --embedder toy --json results.json

One record in fifty contradicts another by its number or by a denial; all the others are notes of
things that only one of them tells of. What is found is set against what was put in. Times are of
the clock and of the process's CPU.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from _report import circumstances, save
from _synthetic import vocabulary

from memkit import Draft, Memory
from memkit.testing.embedders import ToyEmbedder

_EVERY = 50
_PLACES = "Berlin Oslo Lisbon Vienna Dublin Athens Madrid Prague Zagreb Riga".split()


def drafts(records: int) -> tuple[list[Draft], set[frozenset[str]]]:
    """Notes in random order, and the pairs of texts of them that contradict each other."""
    draw = random.Random(1)
    words = [str(word) for word in vocabulary()[0][:6000]]
    texts: list[str] = []
    pairs: set[frozenset[str]] = set()
    while len(texts) < records:
        thing = " ".join(draw.sample(words, 3))
        where, count = draw.choice(_PLACES), draw.randrange(2, 90)
        said = draw.choice(
            (
                f"The {thing} in {where} holds {count} boxes.",
                f"The {thing} in {where} supports the {draw.choice(words)}.",
            )
        )
        texts.append(said)
        if len(texts) % _EVERY == 0 and len(texts) < records:
            other = said.replace(f"holds {count} ", f"holds {count + 7} ")
            other = other.replace(" supports ", " does not support ")
            texts.append(other)
            pairs.add(frozenset((said, other)))
    draw.shuffle(texts)
    return [Draft(text) for text in texts], pairs


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--records", type=int, default=10_000)
    parser.add_argument("--embedder", default="toy", help="toy, local or none")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with TemporaryDirectory() as folder:
        embedder = ToyEmbedder(384) if given.embedder == "toy" else given.embedder
        with Memory.open(str(Path(folder) / "memory.db"), embedder=embedder) as memory:
            memory.warm_up()
            told, pairs = drafts(given.records)
            memory.remember_many(told)
            clock, cpu = time.perf_counter(), time.process_time()
            done = memory.reconcile()
            clock, cpu = time.perf_counter() - clock, time.process_time() - cpu
            listed = memory.contradictions(limit=1000)
            found = {frozenset((each.newer.content, each.older.content)) for each in listed}
            again = time.perf_counter()
            second = memory.reconcile()
            again = time.perf_counter() - again
            assert second.found == 0
    result = {
        "records": given.records,
        "embedder": given.embedder,
        "seconds": round(clock, 2),
        "cpu_seconds": round(cpu, 2),
        "seconds_again": round(again, 2),
        "pairs": done.pairs,
        "found": done.found,
        "planted": len(pairs),
        "planted_found": len(pairs & found),
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    print(json.dumps(result, indent=2))
    if given.json is not None:
        save({"circumstances": circumstances(), "reconciliation": result}, given.json)


if __name__ == "__main__":
    main()
