"""A memory on a real SQLite file with an embedder that needs no weights.

The same assertions hold of an embedded memory and of a client's on a real server.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from memkit import Memory
from memkit.testing.embedders import ToyEmbedder
from tests.server.client.serving import serving


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "memory.db"


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
