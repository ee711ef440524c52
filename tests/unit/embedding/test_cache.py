"""The memory of recent vectors: right rows, bounded, and empty when told to forget."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pytest

from memkit.embedding.cache import CachedEmbedder
from memkit.errors import ConfigurationError, EmbedderUnavailable
from memkit.protocols import Embedder, Fingerprint, Role
from memkit.testing.embedders import FailingEmbedder, ToyEmbedder

if TYPE_CHECKING:
    from memkit.protocols import Vector


class Recording:
    """A toy embedder that remembers what it was asked and whose roles differ."""

    def __init__(self) -> None:
        self.toy = ToyEmbedder()
        self.fingerprint = self.toy.fingerprint
        self.asked: list[tuple[Role, str]] = []
        self.started = threading.Event()
        self.go_on = threading.Event()
        self.go_on.set()

    def load(self) -> None:
        pass

    def embed(self, texts: Sequence[str], role: Role = "document") -> Vector:
        self.asked += [(role, text) for text in texts]
        self.started.set()
        self.go_on.wait(30)
        return self.toy.embed([f"{role} {text}" for text in texts])

    def close(self) -> None:
        pass


def test_a_text_is_embedded_once_and_rows_keep_their_order() -> None:
    inner = Recording()
    cached = CachedEmbedder(inner)
    assert isinstance(cached, Embedder)
    first = cached.embed(["b", "a", "b", "c"])
    again = cached.embed(["c", "b", "d", "a"])
    assert [text for _, text in inner.asked] == ["b", "a", "c", "d"]
    np.testing.assert_array_equal(again[[1, 3, 1, 0]], first)
    np.testing.assert_array_equal(again, inner.toy.embed([f"document {t}" for t in "cbda"]))


def test_roles_are_told_apart_where_they_differ() -> None:
    inner = Recording()
    cached = CachedEmbedder(inner)
    cached.embed(["a"])
    cached.embed(["a"], "query")
    assert inner.asked == [("document", "a"), ("query", "a")]
    alike = CachedEmbedder(ToyEmbedder())
    alike.embed(["a"])
    alike.embed(["a"], "query")
    assert len(alike) == 1


def test_the_least_recently_used_go_first() -> None:
    inner = Recording()
    cached = CachedEmbedder(inner, capacity=2)
    cached.embed(["a"])
    cached.embed(["b"])
    cached.embed(["a"])
    cached.embed(["c"])
    assert len(cached) == 2
    cached.embed(["a", "c"])
    assert len(inner.asked) == 3
    assert cached.embed(list("uvwxyz")).shape == (6, 64)
    assert len(cached) == 2


def test_what_a_caller_does_to_its_rows_stays_with_the_caller() -> None:
    cached = CachedEmbedder(ToyEmbedder())
    cached.embed(["a"])[:] = 0.0
    assert cached.embed(["a"]).any()
    peeked = cached.peek("a", "document")
    assert peeked is not None
    with pytest.raises(ValueError, match="read-only"):
        peeked[:] = 0.0


def test_rows_hold_no_more_memory_than_their_own() -> None:
    cached = CachedEmbedder(ToyEmbedder())
    cached.embed([f"text {n}" for n in range(100)])
    row = cached.peek("text 7", "document")
    assert row is not None
    assert row.base is None


def test_peeking_embeds_nothing() -> None:
    inner = Recording()
    assert CachedEmbedder(inner).peek("a", "query") is None
    assert inner.asked == []


def test_forgotten_texts_are_embedded_anew_in_either_role() -> None:
    inner = Recording()
    cached = CachedEmbedder(inner)
    for role in ("document", "query"):
        cached.embed(["secret", "plain"], role)
    cached.forget(["secret", "never seen"])
    assert cached.peek("secret", "document") is None
    assert cached.peek("secret", "query") is None
    assert cached.peek("plain", "query") is not None
    cached.clear()
    assert len(cached) == 0


def test_a_text_forgotten_while_it_is_embedded_is_not_remembered() -> None:
    inner = Recording()
    inner.go_on.clear()
    cached = CachedEmbedder(inner)
    with ThreadPoolExecutor(1) as pool:
        embedding = pool.submit(cached.embed, ["secret"])
        assert inner.started.wait(30)
        cached.forget(["secret"])
        inner.go_on.set()
        assert embedding.result().shape == (1, 64)
    assert len(cached) == 0


def test_vectors_of_another_model_are_dropped() -> None:
    inner = Recording()
    cached = CachedEmbedder(inner)
    cached.embed(["a"])
    inner.fingerprint = Fingerprint("other", 64)
    assert cached.peek("a", "document") is None


def test_a_failure_is_passed_on_and_leaves_nothing() -> None:
    inner = FailingEmbedder(failing=True)
    cached = CachedEmbedder(inner)
    assert not cached.available()
    with pytest.raises(EmbedderUnavailable):
        cached.embed(["a"])
    with pytest.raises(EmbedderUnavailable):
        cached.load()
    inner.failing = False
    assert cached.available()
    assert cached.embed(["a"]).shape == (1, 64)


def test_threads_share_it() -> None:
    cached = CachedEmbedder(ToyEmbedder(), capacity=8)
    texts = [[f"text {(n * m) % 13}" for m in range(20)] for n in range(40)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(cached.embed, texts))
    for vectors, some in zip(found, texts, strict=True):
        np.testing.assert_array_equal(vectors, ToyEmbedder().embed(some))
    assert len(cached) <= 8


def test_no_texts_give_no_rows_and_closing_empties_it() -> None:
    cached = CachedEmbedder(ToyEmbedder())
    assert cached.embed([]).shape == (0, 64)
    cached.embed(["a"])
    cached.close()
    assert len(cached) == 0
    with pytest.raises(ConfigurationError, match="capacity"):
        CachedEmbedder(ToyEmbedder(), capacity=0)
