"""What each part of recall is worth: LoCoMo and plain facts with one part switched off at a time.

    python benchmarks/ablations.py locomo10.json --json ablations.json --write docs/recall.md

The parts are no settings, so they are switched off in the modules that hold them. Both sets are
run on SQLite with the profile ``balanced`` and with ``fast``; see locomo.py and plain_facts.py.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from _locomo import load
from _report import circumstances, save
from _tables import write_between
from _vectors import FileVectors
from locomo import LIMIT, measured, shares, together
from plain_facts import DATA
from rich.progress import Progress

from memkit import Memory
from memkit.embedding.urls import embedder_from_url
from memkit.evaluation import Configuration
from memkit.evaluation.measuring import measure, read_material

BEGIN, END = "<!-- made by benchmarks/ablations.py: begin -->", "<!-- end -->"

Off = Callable[[], Any]


def _put(target: str, value: object) -> Off:
    return lambda: patch(target, value)


#: Each part, and what takes it out.
PARTS: dict[str, Off] = {
    "everything (`balanced`)": nullcontext,
    "without the words of the turns before": _put(
        "memkit.indexing.place_in_conversation", lambda record: None
    ),
    "without the words of kinds and tags": _put("memkit.indexing.labels_text", lambda record: ""),
    "without the conversation's best": _put("memkit.retrieval.context._CONVERSATION", 0.0),
    "without the turn after": _put("memkit.retrieval.context._NEXT", 0.0),
    "without the speaker": _put("memkit.retrieval.context._SPEAKER", 0.0),
    "without the question mark": _put("memkit.retrieval.context._ASKS", 0.0),
    "without weighing legs by what they know": _put(
        "memkit.recalling.informed_weight", lambda weight, best, ceiling: weight
    ),
    "without exact names": _put("memkit.retrieval.weighing.exact_names", lambda query: ()),
    "without time": _put("memkit.recalling._spans", None),
}
_LOCOMO = ("any@5", "any@10", "all@10")
_FACTS = ("any@1", "any@5", "any@10", "mrr")


@contextmanager
def _without(name: str) -> Iterator[None]:
    if name == "without time":

        async def nothing(*_: object) -> tuple[()]:
            return ()

        with patch("memkit.recalling._spans", nothing):
            yield
        return
    with PARTS[name]():
        yield


def _conversations(path: Path, embedder: FileVectors, profile: str) -> list[float]:
    with TemporaryDirectory() as folder, Progress(transient=True) as progress:
        conversations = load(path)
        with Memory.open(f"{folder}/locomo.db", embedder=embedder) as memory:
            recall = {"limit": LIMIT, "profile": profile}
            task = progress.add_task("LoCoMo", total=None)
            run = measured(memory, conversations, recall, progress, task)
    found = shares(together(run.original))
    return [*(found["turn"]["all"][key] for key in _LOCOMO), found["session"]["all"]["any@5"]]


def _facts(profile: str) -> list[float]:
    answers = measure(read_material(DATA), Configuration.parse([f"profile={profile}"])).answerable
    return [
        round(100 * sum(each.measures[key] for each in answers) / len(answers), 1) for key in _FACTS
    ]


def table(rows: dict[str, list[float]]) -> str:
    """The rows as Markdown."""
    titles = [*(f"turn {key}" for key in _LOCOMO), "session any@5"]
    titles += [f"facts {key}" for key in _FACTS]
    lines = ["| | " + " | ".join(titles) + " |", "|---|" + "---:|" * len(titles)]
    lines += [
        f"| {name} | " + " | ".join(f"{value:.1f}" for value in row) + " |"
        for name, row in rows.items()
    ]
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("path", type=Path, help="locomo10.json")
    parser.add_argument("--json", type=Path, required=True, metavar="FILE", help="the report")
    parser.add_argument("--vectors-cache", type=Path, metavar="FILE")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="a page that holds the table")
    arguments = parser.parse_args(argv)
    local = embedder_from_url("local")
    assert local is not None
    rows: dict[str, list[float]] = {}
    with TemporaryDirectory() as folder:
        # One run of the model for all: nothing here changes what is embedded.
        vectors = FileVectors(local, arguments.vectors_cache or Path(folder) / "vectors.npz")
        for name in PARTS:
            with _without(name):
                rows[name] = _conversations(arguments.path, vectors, "balanced") + _facts(
                    "balanced"
                )
            print(table({name: rows[name]}).splitlines()[-1], flush=True)
        rows["`fast`"] = _conversations(arguments.path, vectors, "fast") + _facts("fast")
    print(table(rows))
    save({"rows": rows, **circumstances()}, arguments.json)
    if arguments.write is not None:
        write_between(arguments.write, BEGIN, END, table(rows))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
