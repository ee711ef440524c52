"""Everything works with a memory that a server keeps, too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage

from memkit import Memory
from memkit_langgraph import (
    MemkitChatMessageHistory,
    MemkitMiddleware,
    MemkitRetriever,
    MemkitVectorStore,
    memory_tools,
)
from tests.server.standing import standing


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    folder: Path = tmp_path_factory.mktemp("server")
    with standing(folder / "memory.db") as server:
        yield server.url, server.tokens["chief"]


@pytest.fixture
def client(address: tuple[str, str], request: pytest.FixtureRequest) -> Iterator[Memory]:
    url, token = address
    with Memory.open(url, token=token) as opened:
        yield opened.at(project=request.node.name)


async def test_an_agent_remembers(client: Memory, scripted: Callable[..., Any]) -> None:
    model = scripted()
    agent: Any = create_agent(model, memory_tools(client), middleware=[MemkitMiddleware(client)])
    await agent.ainvoke({"messages": [HumanMessage("My favourite colour is teal")]})
    await agent.ainvoke({"messages": [HumanMessage("Which colour is my favourite?")]})
    assert "teal" in str(model.asked[1][-1].text)


def test_an_agent_remembers_blocking(client: Memory, scripted: Callable[..., Any]) -> None:
    model = scripted()
    agent: Any = create_agent(model, middleware=[MemkitMiddleware(client.asynchronous)])
    agent.invoke({"messages": [HumanMessage("My favourite colour is teal")]})
    agent.invoke({"messages": [HumanMessage("Which colour is my favourite?")]})
    assert "teal" in str(model.asked[1][-1].text)


async def test_a_history_keeps_its_messages(client: Memory) -> None:
    history = MemkitChatMessageHistory("s1", client)
    await history.aadd_messages([HumanMessage("Hello"), AIMessage("Good day")])
    assert [message.text for message in history.messages] == ["Hello", "Good day"]
    history.clear()
    assert await history.aget_messages() == []


async def test_documents_are_found_replaced_and_deleted(client: Memory) -> None:
    store = MemkitVectorStore(client)
    store.add_texts(["whales sing", "sharks bite"], ids=["a", "b"])
    await store.aadd_texts(["whales dive"], ids=["a"])
    (found,) = store.similarity_search("whales", k=1)
    assert (found.id, found.page_content) == ("a", "whales dive")
    retriever = MemkitRetriever(memory=client)
    assert len(await retriever.ainvoke("whales dive", k=1)) == 1
    assert await store.adelete(["a"]) is True
    assert [document.id for document in store.get_by_ids(["a", "b"])] == ["b"]
