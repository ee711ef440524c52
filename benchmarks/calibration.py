"""Whether a hit's relevance is what it says: the estimate beside the share that was relevant.

    python benchmarks/calibration.py locomo10.json --write docs/recall.md

Ten hits of each question about plain facts (unanswerable ones too) and of every third question
of LoCoMo are put into bins by their relevance. The estimate was fitted on these sets in equal
parts, so this shows its shape, not how it does elsewhere: ``memkit eval`` shows that of your own.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from _locomo import load
from _report import circumstances, save
from _tables import write_between
from _vectors import FileVectors
from locomo import drafts_of, turn_id
from plain_facts import DATA
from rich.progress import track

from memkit import Memory
from memkit.embedding.urls import embedder_from_url
from memkit.evaluation import read_jsonl, store_items
from memkit.evaluation.questions import EVAL_ID

BEGIN, END = "<!-- made by benchmarks/calibration.py: begin -->", "<!-- end -->"
EDGES = (0.0, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0)
_EACH = 3


def _facts(url: str) -> Iterator[tuple[float, bool]]:
    data = read_jsonl(DATA)
    with Memory.open(url) as memory:
        memory.warm_up()
        store_items(memory, data.items)
        for question in data.questions:
            for hit in memory.recall(question.query, limit=10, at=question.reference_time):
                yield hit.relevance or 0.0, hit.record.metadata[EVAL_ID] in question.relevant


def _turns(path: Path, url: str, vectors: FileVectors) -> Iterator[tuple[float, bool]]:
    with Memory.open(url, embedder=vectors) as memory:
        for conversation in track(load(path), "LoCoMo", transient=True):
            own = memory.at(namespace=conversation.id)
            own.remember_many(drafts_of(conversation))
            for asked in conversation.questions[::_EACH]:
                wanted = {turn_id(conversation, each) for each in asked.evidence}
                for hit in own.recall(asked.text, limit=10) if wanted else ():
                    yield hit.relevance or 0.0, hit.record.metadata[EVAL_ID] in wanted


def binned(pairs: Iterator[tuple[float, bool]]) -> list[tuple[int, float, float]]:
    """For each bin: how many hits, their mean relevance, and the share that was relevant."""
    bins: defaultdict[int, list[tuple[float, bool]]] = defaultdict(list)
    for told, relevant in pairs:
        bins[max(at for at, edge in enumerate(EDGES[:-1]) if told >= edge)].append((told, relevant))
    return [
        (
            len(held := bins[at]),
            sum(told for told, _ in held) / max(1, len(held)),
            sum(relevant for _, relevant in held) / max(1, len(held)),
        )
        for at in range(len(EDGES) - 1)
    ]


def table(facts: list[tuple[int, float, float]], turns: list[tuple[int, float, float]]) -> str:
    """Both sets as Markdown."""
    lines = [
        "| relevance | plain facts: hits | estimate | relevant | conversations: hits | estimate "
        "| relevant |",
        "|---|" + "---:|" * 6,
    ]
    for at, (one, other) in enumerate(zip(facts, turns, strict=True)):
        cells = [
            f"{count:,} | {told:.2f} | {share:.2f}" if count else "0 | | "
            for count, told, share in (one, other)
        ]
        lines.append(f"| {EDGES[at]:g} to {EDGES[at + 1]:g} | {cells[0]} | {cells[1]} |")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("path", type=Path, help="locomo10.json")
    parser.add_argument("--json", type=Path, metavar="FILE", help="the report")
    parser.add_argument("--vectors-cache", type=Path, metavar="FILE")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="a page that holds the table")
    arguments = parser.parse_args(argv)
    local = embedder_from_url("local")
    assert local is not None
    with TemporaryDirectory() as folder:
        cache = arguments.vectors_cache or Path(folder) / "vectors.npz"
        facts = binned(_facts(f"{folder}/facts.db"))
        turns = binned(_turns(arguments.path, f"{folder}/turns.db", FileVectors(local, cache)))
    print(table(facts, turns))
    if arguments.json is not None:
        save({"facts": facts, "conversations": turns, **circumstances()}, arguments.json)
    if arguments.write is not None:
        write_between(arguments.write, BEGIN, END, table(facts, turns))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
