"""LangChain's own suites for what third parties offer, run against real memories."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding, Embeddings
from langchain_core.retrievers import BaseRetriever
from langchain_core.tools import BaseTool
from langchain_core.vectorstores import VectorStore
from langchain_tests.integration_tests import (
    EmbeddingsIntegrationTests,
    RetrieversIntegrationTests,
    ToolsIntegrationTests,
    VectorStoreIntegrationTests,
)
from langchain_tests.unit_tests import EmbeddingsUnitTests, ToolsUnitTests

from memkit import Memory
from memkit.testing.embedders import ToyEmbedder
from memkit_langgraph import (
    MemkitEmbeddings,
    MemkitRetriever,
    MemkitVectorStore,
    RecallTool,
    RememberTool,
)

DIMENSION = 6


class _WithMemory:
    """Gives each test a memory with something in it, before the suite's properties need it."""

    _held: Memory

    @pytest.fixture(autouse=True)
    def _hold(self, memory: Memory) -> None:
        self._held = memory.at(namespace="acme", project="apollo")
        for number in range(5):
            self._held.remember(f"The rate limit of service {number} is {number}00 a minute")


class TestRetriever(_WithMemory, RetrieversIntegrationTests):
    @property
    def retriever_constructor(self) -> type[BaseRetriever]:
        return MemkitRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return {"memory": self._held}

    @property
    def retriever_query_example(self) -> str:
        return "rate limit of the service"


class _RememberTool(_WithMemory):
    @property
    def tool_constructor(self) -> type[BaseTool]:
        return RememberTool

    @property
    def tool_constructor_params(self) -> dict[str, Any]:
        return {"memory": self._held}

    @property
    def tool_invoke_params_example(self) -> dict[str, Any]:
        return {"content": "Ada prefers short answers", "kind": "preference", "tags": ["people"]}


class TestRememberToolUnit(_RememberTool, ToolsUnitTests):
    pass


class TestRememberTool(_RememberTool, ToolsIntegrationTests):
    pass


class _RecallTool(_WithMemory):
    @property
    def tool_constructor(self) -> type[BaseTool]:
        return RecallTool

    @property
    def tool_constructor_params(self) -> dict[str, Any]:
        return {"memory": self._held}

    @property
    def tool_invoke_params_example(self) -> dict[str, Any]:
        return {"query": "rate limit", "limit": 2}


class TestRecallToolUnit(_RecallTool, ToolsUnitTests):
    pass


class TestRecallTool(_RecallTool, ToolsIntegrationTests):
    pass


class TestVectorStoreWithTheMemorysEmbedder(VectorStoreIntegrationTests):
    @pytest.fixture
    def vectorstore(self, memory: Memory) -> VectorStore:
        return MemkitVectorStore(memory.at(namespace="acme", project="docs"))


class TestVectorStoreWithGivenVectors(VectorStoreIntegrationTests):
    @pytest.fixture
    def vectorstore(self, tmp_path: Path) -> Iterator[VectorStore]:
        given = f"given:fake?dimensions={DIMENSION}"
        with Memory.open(tmp_path / "given.db", embedder=given) as memory:
            yield MemkitVectorStore(memory.asynchronous, self.get_embeddings())


class TestVectorStoreOpenedWithEmbeddings(VectorStoreIntegrationTests):
    @pytest.fixture
    def vectorstore(self, tmp_path: Path) -> Iterator[VectorStore]:
        store = MemkitVectorStore(
            tmp_path / "own.db", DeterministicFakeEmbedding(size=DIMENSION), namespace="acme"
        )
        yield store
        store.close()


class _Toy(MemkitEmbeddings):
    def __init__(self, dimension: int) -> None:
        super().__init__(ToyEmbedder(dimension))


class _Embeddings:
    @property
    def embeddings_class(self) -> type[Embeddings]:
        return _Toy

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        return {"dimension": 16}


class TestEmbeddingsUnit(_Embeddings, EmbeddingsUnitTests):
    pass


class TestEmbeddings(_Embeddings, EmbeddingsIntegrationTests):
    pass
