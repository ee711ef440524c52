"""What the adapters' tests share: a memory of each test's own, and a guard on the network."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from memkit import Memory
from memkit.testing.embedders import ToyEmbedder
from tests.environments import OLDER

# Both environments have the same LangGraph and LlamaIndex: in the older one those run that another
# pydantic or another SDK of the protocol could change, schemas of tools and clients of a server.
_THE_SAME = (
    "langgraph_store", "langgraph/test_beside_langmem.py", "langgraph/test_history.py",
    "langgraph/test_standard_suites.py", "langgraph/test_vectorstore.py",
    "llamaindex/test_chat_store.py", "llamaindex/test_filters.py", "llamaindex/test_memory.py",
    "llamaindex/test_vector_store.py",
)  # fmt: skip
collect_ignore = ["agents", *_THE_SAME] if OLDER else ["crewai"]


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    """An embedded memory whose namespace is still to be chosen."""
    with Memory.open(tmp_path / "memory.db", embedder=ToyEmbedder()) as opened:
        yield opened


@pytest.fixture
def no_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every connection to another process."""

    def refuse(self: socket.socket, address: Any) -> None:
        raise AssertionError(f"something connects to {address!r}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
