"""Stores of a test's own."""

from __future__ import annotations

import pytest

from memkit import Memory
from memkit_langgraph import MemkitStore


@pytest.fixture
def store(memory: Memory) -> MemkitStore:
    return MemkitStore(memory.at(namespace="acme"))
