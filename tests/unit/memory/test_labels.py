"""Kinds and tags are words that a record is found by, as they are at the moment."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from memkit import Memory
from memkit.protocols import Role
from memkit.testing.embedders import ToyEmbedder

if TYPE_CHECKING:
    from memkit.protocols import Vector


class _Listens(ToyEmbedder):
    """Keeps what it was asked to embed."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []

    def embed(self, texts: Sequence[str], role: Role = "document") -> Vector:
        self.heard += texts
        return super().embed(texts, role)


@pytest.fixture
def embedder() -> _Listens:
    return _Listens()


@pytest.fixture
def memory(store: Path, embedder: _Listens) -> Iterator[Memory]:
    with Memory.open(str(store), embedder=embedder) as memory:
        yield memory


def found(memory: Memory, query: str) -> list[str]:
    return [hit.content for hit in memory.recall(query, mode="lexical")]


def test_a_record_is_found_by_its_kind_and_its_tags(memory: Memory) -> None:
    memory.remember("Tea at four", kind="preference", tags=["kitchen-rota"])
    memory.remember("Rust for the parser", kind="decision")
    assert found(memory, "which preferences are there?") == ["Tea at four"]
    assert found(memory, "the kitchen") == ["Tea at four"]
    assert found(memory, "decisions") == ["Rust for the parser"]


def test_what_nobody_said_is_no_word(memory: Memory) -> None:
    board = memory.at(agent="walrus")
    board.remember("Tea at four", tags=["msg:harbour"])
    assert found(board, "tea") == ["Tea at four"]
    for stamp in ("note", "walrus", "agent", "msg", "harbour"):
        assert found(board, stamp) == []


def test_labels_take_no_word_from_a_text_of_stop_words(memory: Memory) -> None:
    memory.remember("to be or not to be", kind="fact", tags=["theatre"])
    assert found(memory, "to be or not") == found(memory, "theatre") == ["to be or not to be"]


def test_a_changed_label_is_found_at_once_and_nothing_is_embedded(
    memory: Memory, embedder: _Listens
) -> None:
    record = memory.remember("Tea at four", kind="fact", tags=["kitchen"]).record
    other = memory.remember("The boat leaks", tags=["garden"]).record
    vector = memory.recall("Tea at four", mode="dense")[0].why.legs["dense"].score
    del embedder.heard[:]

    memory.update(record.id, tags=["garden"], kind="rule")

    assert embedder.heard == []
    assert found(memory, "kitchen") == found(memory, "facts") == []
    assert set(found(memory, "garden")) == {record.content, other.content}
    assert found(memory, "rules") == found(memory, "tea") == ["Tea at four"]
    after = memory.recall("Tea at four", mode="dense")[0]
    assert (after.record.id, after.why.legs["dense"].score) == (record.id, vector)
    assert memory.status().unembedded == 0


def test_a_change_of_neither_embeds_nothing(memory: Memory, embedder: _Listens) -> None:
    record = memory.remember("Tea at four", tags=["kitchen"]).record
    del embedder.heard[:]
    memory.update(record.id, metadata={"cups": 4}, confidence=0.9)
    assert embedder.heard == []
    assert found(memory, "kitchen") == found(memory, "tea") == ["Tea at four"]


def test_tags_that_a_copy_brings_are_found(memory: Memory, embedder: _Listens) -> None:
    memory.remember("Tea at four", tags=["kitchen"])
    memory.remember("Tea at four", tags=["rota"])
    assert found(memory, "rota") == found(memory, "kitchen") == ["Tea at four"]
    assert memory.status().unembedded == 0


def test_labels_of_a_turn_are_its_own_and_what_it_is_lent_stays(memory: Memory) -> None:
    said = ["Which walrus sang?", "Bertram.", "He was loud."]
    turns = [
        memory.remember(text, conversation_id="c", sequence=at, tags=[f"tag{at}x"]).record
        for at, text in enumerate(said)
    ]
    assert found(memory, "tag0x") == ["Which walrus sang?"]

    memory.update(turns[2].id, tags=["encore"])

    assert found(memory, "encore") == ["He was loud."]
    assert found(memory, "tag2x") == []
    assert set(found(memory, "walrus")) == set(said)


def test_labels_change_without_an_embedder_too(store: Path, embedder: _Listens) -> None:
    with Memory.open(str(store), embedder=embedder) as memory:
        record = memory.remember("Tea at four", tags=["kitchen"]).record
    with Memory.open(str(store), embedder="none") as words:
        words.update(record.id, tags=["garden"])
        assert found(words, "garden") == ["Tea at four"]
        assert found(words, "kitchen") == []
    with Memory.open(str(store), embedder=embedder) as memory:
        memory.warm_up()
        memory.recall("tea")
        for _ in range(500):
            if memory.status().unembedded == 0:
                break
            time.sleep(0.01)
        assert memory.recall("tea at four", mode="dense")[0].record.id == record.id
