"""One size's two stores, memkit's and the floor's, and the operations timed on them."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import _floor
import numpy as np
from _floor import LOOKED_AT, FloorStore
from _precomputed import PrecomputedEmbedder
from _resident import BIG, MODEL, TOP
from _synthetic import DIMENSION, Corpus, Query
from _timing import Times, alternating
from _tokens import TokenEmbedder

from memkit import Memory

if TYPE_CHECKING:
    from memkit.protocols import Vector

SMALL = "one-percent"
BULK = 10_000
_WARM = 5
_SEARCHES = 7
#: Opening, bulk storing and importing are long enough to be repeated less.
_LONG_REPEATS = 3
#: Records imported at once, above which the import is not repeated.
_ONCE = 50_000


class Stand:
    """One size's stores, memkit's and the floor's, with the same rows in both.

    Args:
        folder: where the files go.
        size: how many records.
        repeats: how often the short operations are repeated.
    """

    def __init__(self, folder: Path, size: int, repeats: int) -> None:
        self.folder = folder
        self.size = size
        self.repeats = repeats
        self.small_size = max(size // 100, TOP)
        self.big_size = size - self.small_size
        self._spare = size
        self._names = count()
        # Each search has questions of its own; stores need texts of their own too.
        corpus = Corpus(size + 4 * repeats + _WARM, _SEARCHES * (repeats + _WARM))
        self.corpus = corpus
        self.embedder = PrecomputedEmbedder(
            corpus.texts + [query.text for query in corpus.queries],
            np.concatenate((corpus.vectors, [query.vector for query in corpus.queries])),
            MODEL,
        )
        self._queries = iter(corpus.queries)
        self.url = str(folder / "memkit.db")
        self.memory = self.open(self.url)
        self.floor = FloorStore(folder / "floor.db")
        self.agreement: dict[str, float] = {}

    @property
    def big(self) -> Vector:
        """The vectors of the big namespace."""
        return self.corpus.vectors[: self.big_size]

    @property
    def small(self) -> Vector:
        """The vectors of the small namespace."""
        return self.corpus.vectors[self.big_size : self.size]

    def open(self, url: str) -> Memory:
        """A memory on a store."""
        return Memory.open(url, embedder=self.embedder)

    def close(self) -> None:
        """Close both stores."""
        self.memory.close()
        self.floor.close()

    def fill(self) -> Times:
        """Store all rows in both, in chunks: the operation ``store_bulk``."""
        times = Times("store_bulk", self.size)
        texts, vectors = self.corpus.texts, self.corpus.vectors
        big = self.memory.at(namespace=BIG)
        for start in range(0, self.big_size, BULK):
            part = slice(start, min(start + BULK, self.big_size))
            self._store_part(times, big, self.floor, part)
        small = slice(self.big_size, self.size)
        self.memory.at(namespace=SMALL).remember_many(texts[small])
        self.floor.store_many(texts[small], vectors[small])
        while len(times.own) < _LONG_REPEATS:
            part = slice(0, min(BULK, self.big_size))
            with self.open(str(self._new_file())) as memory:
                floor = FloorStore(self._new_file())
                self._store_part(times, memory.at(namespace=BIG), floor, part)
                floor.close()
        self.floor.index("words_big", texts[: self.big_size])
        self.floor.index("words_small", texts[small])
        return times

    def _store_part(self, times: Times, memory: Memory, floor: FloorStore, part: slice) -> None:
        texts, vectors = self.corpus.texts[part], self.corpus.vectors[part]
        alternating(
            times,
            [texts],
            memory.remember_many,
            lambda chunk: floor.store_many(chunk, vectors),
            per=len(texts),
        )

    def _new_file(self) -> Path:
        return self.folder / f"extra-{next(self._names)}.db"

    def searches(self) -> list[Times]:
        """The kinds of search."""
        return [
            self._dense("dense_all", BIG, self.big, 0),
            self._dense("dense_scope", SMALL, self.small, self.big_size),
            self._lexical("lexical_all", BIG, "words_big"),
            self._hybrid("fast_all", BIG, self.big, "words_big", "fast"),
            self._hybrid("balanced_all", BIG, self.big, "words_big", "balanced"),
            self._hybrid("balanced_scope", SMALL, self.small, "words_small", "balanced"),
            self._best("best_all"),
        ]

    def _some_queries(self) -> list[Query]:
        return [next(self._queries) for _ in range(self.repeats + _WARM)]

    def _dense(self, op: str, namespace: str, rows: Vector, first: int) -> Times:
        memory = self.memory.at(namespace=namespace)
        answers: list[set[str]] = []
        exact: list[set[str]] = []

        def own(query: Query) -> None:
            found = memory.recall(query.text, limit=TOP, mode="dense", profile="fast")
            answers.append({hit.content for hit in found})

        def floor(query: Query) -> None:
            best = _floor.dense(rows, query.vector)
            exact.append({self.corpus.texts[first + row] for row in best})

        times = alternating(Times(op, self.size), self._some_queries(), own, floor, warm=_WARM)
        agreed = [len(mine & best) / len(best) for mine, best in zip(answers, exact, strict=True)]
        self.agreement[op] = round(sum(agreed) / len(agreed), 5)
        return times

    def _hybrid(self, op: str, namespace: str, rows: Vector, index: str, profile: str) -> Times:
        memory = self.memory.at(namespace=namespace)

        def floor(query: Query) -> None:
            _floor.dense(rows, query.vector)
            self.floor.lexical(index, query.words)

        return alternating(
            Times(op, self.size),
            self._some_queries(),
            lambda query: memory.recall(query.text, limit=TOP, profile=profile),
            floor,
            warm=_WARM,
        )

    def _best(self, op: str) -> Times:
        """The profile ``best`` on a store that keeps token vectors, beside the others."""
        embedder = TokenEmbedder(self.embedder)
        url = str(self._new_file())
        with Memory.open(url, embedder=embedder, token_vectors="on") as opened:
            memory = opened.at(namespace=BIG)
            memory.remember_many(self.corpus.texts[: self.big_size])
            some = [embedder.tokens(text).vectors for text in self.corpus.texts[:LOOKED_AT]]
            starts = np.cumsum([0, *map(len, some[:-1])])
            tokens = np.concatenate(some)

            def own(query: Query) -> None:
                found = memory.recall(query.text, limit=TOP, profile="best")
                if "late" not in found[0].why.legs:
                    raise AssertionError("token vectors were not looked at")

            def floor(query: Query) -> None:
                _floor.dense(self.big, query.vector)
                self.floor.lexical("words_big", query.words)
                _floor.late(tokens, starts, embedder.tokens(query.text).vectors)

            return alternating(Times(op, self.size), self._some_queries(), own, floor, warm=_WARM)

    def _lexical(self, op: str, namespace: str, index: str) -> Times:
        memory = self.memory.at(namespace=namespace)
        return alternating(
            Times(op, self.size),
            self._some_queries(),
            lambda query: memory.recall(query.text, limit=TOP, mode="lexical"),
            lambda query: self.floor.lexical(index, query.words),
            warm=_WARM,
        )

    def store_one(self) -> Times:
        """Single durable stores of new texts into the big namespace."""
        memory = self.memory.at(namespace=BIG)
        floor = FloorStore(self._new_file())
        floor.store_many(self.corpus.texts[: self.size], self.corpus.vectors[: self.size])
        times = alternating(
            Times("store_one", self.size),
            range(self.size, len(self.corpus.texts)),
            lambda row: memory.remember(self.corpus.texts[row]),
            lambda row: floor.store_one(self.corpus.texts[row], self.corpus.vectors[row]),
            warm=_WARM,
        )
        floor.close()
        return times

    def opening(self) -> Times:
        """Opening the store up to the answer of a first lexical recall."""
        opened: list[Memory] = []

        def own(query: Query) -> None:
            opened.append(self.open(self.url))
            opened[-1].at(namespace=BIG).recall(query.text, limit=TOP, mode="lexical")

        times = Times("open", self.size)
        for query in self.corpus.queries[:_LONG_REPEATS]:
            alternating(times, [query], own, lambda _: _floor.opened(self.floor.path, DIMENSION))
            opened.pop().close()
        return times

    def importing(self) -> Times:
        """Importing an export of the big namespace into an empty store."""
        export = self.folder / "export.jsonl"
        records = self.memory.at(namespace=BIG).export(export)
        vector_of = dict(zip(self.corpus.texts, self.corpus.vectors, strict=True))
        times = Times("import", self.size)
        for _ in range(1 if records > _ONCE else _LONG_REPEATS):
            with self.open(str(self._new_file())) as memory, export.open(encoding="utf-8") as lines:
                floor = FloorStore(self._new_file())
                alternating(
                    times,
                    [export],
                    memory.at(namespace=BIG).import_,
                    lambda _: floor.load_lines(lines, vector_of),  # noqa: B023
                    per=records,
                )
                floor.close()
        return times

    def resident_mb(self) -> dict[str, float] | None:
        """Memory of a process of its own that has opened the store and searched it."""
        script = Path(__file__).with_name("_resident.py")
        command = [sys.executable, str(script), self.url]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        found: dict[str, float] | None = json.loads(done.stdout)
        return found
