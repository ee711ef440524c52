"""FastEmbed itself, on files that are here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from memkit.embedding import embedder_from_url
from memkit.embedding.fastembed import FastEmbedEmbedder
from memkit.embedding.local import LocalEmbedder
from memkit.errors import ConfigurationError, EmbedderUnavailable, MissingDependency
from memkit.protocols import Embedder

MODEL = "sentence-transformers/all-MiniLM-L6-v2"
TEXTS = ["The API rate limit is 100 requests a minute.", "Café crème in Zürich", "北京大学", "a"]


@pytest.fixture(scope="module")
def embedder(model_folder: Path) -> Iterator[Embedder]:
    embedder = embedder_from_url(f"fastembed:{MODEL}?path={model_folder}&threads=2")
    assert isinstance(embedder, FastEmbedEmbedder)
    yield embedder
    embedder.close()


def test_its_vectors_agree_with_ours_on_the_same_weights(
    embedder: Embedder, local: LocalEmbedder
) -> None:
    theirs, ours = embedder.embed(TEXTS), local.embed(TEXTS)
    assert theirs.dtype == np.float32
    assert ((theirs * ours).sum(axis=1) > 0.99).all()
    queries = embedder.embed(TEXTS, "query")
    assert ((queries * ours).sum(axis=1) > 0.99).all()


def test_the_dimension_is_known_once_it_is_loaded(model_folder: Path) -> None:
    embedder = FastEmbedEmbedder(MODEL, path=model_folder)
    before = embedder.fingerprint
    assert before.dimension is None
    embedder.load()
    assert embedder.fingerprint.dimension == 384
    assert before.matches(embedder.fingerprint)
    assert embedder.embed([]).shape == (0, 384)
    embedder.close()


def test_nothing_past_the_models_limit_is_ignored(embedder: Embedder) -> None:
    filler = " ".join(f"Invoice {n} lists paper, pens, folders and ink." for n in range(375))
    secret = " The volcano on the island erupted at dawn and the village was evacuated."
    query = embedder.embed(["when did the volcano erupt?"], "query")[0]
    without, with_it = embedder.embed([filler, filler + secret])
    assert query @ with_it > query @ without


@pytest.mark.parametrize("text", ["", " \n", "a lone \ud800 surrogate", "\x00"])
def test_text_without_words_has_a_vector_too(embedder: Embedder, text: str) -> None:
    assert np.linalg.norm(embedder.embed([text])[0]) == pytest.approx(1.0, abs=1e-5)


def test_an_unknown_model_is_named_in_the_error() -> None:
    with pytest.raises(EmbedderUnavailable, match="FastEmbed has no model no/such-model"):
        FastEmbedEmbedder("no/such-model").load()


def test_what_cannot_be_downloaded_is_unavailable(tmp_path: Path) -> None:
    # The tests run with HF_HUB_OFFLINE set: FastEmbed looks into its cache alone.
    with pytest.raises(EmbedderUnavailable, match=rf"cannot load {MODEL}.*\?path=/folder"):
        FastEmbedEmbedder(MODEL, cache=tmp_path).load()


def test_a_folder_that_lacks_the_files_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(EmbedderUnavailable, match="cannot load"):
        FastEmbedEmbedder(MODEL, path=tmp_path).load()


def test_a_folder_that_is_not_there_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no folder"):
        FastEmbedEmbedder(MODEL, path=tmp_path / "nowhere")


def test_without_a_model_the_message_shows_one() -> None:
    with pytest.raises(ConfigurationError, match="name a model"):
        embedder_from_url("fastembed:")


def test_without_fastembed_the_message_holds_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "fastembed", None)
    with pytest.raises(MissingDependency, match=r'pip install "agent-memkit\[fastembed\]"'):
        FastEmbedEmbedder(MODEL).load()
