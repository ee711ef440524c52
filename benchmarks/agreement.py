"""Whether fast dense search finds what exact search finds, on a model's real vectors.

    python benchmarks/agreement.py locomo10.json --json agreement.json --rows 100000

The texts are LoCoMo's turns, their sentences and overlapping windows of their words, until
there are enough; the queries are its questions. What ``Memory.recall`` returns in dense mode
is compared with the ten greatest of the plain float32 ``M @ q``. Synthetic vectors would not
do: how well one bit or one byte a dimension stands for a number depends on the model.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
from _locomo import Conversation, load
from _precomputed import PrecomputedEmbedder
from _report import circumstances, percentile, save, show
from _vectors import FileVectors
from rich.progress import track

from memkit import Draft, Memory
from memkit.embedding.urls import embedder_from_url

if TYPE_CHECKING:
    from memkit.protocols import Vector

TOP = 10
_BATCH = 512
#: Words of a window and words to the next, coarse ones first.
_WINDOWS = ((20, 5), (12, 3), (8, 2), (6, 1))


def passages(conversations: Sequence[Conversation]) -> Iterator[str]:
    """Texts, some of them twice: turns, their sentences, then windows of their words."""
    texts = [turn.text for each in conversations for turn in each.turns]
    for each in conversations:
        for turn in each.turns:
            yield f'({turn.occurred_at:%Y-%m-%d}) {turn.speaker} said, "{turn.text}"'
    for text in texts:
        marked = text.replace("! ", ".\0").replace("? ", ".\0").replace(". ", ".\0")
        yield from (part for part in marked.split("\0") if len(part.split()) > 2)
    words = [text.split() for text in texts]
    for width, step in _WINDOWS:
        for row in words:
            for start in range(0, len(row) - width, step):
                yield " ".join(row[start : start + width])


def embedded(embedder: FileVectors, texts: Sequence[str], what: str) -> Vector:
    """Vectors of texts, shape ``(len(texts), dimension)``, with a bar."""
    starts = range(0, len(texts), _BATCH)
    return np.concatenate(
        [
            embedder.embed(texts[at : at + _BATCH])
            for at in track(starts, description=f"embedding {what}")
        ]
    )


def exact_top(rows: Vector, query: Vector) -> set[int]:
    """The rows of the ten greatest cosines."""
    scores = rows @ query
    return set(np.argpartition(scores, -TOP)[-TOP:].tolist())


def measure(
    memory: Memory, rows: Vector, queries: Sequence[str], vectors: Vector
) -> dict[str, Any]:
    """The share of the exact top ten that recall finds, and both's CPU times."""
    shares, own_ms, exact_ms = [], [], []
    for text, vector in zip(queries, vectors, strict=True):
        start = time.process_time()
        hits = memory.recall(text, limit=TOP, mode="dense", profile="fast")
        middle = time.process_time()
        expected = exact_top(rows, vector)
        end = time.process_time()
        found = {int(hit.record.metadata["row"]) for hit in hits}
        shares.append(len(found & expected) / TOP)
        own_ms.append(1e3 * (middle - start))
        exact_ms.append(1e3 * (end - middle))
    return {
        "agreement": round(float(np.mean(shares)), 5),
        "worst": min(shares),
        "whole": round(float(np.mean([share == 1.0 for share in shares])), 5),
        "cpu_ms": round(percentile(own_ms, 50), 3),
        "floor_cpu_ms": round(percentile(exact_ms, 50), 3),
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", type=Path, help="locomo10.json")
    parser.add_argument("--json", type=Path, required=True, metavar="FILE")
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--embedder", metavar="URL", default="local")
    parser.add_argument("--vectors-cache", type=Path, metavar="FILE", help="an .npz file")
    arguments = parser.parse_args(argv)

    conversations = load(arguments.path)
    texts = list(islice(dict.fromkeys(passages(conversations)), arguments.rows))
    known = set(texts)
    asked = (question.text for each in conversations for question in each.questions)
    queries = list(
        islice((text for text in dict.fromkeys(asked) if text not in known), arguments.queries)
    )
    model = embedder_from_url(arguments.embedder)
    if model is None:
        parser.error("this compares vectors: name an embedder")
    with TemporaryDirectory() as folder:
        embedder = FileVectors(model, arguments.vectors_cache or Path(folder) / "vectors.npz")
        rows = embedded(embedder, texts, "texts")
        asked_vectors = embedded(embedder, queries, "questions")
        embedder.close()
        lookup = PrecomputedEmbedder(
            [*texts, *queries], np.concatenate((rows, asked_vectors)), embedder.fingerprint.model
        )
        drafts = [Draft(text, metadata={"row": row}) for row, text in enumerate(texts)]
        with Memory.open(str(Path(folder) / "agreement.db"), embedder=lookup) as memory:
            memory.remember_many(drafts, deduplicate="off")
            measured = measure(memory, rows, queries, asked_vectors)
    report = {
        "rows": len(texts),
        "queries": len(queries),
        "embedder": str(embedder.fingerprint),
        **measured,
        **circumstances(),
    }
    save(report, arguments.json)
    show(
        f"Dense top-{TOP} against exact, {len(texts):,} real vectors",
        ["agreement", "worst", "all ten", "cpu ms", "exact cpu ms"],
        [[f"{measured[name]:.4f}" for name in measured]],
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
