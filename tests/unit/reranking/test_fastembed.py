"""FastEmbed itself, on a cross-encoder that is made here."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from memkit.errors import ConfigurationError, MissingDependency, RerankerError, RerankerUnavailable
from memkit.protocols import Reranker
from memkit.reranking import reranker_from_url
from memkit.reranking.fastembed import DEFAULT_MODEL, FastEmbedReranker
from memkit.reranking.relevance import sigmoid
from tests.unit.reranking.cross_encoder import logit

QUERY = "volcano island"
TEXTS = ["a volcano on an island", "the island", "nothing of it", "volcano volcano island"]
PAIRS = [3, 2, 1, 4]


@pytest.fixture(scope="module")
def reranker(encoder_folder: Path) -> Iterator[FastEmbedReranker]:
    reranker = reranker_from_url(f"fastembed:{DEFAULT_MODEL}?path={encoder_folder}&threads=2")
    assert isinstance(reranker, FastEmbedReranker)
    yield reranker
    reranker.close()


def test_a_relevance_is_the_sigmoid_of_the_models_logit(reranker: FastEmbedReranker) -> None:
    assert isinstance(reranker, Reranker)
    assert reranker.available()
    expected = [sigmoid(logit(pairs)) for pairs in PAIRS]
    assert reranker.rerank(QUERY, TEXTS) == pytest.approx(expected, abs=1e-6)


def test_scores_keep_the_order_of_the_texts_over_several_batches(
    reranker: FastEmbedReranker,
) -> None:
    words = ["volcano island", "volcano", "rain"]
    texts = [f"{words[n % 3]} {'filler ' * (n % 7)}" for n in range(30)]
    expected = [sigmoid(logit([3, 2, 1][n % 3])) for n in range(30)]
    assert reranker.rerank(QUERY, texts) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("text", ["", " \n", "a lone \ud800 surrogate", "\x00", "word " * 3000])
def test_any_text_is_scored(reranker: FastEmbedReranker, text: str) -> None:
    assert reranker.rerank(QUERY, [text]) == pytest.approx([sigmoid(logit(1))], abs=1e-6)
    assert len(reranker.rerank(text, TEXTS)) == len(TEXTS)


def test_no_texts_have_no_scores(reranker: FastEmbedReranker) -> None:
    assert reranker.rerank(QUERY, []) == []


def test_it_can_be_used_after_it_was_closed(encoder_folder: Path) -> None:
    reranker = FastEmbedReranker(path=encoder_folder)
    reranker.load()
    reranker.close()
    reranker.close()
    assert len(reranker.rerank(QUERY, TEXTS)) == 4
    reranker.close()


def test_without_a_model_it_is_the_default_one() -> None:
    reranker = reranker_from_url("fastembed")
    assert isinstance(reranker, FastEmbedReranker)
    assert reranker.name == f"fastembed:{DEFAULT_MODEL}"


def test_an_unknown_model_is_named_in_the_error() -> None:
    with pytest.raises(RerankerUnavailable, match="FastEmbed has no cross-encoder no/such-model"):
        FastEmbedReranker("no/such-model").load()


def test_what_cannot_be_downloaded_is_unavailable(tmp_path: Path) -> None:
    # The tests run with HF_HUB_OFFLINE set: FastEmbed looks into its cache alone.
    with pytest.raises(RerankerUnavailable, match=rf"cannot load {DEFAULT_MODEL}.*\?path=/folder"):
        FastEmbedReranker(cache=tmp_path).load()


def test_a_folder_that_lacks_the_files_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(RerankerUnavailable, match="cannot load"):
        FastEmbedReranker(path=tmp_path).load()


def test_a_model_that_is_damaged_is_unavailable(tmp_path: Path, encoder_folder: Path) -> None:
    shutil.copytree(encoder_folder, tmp_path / "damaged")
    (tmp_path / "damaged" / "onnx" / "model.onnx").write_bytes(b"no model at all")
    with pytest.raises(RerankerUnavailable, match="cannot load"):
        FastEmbedReranker(path=tmp_path / "damaged").load()


def test_a_model_that_wants_other_input_is_an_error(tmp_path: Path, encoder_folder: Path) -> None:
    shutil.copytree(encoder_folder, tmp_path / "other")
    model = tmp_path / "other" / "onnx" / "model.onnx"
    # Of the same length, so that it stays a model.
    model.write_bytes(model.read_bytes().replace(b"token_type_ids", b"token_kind_ids"))
    with pytest.raises(RerankerError, match="FastEmbed failed"):
        FastEmbedReranker(path=tmp_path / "other").rerank(QUERY, TEXTS)


def test_a_folder_that_is_not_there_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no folder"):
        FastEmbedReranker(path=tmp_path / "nowhere")


def test_without_fastembed_the_message_holds_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fastembed", None)
    with pytest.raises(MissingDependency, match=r'pip install "agent-memkit\[fastembed\]"') as no:
        FastEmbedReranker().load()
    assert isinstance(no.value, RerankerUnavailable)
