"""The same objects on a server's memory: nothing but the address is another."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from llama_index.core.base.llms.types import ChatMessage, ImageBlock, TextBlock
from llama_index.core.schema import TextNode
from llama_index.core.vector_stores.types import VectorStoreQuery, VectorStoreQueryMode

from memkit import AsyncMemory, Memory, errors
from memkit.testing.embedders import ToyEmbedder
from memkit_llamaindex import (
    MemkitChatStore,
    MemkitEmbedding,
    MemkitMemory,
    MemkitVectorStore,
    memory_tools,
)
from tests.server.client.serving import serving


@pytest.fixture
def offline() -> None:
    """Here is a server to be reached."""


@pytest.fixture(params=["Client", "AsyncClient"])
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Memory | AsyncMemory]:
    with (
        serving(str(tmp_path / "served.db"), embedder=ToyEmbedder()) as server,
        Memory.open(server.url) as opened,
    ):
        acme = opened.at(namespace="acme")
        yield acme if request.param == "Client" else acme.asynchronous


def user(text: str) -> ChatMessage:
    return ChatMessage(role="user", content=text)


def test_memory_chats_nodes_and_tools_are_kept_by_a_server(client: Memory) -> None:
    MemkitMemory(client, session_id="a").put(user("My cat is called Ludo"))
    second = MemkitMemory(client, session_id="b")
    second.put(user("What is my cat called?"))
    assert "| My cat is called Ludo" in str(second.get()[0])

    picture = [TextBlock(text="see"), ImageBlock(image=b"\x89PNG" * 20_000)]
    chats = MemkitChatStore(client)
    asyncio.run(chats.add_messages("c", [ChatMessage(role="user", blocks=picture)]))
    (got,) = asyncio.run(chats.get_messages("c"))
    assert got.blocks == picture
    asyncio.run(chats.delete_messages("c"))
    assert asyncio.run(chats.get_keys()) == ["a", "b"]

    store = MemkitVectorStore(client)
    vector = ToyEmbedder().embed(["grass is green"])[0].tolist()
    store.add([TextNode(id_="grass", text="grass is green", embedding=vector)])
    store.add([TextNode(id_="rails", text="trains run on rails")])
    assert store.query(VectorStoreQuery(query_embedding=vector)).ids == ["grass"]
    assert store.query(VectorStoreQuery(query_str="trains on rails")).ids == ["rails"]
    varied = VectorStoreQuery(query_embedding=vector, mode=VectorStoreQueryMode.MMR)
    with pytest.raises(errors.InvalidInput, match="server"):
        store.query(varied)
    store.delete_nodes(["grass"])
    assert [each.node_id for each in store.get_nodes()] == ["rails"]

    remember, recall = memory_tools(client)
    assert str(remember.call(content="dogs bark")) == "Remembered."
    assert "| dogs bark" in str(asyncio.run(recall.acall(query="dogs")))
    with pytest.raises(errors.ConfigurationError, match="a server embeds"):
        MemkitEmbedding(client)
