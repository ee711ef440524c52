"""A real server on a real store, and memories on it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from memkit import Memory
from memkit.testing.embedders import ToyEmbedder
from tests.server.client.serving import Serving, serving


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Serving]:
    with serving(str(tmp_path / "memory.db"), embedder=ToyEmbedder()) as server:
        yield server


@pytest.fixture
def memory(server: Serving) -> Iterator[Memory]:
    with Memory.open(server.url) as memory:
        yield memory
