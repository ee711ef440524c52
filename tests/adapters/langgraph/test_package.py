"""The package as a whole: what it imports, what it says is missing, and that it opens no socket."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from langchain_core.messages import HumanMessage

import memkit_langgraph
from memkit import AsyncMemory, Memory
from memkit.errors import InvalidInput, StoreClosed
from memkit_langgraph import (
    MemkitChatMessageHistory,
    MemkitRetriever,
    MemkitVectorStore,
    memory_tools,
)

BLOCKED = """
import sys
class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Nothing())
import memkit_langgraph
from memkit.errors import MissingDependency
{then}
"""


def _run(code: str) -> None:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("blocked", "name", "message"),
    [
        (
            {"langchain_core", "langchain", "langgraph"},
            "MemkitRetriever",
            'MemkitRetriever needs langchain-core: pip install "agent-memkit[langchain]"',
        ),
        (
            {"langchain"},
            "MemkitMiddleware",
            'MemkitMiddleware needs langchain: pip install "agent-memkit[langgraph]"',
        ),
        (
            {"langgraph"},
            "MemkitStore",
            'MemkitStore needs langgraph: pip install "agent-memkit[langgraph]"',
        ),
    ],
)
def test_a_missing_framework_is_told_with_its_extra(
    blocked: set[str], name: str, message: str
) -> None:
    then = f"""
try:
    memkit_langgraph.{name}
except MissingDependency as error:
    assert {message!r} in str(error), error
else:
    raise SystemExit("it was there")
"""
    _run(BLOCKED.format(blocked=blocked, then=then))


def test_langchains_interfaces_need_langchain_core_alone() -> None:
    names = [
        "LangChainEmbedder",
        "MemkitChatMessageHistory",
        "MemkitEmbeddings",
        "MemkitRetriever",
        "MemkitVectorStore",
        "memory_tools",
    ]
    then = f"for name in {names!r}: getattr(memkit_langgraph, name)"
    _run(BLOCKED.format(blocked={"langchain", "langgraph"}, then=then))


def test_importing_the_package_imports_no_framework() -> None:
    _run(
        "import memkit, memkit_langgraph, sys\n"
        "assert not {'langchain_core', 'langchain', 'langgraph'} & sys.modules.keys()"
    )


def test_every_name_is_there() -> None:
    for name in memkit_langgraph.__all__:
        assert name in dir(memkit_langgraph)
        assert getattr(memkit_langgraph, name).__name__ == name
    with pytest.raises(AttributeError, match="nothing"):
        _ = memkit_langgraph.nothing


async def test_what_is_about_to_be_opened_is_opened_and_closed_here(tmp_path: Path) -> None:
    opening = AsyncMemory.open(tmp_path / "memory.db", embedder="none")
    store = MemkitVectorStore(opening)
    store.add_texts(["whales sing"])
    assert len(await store.asimilarity_search("whales")) == 1
    store.close()
    with pytest.raises(StoreClosed):
        store.add_texts(["whales dive"])
    with pytest.raises(InvalidInput, match="project"):
        MemkitVectorStore(AsyncMemory.open(tmp_path / "memory.db"), project="apollo")


def test_a_memory_that_is_handed_in_stays_open(memory: Memory) -> None:
    MemkitVectorStore(memory).close()
    MemkitRetriever(memory=memory.asynchronous).close()
    assert memory.count() == 0


@pytest.mark.usefixtures("no_sockets")
def test_no_socket_is_opened(memory: Memory) -> None:
    history = MemkitChatMessageHistory("s1", memory)
    store = MemkitVectorStore(memory)
    retriever = MemkitRetriever(memory=memory)
    remember, recall = memory_tools(memory)

    async def everything() -> None:
        await history.aadd_messages([HumanMessage("whales sing")])
        await store.aadd_texts(["whales dive"])
        await remember.ainvoke({"content": "whales breathe"})
        assert len(await retriever.ainvoke("whales")) == 3
        # A notebook runs a loop, and calls what blocks.
        assert len(retriever.invoke("whales")) == 3
        assert "breathe" in recall.invoke({"query": "whales"})

    asyncio.run(everything())
    assert "breathe" in recall.invoke({"query": "whales"})
