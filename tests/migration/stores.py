"""A store in which every kind of record, state and neighbour is found, and how it is read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from memkit import Draft, Memory
from memkit.testing.embedders import ToyEmbedder

NAMESPACES = ("default", "acme", "acme-corp", "Größe/😀")


def filled(url: str, turns: int = 50) -> None:
    """Fill a store with a bit of everything, and with so many turns of a conversation."""
    with Memory.open(url, embedder=ToyEmbedder()) as memory:
        for namespace in NAMESPACES:
            _fill(memory.at(namespace=namespace), turns)
    # Without an embedder: records that have no vector yet.
    with Memory.open(url, embedder="none") as memory:
        memory.remember("no vector was made of this one")


def _fill(memory: Memory, turns: int) -> None:
    lab = memory.at(project="apollo", task="landing", agent="ada")
    first = lab.remember("the 🚀 lands at dawn", tags=["a b", "ü"], kind="decision")
    lab.remember("mine alone", private=True, idempotency_key="once")
    lab.link(first.id, lab.remember("fuel is enough", confidence=0.25, pinned=True).id, "supports")
    lab.forget(lab.remember("to be forgotten").id)
    lab.correct(lab.remember("four legs").id, "three legs")
    lab.remember("soon gone", ttl=timedelta(days=400), source="https://example.org/x?y=1")
    memory.remember(
        "odd values",
        metadata={"int": 1, "float": 1.0, "flag": True, "none": None, "big": 2**62,
                  "a.b [c]\"'": {"nested": ["x", {"y": 0.1}]}, "empty": "", "e\u0301": "\u202e"},
        occurred_at=datetime(1969, 7, 20, 20, 17, 40, 123456, tzinfo=UTC),
    )  # fmt: skip
    memory.remember_many(
        Draft(content=f"turn {n} about topic {n % 7}", conversation_id="c", sequence=n, speaker="S")
        for n in range(turns)
    )
    lab.assert_fact("Ada 😀", "lives in", "Zürich", valid_from=datetime(2020, 5, 1, tzinfo=UTC))
    moved = datetime(2026, 1, 1, 0, 0, 0, 1, tzinfo=UTC)
    lab.assert_fact("Ada 😀", "lives in", "Rome", valid_from=moved, valid_to=moved + timedelta(9))
    for hit in memory.recall("dawn landing", reach="subtree"):
        memory.feedback(hit.record.id, useful=True)


def exported(url: str, folder: Path, *, vectors: bool = True) -> str:
    """All that a store holds, as its exports write it."""
    parts = []
    with Memory.open(url, embedder="none") as memory:
        for namespace in NAMESPACES:
            file = folder / "export.jsonl"
            memory.at(namespace=namespace).export(file, everyone=True, vectors=vectors)
            parts.append(file.read_text(encoding="utf-8"))
    return "".join(parts)
