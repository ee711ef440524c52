"""A memory on a real SQLite file, and one with a language model behind a real service."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from memkit import Memory
from memkit.testing.embedders import ToyEmbedder
from tests.server.client.serving import serving
from tests.unit.language.endpoint import ChatEndpoint


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "memory.db"


@pytest.fixture
def endpoint() -> Iterator[ChatEndpoint]:
    with ChatEndpoint() as endpoint:
        yield endpoint


@pytest.fixture(params=["embedded", "served"])
def memory(store: Path, request: pytest.FixtureRequest) -> Iterator[Memory]:
    if request.param == "embedded":
        with Memory.open(str(store), embedder=ToyEmbedder()) as memory:
            yield memory
    else:
        with (
            serving(str(store), embedder=ToyEmbedder()) as server,
            Memory.open(server.url) as memory,
        ):
            yield memory


@pytest.fixture
def clever(store: Path, endpoint: ChatEndpoint) -> Iterator[Memory]:
    """A memory with a language model."""
    model = f"openai:toy?base_url={endpoint.url}&timeout=5"
    with Memory.open(str(store), embedder=ToyEmbedder(), language_model=model) as memory:
        yield memory
