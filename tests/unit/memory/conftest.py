"""A memory on a real SQLite file with an embedder that needs no weights."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from memkit import Memory
from memkit.testing.embedders import ToyEmbedder


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "memory.db"


@pytest.fixture
def memory(store: Path) -> Iterator[Memory]:
    with Memory.open(str(store), embedder=ToyEmbedder()) as memory:
        yield memory
