"""The embedders that memkit ships for tests do what their names say."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from memkit.errors import ConfigurationError, EmbedderUnavailable
from memkit.protocols import Embedder
from memkit.testing.embedders import FailingEmbedder, SlowEmbedder, ToyEmbedder


@pytest.mark.parametrize("embedder", [ToyEmbedder(), FailingEmbedder(), SlowEmbedder()])
def test_they_are_embedders(embedder: Embedder) -> None:
    assert isinstance(embedder, Embedder)
    assert embedder.fingerprint.dimension == 64


def test_toy_vectors_are_near_where_words_are_shared() -> None:
    toy = ToyEmbedder()
    vectors = toy.embed(["the red fish", "The RED fish!", "a blue bird", "", "?!"])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-6)
    assert vectors[0] @ vectors[1] == pytest.approx(1.0)
    assert vectors[0] @ vectors[2] < 0.5
    assert toy.embed([]).shape == (0, 64)


def test_toy_vectors_are_the_same_in_every_process() -> None:
    program = (
        "from memkit.testing.embedders import ToyEmbedder;"
        "print(ToyEmbedder(8).embed(['one two three']).tolist())"
    )
    elsewhere = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert elsewhere.stdout.strip() == str(ToyEmbedder(8).embed(["one two three"]).tolist())


def test_a_failing_embedder_is_switched() -> None:
    embedder = FailingEmbedder()
    for call in (embedder.load, lambda: embedder.embed(["a"])):
        with pytest.raises(EmbedderUnavailable):
            call()
    embedder.failing = False
    embedder.load()
    assert embedder.embed(["a"]).shape == (1, 64)
    embedder.failing = True
    assert not embedder.available()


def test_a_slow_embedder_loads_when_it_is_let() -> None:
    embedder = SlowEmbedder(delay=300)
    with ThreadPoolExecutor(1) as pool:
        loading = pool.submit(embedder.load)
        assert embedder.loading.wait(30)
        assert not loading.done()
        embedder.finish()
        loading.result(30)
    assert embedder.embed(["a"]).shape == (1, 64)
    embedder.close()


def test_a_toy_has_at_least_two_dimensions() -> None:
    with pytest.raises(ConfigurationError):
        ToyEmbedder(dimension=1)
