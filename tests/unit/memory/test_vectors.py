"""Vectors that come late: after an outage, after a change of model, after a kill."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from memkit import Memory
from memkit.config import load_settings
from memkit.errors import EmbedderError, EmbedderMismatch, EmbedderUnavailable
from memkit.opening import open_engine
from memkit.protocols import Embedder, Role
from memkit.reembedding import Reembedded, reembed
from memkit.testing.embedders import FailingEmbedder, ToyEmbedder

if TYPE_CHECKING:
    from memkit.protocols import Vector


async def _reembed(store: Path, embedder: Embedder) -> Reembedded:
    engine = await open_engine(load_settings(url=str(store)).settings, embedder, migrating=True)
    try:
        return await reembed(engine)
    finally:
        await engine.close()


class _StopsAfter:
    """An embedder whose service goes down for good after so many texts."""

    def __init__(self, embedder: Embedder, texts: int) -> None:
        self._embedder = embedder
        self._left = texts
        self.fingerprint = embedder.fingerprint

    def load(self) -> None:
        self._embedder.load()

    def close(self) -> None:
        self._embedder.close()

    def embed(self, texts: Sequence[str], role: Role = "document") -> "Vector":
        self._left -= len(texts)
        if self._left < 0:
            raise EmbedderUnavailable("the service has gone away: start it")
        return self._embedder.embed(texts, role)


def _wait_until_embedded(memory: Memory) -> None:
    for _ in range(500):
        if memory.status().unembedded == 0:
            return
        time.sleep(0.01)
    raise AssertionError("records still lack their vectors")


def test_vectors_are_added_once_the_embedder_is_back(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("memkit.vectorizer._RETRY_SECONDS", 0.0)
    embedder = FailingEmbedder(ToyEmbedder(), failing=True)
    with Memory.open(str(store), embedder=embedder) as memory:
        lost = [memory.remember(f"stored in the outage {n}").id for n in range(5)]
        memory.at(namespace="other").remember("another namespace's")
        assert memory.status().unembedded == 5
        embedder.failing = False
        memory.remember("stored after the outage")
        _wait_until_embedded(memory)
        _wait_until_embedded(memory.at(namespace="other"))
        found = memory.recall("outage", mode="dense", limit=10)
        assert {hit.record.id for hit in found} >= set(lost)
        assert memory.get(lost[0]).version == 1


def test_a_store_filled_without_an_embedder_gets_its_vectors_later(store: Path) -> None:
    with Memory.open(str(store), embedder="none") as memory:
        memory.remember_many([f"words only {n}" for n in range(200)])
    with Memory.open(str(store), embedder=ToyEmbedder()) as memory:
        assert len(memory.recall("words", limit=3)) == 3
        _wait_until_embedded(memory)
        assert len(memory.recall("words", mode="dense", limit=300)) == 200


def test_reembedding_replaces_the_model(store: Path) -> None:
    with Memory.open(str(store), embedder=ToyEmbedder(64)) as memory:
        memory.remember_many([f"note {n}" for n in range(300)])
        memory.at(namespace="other").remember("another namespace's")
    new = ToyEmbedder(32, name="new")
    assert asyncio.run(_reembed(store, new)) == Reembedded(records=301, resumed=0)
    with Memory.open(str(store), embedder=new) as memory:
        assert memory.status().dimension == 32
        assert memory.status().unembedded == 0
        assert len(memory.recall("note 7", mode="dense", limit=400)) == 300
    with pytest.raises(EmbedderMismatch):
        Memory.open(str(store), embedder=ToyEmbedder(64))


def test_an_interrupted_reembedding_resumes_and_the_old_model_serves_until_then(
    store: Path,
) -> None:
    with Memory.open(str(store), embedder=ToyEmbedder(64)) as memory:
        memory.remember_many([f"note {n}" for n in range(300)])
    new = ToyEmbedder(32, name="new")
    with pytest.raises(EmbedderError, match="again to go on"):
        asyncio.run(_reembed(store, _StopsAfter(new, 200)))
    with Memory.open(str(store), embedder=ToyEmbedder(64)) as memory:
        assert memory.recall("note 7", mode="dense", limit=5).notices == ()
        memory.remember("stored in between")
    done = asyncio.run(_reembed(store, new))
    assert done.records == 301
    assert 0 < done.resumed < 300
    with Memory.open(str(store), embedder=new) as memory:
        assert len(memory.recall("note", mode="dense", limit=400)) == 301


def test_reembedding_needs_an_embedder(store: Path) -> None:
    async def main() -> None:
        settings = load_settings(url=str(store), embedder="none").settings
        engine = await open_engine(settings, migrating=True)
        try:
            await reembed(engine)
        finally:
            await engine.close()

    with pytest.raises(EmbedderUnavailable, match=r"agent-memkit\[local\]"):
        asyncio.run(main())
