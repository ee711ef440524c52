"""Whether recall's weights would be others, had they been chosen on other data.

    python benchmarks/tuning.py locomo10.json --json tuning.json --write docs/recall.md

Candidates (the weights as they are, and others around them) answer LoCoMo's questions and those
about plain facts. Then the best on some data is judged on other data: LoCoMo's first five
conversations and its last five each by the other's choice, each conversation by that of the nine
others, a fifth of the plain facts by that of the rest, and each set by the choice of the other.
What that gains over the weights as they are is what choosing is worth; the rest is luck.

Weights that are no settings are put into the modules that hold them. For your own data there is
``memkit eval --candidate``.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from unittest.mock import patch

from _locomo import Conversation, load
from _report import circumstances, save, show
from _tables import write_between
from _vectors import FileVectors
from locomo import drafts_of, questions_of
from plain_facts import DATA
from rich.progress import track

from memkit import Memory
from memkit.embedding.urls import embedder_from_url
from memkit.evaluation import (
    Evaluation,
    Question,
    cross_validate,
    evaluate,
    read_jsonl,
    store_items,
)
from memkit.protocols import DenseLeg, SearchLeg, SearchResult
from memkit_sqlite import SqliteBackend

BEGIN, END = "<!-- made by benchmarks/tuning.py: begin -->", "<!-- end -->"
MEASURES = ("ndcg@10", "any@10")
AS_IS = "as they are"

#: The weights that are no settings, and where each is.
PLACES = {
    "conversation": "memkit.retrieval.context._CONVERSATION",
    "next": "memkit.retrieval.context._NEXT",
    "speaker": "memkit.retrieval.context._SPEAKER",
    "asks": "memkit.retrieval.context._ASKS",
    "exact": "memkit.retrieval.names._EXACT",
    "words": "memkit.indexing._COUNTED",
}
#: Tried with one another, since each changes what the others are worth ...
GRID: Mapping[str, Sequence[float]] = {
    "dense_weight": (0.3, 0.4, 0.5, 0.6, 0.7),
    "power": (1.0, 1.5, 2.0),
    "conversation": (0.5, 0.75, 1.0),
}
#: ... and one by one.
ALONE: Mapping[str, Sequence[Any]] = {
    "next": (0.1, 0.3),
    "speaker": (0.05, 0.2),
    "asks": (0.05, 0.2),
    "exact": (0.1, 0.25, 1.0),
    "words": ((2, 1, 0), (4, 2, 1), (1, 1, 1)),
}

Weights = Mapping[str, Any]


def candidates() -> dict[str, Weights]:
    """The candidates by name, the weights as they are first."""
    tried = [dict(zip(GRID, values, strict=True)) for values in product(*GRID.values())]
    tried += [{name: value} for name, values in ALONE.items() for value in values]
    named = {
        ", ".join(f"{name} {_written(value)}" for name, value in weights.items()): weights
        for weights in tried
    }
    return {AS_IS: {}, **named}


def _written(value: Any) -> str:
    return " : ".join(map(str, value)) if isinstance(value, tuple) else f"{value:g}"


@contextmanager
def with_weights(weights: Weights) -> Iterator[None]:
    """Put weights that are no settings where they belong, for a while."""
    with ExitStack() as stack:
        for name, value in weights.items():
            if name == "power":
                stack.enter_context(patch("memkit.recalling.informed_weight", _powered(value)))
            elif name in PLACES:
                stack.enter_context(patch(PLACES[name], value))
        yield


def _powered(power: float) -> Any:
    def informed(weight: float, best: float, ceiling: float | None) -> float:
        if ceiling is None or ceiling <= 0:
            return weight
        return float(weight * min(1.0, max(0.0, best / ceiling)) ** power)

    return informed


class Searches:
    """What the legs found of each question, kept: no weight of recall changes it."""

    def __init__(self) -> None:
        self._kept: dict[tuple[object, ...], SearchResult] = {}
        self._search = SqliteBackend.search

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Search once what is searched twice."""

        async def search(
            backend: SqliteBackend, namespace: str, legs: Sequence[SearchLeg], *rest: Any
        ) -> SearchResult:
            # Filters hold the moment of asking; what they leave is the same, but for a time
            # that the query asks for, and there fewer are wanted.
            key = (namespace, *map(_key, legs), rest[-1])
            if key not in self._kept:
                self._kept[key] = await self._search(backend, namespace, legs, *rest)
            return self._kept[key]

        with patch.object(SqliteBackend, "search", search):
            yield


def _key(leg: SearchLeg) -> object:
    return leg.vector.tobytes() if isinstance(leg, DenseLeg) else leg.terms


class Stand:
    """One of the two sets, stored, to be asked under any weights."""

    def __init__(self, folder: Path, embedder: FileVectors) -> None:
        self.folder, self.embedder = folder, embedder
        self.questions: list[Question] = []
        self._searches: dict[object, Searches] = {}

    def fill(self, memory: Memory) -> None:
        """Store what is asked about."""
        raise NotImplementedError

    def answers(self, weights: Weights) -> Evaluation:
        """What the questions recall under these weights."""
        words = weights.get("words")
        store = self.folder / f"{type(self).__name__}-{words}.db"
        with with_weights(weights):
            if not store.exists():
                with Memory.open(str(store), embedder=self.embedder) as memory:
                    self.fill(memory)
            settings = {key: value for key, value in weights.items() if key == "dense_weight"}
            searches = self._searches.setdefault(words, Searches())
            with (
                Memory.open(
                    str(store), embedder=self.embedder, read_only=True, **settings
                ) as memory,
                searches.kept(),
            ):
                return evaluate(memory, self.questions)


class Talks(Stand):
    """LoCoMo, each conversation a group."""

    def __init__(self, folder: Path, embedder: FileVectors, path: Path) -> None:
        super().__init__(folder, embedder)
        self.conversations: list[Conversation] = load(path)
        for each in self.conversations:
            self.questions += [
                question for _, question in questions_of(each, each.id) if question.relevant
            ]

    def fill(self, memory: Memory) -> None:
        """Store every turn, each conversation in a namespace of its own."""
        for each in self.conversations:
            memory.at(namespace=each.id).remember_many(drafts_of(each))

    def half(self, number: int) -> set[str]:
        """The conversations of the first half (0) or the last (1)."""
        middle = len(self.conversations) // 2
        both = self.conversations[:middle], self.conversations[middle:]
        return {each.id for each in both[number]}


class Facts(Stand):
    """Plain facts, each question by itself."""

    def __init__(self, folder: Path, embedder: FileVectors) -> None:
        super().__init__(folder, embedder)
        data = read_jsonl(DATA)
        self.items = data.items
        self.questions += [each for each in data.questions if each.answerable]

    def fill(self, memory: Memory) -> None:
        """Store the memories."""
        store_items(memory, self.items)


class Row(NamedTuple):
    """What was judged, the choice, and means: of it where it was chosen and where it is judged,
    of the weights as they are there, and of what would have been best there.
    """

    judged: str
    choice: str
    where_chosen: float
    held_out: float
    as_is: float
    best: float


Evaluations = Mapping[str, Evaluation]


def rows_of(talks: Evaluations, facts: Evaluations, stand: Talks, measure: str) -> list[Row]:
    """Each way of choosing on some questions and judging by others."""
    halves = [
        {name: _only(each, stand.half(number)) for name, each in talks.items()} for number in (0, 1)
    ]
    return [
        _across("conversations 6 to 10, chosen on 1 to 5", halves[0], halves[1], measure),
        _across("conversations 1 to 5, chosen on 6 to 10", halves[1], halves[0], measure),
        _within("each conversation, chosen on the nine others", talks, measure, len(talks)),
        _within("plain facts, each fifth chosen on the others", facts, measure, 5),
        _across("plain facts, chosen on conversations", talks, facts, measure),
        _across("conversations, chosen on plain facts", facts, talks, measure),
    ]


def _only(evaluation: Evaluation, groups: set[str]) -> Evaluation:
    mine = tuple(each for each in evaluation.answers if each.question.group in groups)
    return replace(evaluation, answers=mine)


def _means(evaluations: Evaluations, measure: str) -> dict[str, float]:
    return {
        name: sum(answer.measures[measure] for answer in each.answers) / len(each.answers)
        for name, each in evaluations.items()
    }


def _across(title: str, there: Evaluations, here: Evaluations, measure: str) -> Row:
    seen, unseen = _means(there, measure), _means(here, measure)
    choice = max(seen, key=lambda name: seen[name])
    best = max(unseen.values())
    return Row(title, choice, seen[choice], unseen[choice], unseen[AS_IS], best)


def _within(title: str, evaluations: Evaluations, measure: str, folds: int) -> Row:
    told = cross_validate(evaluations, measure, folds=folds)
    chosen = sorted({fold.choice for fold in told.folds})
    choice = chosen[0] if len(chosen) == 1 else f"{len(chosen)} different ones"
    best = told.scores[told.choice]
    seen = sum(fold.chosen_score for fold in told.folds) / len(told.folds)
    return Row(title, choice, seen, told.held_out, told.scores[AS_IS], best)


def table(rows: Mapping[str, Sequence[Row]]) -> str:
    """The rows of each measure as Markdown."""
    lines = [
        "| judged | by | weights chosen | where chosen | held out | as they are | gain "
        "| best in hindsight |",
        "|---|---|---|" + "---:|" * 5,
    ]
    for measure, own in rows.items():
        lines += [
            f"| {row.judged} | {measure} | {row.choice} | {100 * row.where_chosen:.1f} "
            f"| {100 * row.held_out:.1f} | {100 * row.as_is:.1f} "
            f"| {100 * (row.held_out - row.as_is):+.1f} | {100 * row.best:.1f} |"
            for row in own
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
    with TemporaryDirectory() as name:
        folder = Path(name)
        vectors = FileVectors(local, arguments.vectors_cache or folder / "vectors.npz")
        stands = Talks(folder, vectors, arguments.path), Facts(folder, vectors)
        done: list[dict[str, Evaluation]] = [{}, {}]
        for candidate, weights in track(candidates().items(), "candidates", transient=True):
            for stand, found in zip(stands, done, strict=True):
                found[candidate] = stand.answers(weights)
        vectors.save()
    talks, facts = done
    rows = {measure: rows_of(talks, facts, stands[0], measure) for measure in MEASURES}
    scores = {
        candidate: [
            round(100 * _means({candidate: each[candidate]}, measure)[candidate], 2)
            for each in done
            for measure in (*MEASURES, "mrr")
        ]
        for candidate in talks
    }
    show(
        "Candidates",
        ["weights", *(f"{of} {each}" for of in ("talks", "facts") for each in (*MEASURES, "mrr"))],
        [[candidate, *(f"{value:.1f}" for value in row)] for candidate, row in scores.items()],
    )
    print(table(rows))
    save({"rows": rows, "candidates": scores, **circumstances()}, arguments.json)
    if arguments.write is not None:
        write_between(arguments.write, BEGIN, END, table(rows))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
