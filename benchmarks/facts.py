"""Facts on SQLite: what a question and an assertion cost where there are many.

    python benchmarks/facts.py --records 100000 --json facts-results.json

Of each person five facts: where they live (one value at a time, twice changed) and what they like.
Times are of the process's CPU, over all its threads.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from _report import circumstances, save

from memkit import Memory
from memkit.clock import new_id
from memkit.protocols import IndexData, Put
from memkit.retrieval.analysis import analyze
from memkit.scope import Scope
from memkit.types import MemoryRecord

DAY = timedelta(days=1)
FACTS = 5


def fill(memory: Memory, records: int) -> None:
    """Store facts as assert_fact would, in batches."""
    draw = random.Random(1)
    now = datetime.now(UTC)
    scope = Scope()
    engine = memory._memory._engine
    batch: list[Put] = []
    for number in range(records // FACTS):
        subject = f"Person {number}"
        said = [("lives_in", f"City {draw.randrange(500)}", 900 - 300 * n) for n in range(3)]
        said += [("likes", f"Thing {draw.randrange(5000)}", 500 - n) for n in range(2)]
        ids = [new_id() for _ in said]
        for at, (predicate, value, ago) in enumerate(said):
            ended = predicate == "lives_in" and at < 2
            record = MemoryRecord(
                id=ids[at],
                content=f"{subject} {predicate.replace('_', ' ')} {value}",
                namespace=scope.namespace,
                project=None,
                task=None,
                agent=None,
                created_at=now - ago * DAY,
                updated_at=now - ago * DAY,
                kind="fact",
                subject=subject,
                predicate=predicate,
                object=value,
                valid_from=now - ago * DAY,
                state="superseded" if ended else "active",
                superseded_by=ids[at + 1] if ended else None,
                superseded_at=now - (ago - 300) * DAY if ended else None,
            )
            batch.append(Put(record, IndexData(None, analyze(record.content))))
        if len(batch) >= 2000 or number == records // FACTS - 1:
            memory._run(engine.write(batch))
            batch = []


def cost(call: Callable[[int, str], Any], people: Sequence[str]) -> dict[str, float]:
    """Milliseconds of CPU and of the clock that calls take: medians, and the 95th of 100."""
    cpu, wall = [], []
    for number, name in enumerate(people):
        before, at = time.process_time_ns(), time.perf_counter_ns()
        call(number, name)
        cpu.append((time.process_time_ns() - before) / 1e6)
        wall.append((time.perf_counter_ns() - at) / 1e6)
    return {
        "cpu_ms": round(statistics.median(cpu), 3),
        "cpu_ms_p95": round(sorted(cpu)[len(cpu) * 95 // 100], 3),
        "ms": round(statistics.median(wall), 3),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    draw = random.Random(2)
    people = [f"Person {draw.randrange(given.records // FACTS)}" for _ in range(given.calls)]
    then = datetime.now(UTC) - 500 * DAY
    with (
        TemporaryDirectory() as folder,
        Memory.open(Path(folder) / "memory.db", embedder="none") as memory,
    ):
        fill(memory, given.records)
        memory.facts(subject="Person 1")
        memory.remember("The first text")
        calls: dict[str, Callable[[int, str], Any]] = {
            "facts(subject, as_of)": lambda n, name: memory.facts(subject=name, as_of=then),
            "facts(subject, predicate)": lambda n, name: memory.facts(
                subject=name, predicate="lives_in"
            ),
            "remember": lambda n, name: memory.remember(f"{name} was here, {n}"),
            "assert_fact, another value": lambda n, name: memory.assert_fact(
                name, "lives_in", f"Town {n}"
            ),
            "assert_fact, one of many": lambda n, name: memory.assert_fact(
                name, "likes", f"Game {n}"
            ),
            "recall": lambda n, name: memory.recall(f"Where does {name} live?"),
        }
        results = {name: cost(call, people) for name, call in calls.items()}
    print(f"{given.records:,} facts on SQLite, of {given.calls} calls:")
    for name, told in results.items():
        cpu, slow, wall = told["cpu_ms"], told["cpu_ms_p95"], told["ms"]
        print(f"  {name:<28}{cpu:8.3f} ms CPU (p95 {slow:.3f}), {wall:.3f} ms")
    if given.json is not None:
        report = {"circumstances": circumstances(), "records": given.records, "results": results}
        save(report, given.json)


if __name__ == "__main__":
    main()
