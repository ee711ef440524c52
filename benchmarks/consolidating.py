"""Consolidation on SQLite: how long 10,000 records take without a model, and that it is undone.

    python benchmarks/consolidating.py --records 10000 --embedder toy --json results.json

Eight of ten records are notes on topics, ten or so to a topic, with words of their own besides;
the others are turns of conversations. Times are of the clock and of the process's CPU.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from _report import circumstances, save
from _synthetic import vocabulary

from memkit import Draft, Memory
from memkit.testing.embedders import ToyEmbedder

TOPIC = 10
TURNS = 20
#: What a recall counts, and so no part of what a consolidation may change.
COUNTERS = ("uses", "used_at", "useful", "useless")
_VERBS = (
    "changed reviewed deployed moved measured rejected planned tested repaired described".split()
)
_PEOPLE = "Ann Bob Carla Dmitri Emma Farid Greta Hugo Ines Jonas".split()


def drafts(records: int) -> list[Draft]:
    """Notes on topics and turns of conversations, in random order."""
    draw = random.Random(1)
    words = [str(word) for word in vocabulary()[0][:6000]]
    notes = records * 8 // 10
    made: list[Draft] = []
    for topic in range(max(1, notes // TOPIC)):
        own = draw.sample(words, 7)
        for _ in range(TOPIC):
            said = " ".join(draw.sample(own, 6))
            person, verb = draw.choice(_PEOPLE), draw.choice(_VERBS)
            made.append(
                Draft(f"{person} {verb} the {said} in part {draw.randrange(90)} of {topic}.")
            )
    then = datetime.now(UTC) - timedelta(days=30)
    for number in range((records - len(made)) // TURNS):
        about = draw.sample(words, 12)
        for turn in range(TURNS):
            text = f"I {draw.choice(_VERBS)} the {' '.join(draw.sample(about, 5))} again."
            made.append(
                Draft(
                    text,
                    conversation_id=f"talk-{number}",
                    sequence=turn,
                    speaker=_PEOPLE[(number + turn % 2) % len(_PEOPLE)],
                    occurred_at=then + timedelta(minutes=60 * 24 * number / 10 + turn),
                )
            )
    draw.shuffle(made)
    return made


def lines(memory: Memory, folder: Path) -> list[dict[str, object]]:
    """An export's lines, without what recalls count."""
    path = folder / "export.jsonl"
    memory.export(path)
    found = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [{key: line[key] for key in line if key not in COUNTERS} for line in found]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--records", type=int, default=10_000)
    parser.add_argument("--embedder", default="toy", help="toy, local or none")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    embedder = ToyEmbedder(384) if given.embedder == "toy" else given.embedder
    with TemporaryDirectory() as place:
        folder = Path(place)
        with Memory.open(folder / "memory.db", embedder=embedder) as memory:
            made = drafts(given.records)
            begun = time.perf_counter()
            memory.remember_many(made)
            told: dict[str, object] = {
                "records": len(made),
                "embedder": given.embedder,
                "stored_seconds": round(time.perf_counter() - begun, 2),
            }
            before = lines(memory, folder)
            wall, cpu = time.perf_counter(), time.process_time()
            done = memory.consolidate()
            told |= {
                "seconds": round(time.perf_counter() - wall, 2),
                "cpu_seconds": round(time.process_time() - cpu, 2),
                "clusters": done.clusters,
                "episodes": done.episodes,
                "dossiers": done.dossiers,
                "summarised": done.records,
            }
            wall = time.perf_counter()
            again = memory.consolidate()
            told["again_seconds"] = round(time.perf_counter() - wall, 2)
            told["again_made"] = again.clusters + again.episodes + again.dossiers
            wall = time.perf_counter()
            for run in (again.run, done.run):
                if run is not None:
                    memory.undo_run(run)
            told["undo_seconds"] = round(time.perf_counter() - wall, 2)
            told["undone_without_a_trace"] = lines(memory, folder) == before
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            told["peak_mib"] = peak // 1024
    for name, value in told.items():
        print(f"{name:<24}{value}")
    if given.json is not None:
        save({"circumstances": circumstances(), "consolidation": told}, given.json)


if __name__ == "__main__":
    main()
