"""The store in use: by graphs and langmem's tools, threads, loops, processes, every handle."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.tools import BaseTool, tool
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import MessagesState
from langgraph.prebuilt import InjectedStore, ToolNode
from langgraph.runtime import Runtime
from langgraph.store.base import BaseStore, GetOp, PutOp

from memkit import AsyncMemory, Memory
from memkit.errors import StoreClosed
from memkit.testing.embedders import ToyEmbedder
from memkit_langgraph import LangChainEmbedder, MemkitEmbeddings, MemkitStore

NS = ("users", "alice")


class _State(TypedDict):
    said: str
    known: list[str]


def test_a_compiled_graph_reads_and_writes_it(store: MemkitStore) -> None:
    def note(state: _State, runtime: Runtime[None]) -> dict[str, Any]:
        assert runtime.store is not None
        runtime.store.put(NS, state["said"], {"text": state["said"]})
        return {}

    async def look(state: _State, runtime: Runtime[None]) -> dict[str, Any]:
        assert runtime.store is not None
        found = await runtime.store.asearch(NS, query="green tea")
        return {"known": [item.value["text"] for item in found]}

    def look_blocking(state: _State, runtime: Runtime[None]) -> dict[str, Any]:
        assert runtime.store is not None
        return {"known": [item.key for item in runtime.store.search(NS, query="green tea")]}

    def compiled(second: Any) -> Any:
        graph = StateGraph(_State)
        graph.add_node("note", note)
        graph.add_node("look", second)
        graph.add_edge(START, "note")
        graph.add_edge("note", "look")
        graph.add_edge("look", END)
        return graph.compile(store=store)

    state = compiled(look_blocking).invoke({"said": "I drink green tea", "known": []})
    assert state["known"] == ["I drink green tea"]
    state = asyncio.run(compiled(look).ainvoke({"said": "Trains go to Basel", "known": []}))
    assert state["known"][0] == "I drink green tea"
    assert len(state["known"]) == 2


@tool
def save(text: str, store: Annotated[BaseStore, InjectedStore()]) -> str:
    """Save a text."""
    store.put(NS, "saved", {"text": text})
    return "saved"


def _called(
    tools: Sequence[BaseTool], store: BaseStore, name: str, **arguments: Any
) -> ToolMessage:
    graph = StateGraph(MessagesState)
    graph.add_node("tools", ToolNode(tools))
    graph.add_edge(START, "tools")
    graph.add_edge("tools", END)
    call = {"name": name, "args": arguments, "id": "1", "type": "tool_call"}
    message = AIMessage("", tool_calls=[call])
    state = graph.compile(store=store).invoke({"messages": [message]})
    answer = state["messages"][-1]
    assert isinstance(answer, ToolMessage)
    assert answer.status == "success", answer.content
    return answer


def test_a_tool_gets_it_injected(store: MemkitStore) -> None:
    _called([save], store, "save", text="I drink green tea")
    item = store.get(NS, "saved")
    assert item is not None
    assert item.value == {"text": "I drink green tea"}


def test_langmems_tools_work_on_it(store: MemkitStore) -> None:
    # It imports what LangGraph has deprecated.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        langmem = import_module("langmem")
    tools = [
        langmem.create_manage_memory_tool(namespace=NS),
        langmem.create_search_memory_tool(namespace=NS),
    ]
    told = _called(tools, store, "manage_memory", content="Alice drinks green tea")
    assert str(told.content).startswith("created memory")
    (item,) = store.search(NS)
    assert item.value == {"content": "Alice drinks green tea"}
    _called(tools, store, "manage_memory", content="Alice drinks tea", action="update", id=item.key)
    found = json.loads(str(_called(tools, store, "search_memory", query="tea").content))
    assert [each["value"] for each in found] == [{"content": "Alice drinks tea"}]
    _called(tools, store, "manage_memory", action="delete", id=item.key)
    assert store.search(NS) == []


def test_eight_threads_and_loops_share_it(store: MemkitStore) -> None:
    barrier = threading.Barrier(8)

    def blocking(worker: int) -> None:
        barrier.wait()
        for number in range(10):
            store.put(NS, f"{worker}-{number}", {"text": f"tea {worker} {number}"})
            store.put(NS, "shared", {"text": f"tea {worker} {number}"})
            assert store.get(NS, f"{worker}-{number}") is not None
            assert store.search(NS, query="tea", limit=3)

    async def awaiting(worker: int) -> None:
        barrier.wait()
        for number in range(10):
            await store.aput(NS, f"{worker}-{number}", {"text": f"tea {worker} {number}"})
            await store.aput(NS, "shared", {"text": f"tea {worker} {number}"}, ttl=1)
            assert await store.aget(NS, "shared") is not None
            assert await store.asearch(NS, query="tea", limit=3)
            await store.adelete(NS, "nobody's")

    with ThreadPoolExecutor(8) as pool:
        work = [pool.submit(blocking, worker) for worker in range(4)]
        work += [
            pool.submit(lambda at: asyncio.run(awaiting(at)), worker) for worker in range(4, 8)
        ]
        for each in work:
            each.result()
    assert {item.key for item in store.search(NS, limit=100)} == {
        "shared",
        *(f"{worker}-{number}" for worker in range(8) for number in range(10)),
    }


def test_a_second_process_on_the_file_sees_and_changes_it(tmp_path: Path) -> None:
    program = """
import sys
from memkit import Memory
from memkit.errors import StoreClosed
from memkit.testing.embedders import ToyEmbedder
from memkit_langgraph import MemkitStore
with Memory.open(sys.argv[1], embedder=ToyEmbedder()) as memory:
    store = MemkitStore(memory)
    assert store.get(("users", "alice"), "here").value == {"text": "green tea"}
    store.put(("users", "alice"), "there", {"text": "black tea"})
    store.delete(("users", "alice"), "here")
"""
    path = tmp_path / "memory.db"
    with Memory.open(path, embedder=ToyEmbedder()) as memory:
        store = MemkitStore(memory)
        store.put(NS, "here", {"text": "green tea"})
        subprocess.run(
            [sys.executable, "-W", "error", "-c", program, str(path)], check=True, timeout=60
        )
        assert [item.key for item in store.search((), query="tea")] == ["there"]
        assert store.get(NS, "here") is None


def test_both_faces_work_on_an_asynchronous_memory(tmp_path: Path) -> None:
    async def use() -> None:
        async with AsyncMemory.open(tmp_path / "memory.db", embedder=ToyEmbedder()) as memory:
            store = MemkitStore(memory)
            await store.aput(NS, "k", {"text": "green tea"})
            threads = threading.active_count()
            for _ in range(20):
                assert await store.aget(NS, "k") is not None
            assert threading.active_count() == threads
            # In the thread of a running loop, and in another one.
            assert store.get(NS, "k") is not None
            assert len(await asyncio.to_thread(store.search, NS)) == 1
            store.close()
            await memory.get((await memory.list()).records[0].id)

    asyncio.run(use())


def test_it_opens_what_is_about_to_be_opened(tmp_path: Path) -> None:
    async def use() -> None:
        opening = AsyncMemory.open(tmp_path / "memory.db", embedder=ToyEmbedder())
        async with MemkitStore(opening) as store:
            await store.aput(NS, "k", {"text": "green tea"})
            assert store.scope.namespace == "default"
        with pytest.raises(StoreClosed):
            await store.aget(NS, "k")

    asyncio.run(use())


def test_a_memory_that_it_opened_is_closed_by_it(tmp_path: Path) -> None:
    embeddings = MemkitEmbeddings(ToyEmbedder())
    for _ in range(2):
        with MemkitStore(
            tmp_path / "own.db", index={"embed": embeddings, "dims": 64, "fields": ["text"]}
        ) as store:
            store.put(NS, "k", {"text": "green tea"})
            assert store.search(NS, query="tea")[0].score == 1.0
    embedder = LangChainEmbedder(embeddings)
    with Memory.open(tmp_path / "own.db", embedder=embedder) as memory:
        assert MemkitStore(memory).get(NS, "k") is not None
        MemkitStore(memory).close()
        assert memory.count() == 1


def test_it_opens_no_connection(store: MemkitStore, no_sockets: None) -> None:
    store.batch([PutOp(NS, "k", {"text": "green tea"}), GetOp(NS, "k")])
    assert store.search(NS, query="tea")
    store.delete(NS, "k")


def test_without_langgraph_the_extra_is_named() -> None:
    program = """
import sys
sys.modules["langgraph"] = None
import memkit_langgraph
try:
    memkit_langgraph.MemkitStore
except memkit_langgraph.MissingDependency as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert 'pip install "agent-memkit[langgraph]"' in done.stdout


def test_it_works_on_a_server_too(tmp_path: Path) -> None:
    from tests.server.client.serving import serving

    with serving(str(tmp_path / "memory.db"), embedder=ToyEmbedder()) as server:
        with Memory.open(server.url) as client:
            store = MemkitStore(client, ttl={"default_ttl": 10})
            store.put(NS, "k", {"text": "green tea", "n": 5, "deep": {"n": 7}})
            store.put(NS, "l", {"text": "the train to Basel"}, index=False, ttl=None)
            for conditions in ({"n": 5}, {"deep.n": 7}):
                (item,) = store.search(NS, query="tea", filter=conditions)
                assert item.key == "k"
                assert item.score == 1.0
            assert store.list_namespaces() == [NS]
            store.delete(NS, "k")
            assert [item.key for item in store.search(())] == ["l"]

        async def use() -> None:
            async with MemkitStore(AsyncMemory.open(server.url)) as store:
                await store.aput(NS, "m", {"text": "black tea"})
                assert [item.key for item in await store.asearch((), query="tea")] == ["m"]
                assert await store.aget(NS, "l") is not None

        asyncio.run(use())
