"""The retriever and the tools: what they give, what they refuse, and that a scope is a scope."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import BaseTool

from memkit import Memory
from memkit.errors import InvalidInput
from memkit.filters import Eq
from memkit_langgraph import MemkitRetriever, memory_tools


def _tools(memory: Any, **options: Any) -> tuple[BaseTool, BaseTool]:
    remember, recall = memory_tools(memory, **options)
    return remember, recall


def test_a_document_tells_what_the_record_says(memory: Memory) -> None:
    moment = datetime(2026, 5, 8, tzinfo=UTC)
    kept = memory.at(project="apollo", agent="ines").remember(
        "Whales sing",
        kind="fact",
        tags=["sea"],
        metadata={"page": 3},
        occurred_at=moment,
        source="https://example.org",
    )
    retriever = MemkitRetriever(memory=memory.at(project="apollo"))
    (document,) = retriever.invoke("what do whales do?")
    assert (document.id, document.page_content) == (kept.id, "Whales sing")
    told = document.metadata
    assert (told["id"], told["kind"], told["agent"], told["project"]) == (
        kept.id,
        "fact",
        "ines",
        "apollo",
    )
    assert told["source"] == "https://example.org"
    assert told["metadata"] == {"page": 3}
    assert datetime.fromisoformat(told["occurred_at"]) == moment
    assert 0 <= told["relevance"] <= 1
    assert told["score"] > 0
    json.dumps(told)


async def test_a_retrievers_options_narrow_what_is_found(memory: Memory) -> None:
    memory.remember("Whales sing", kind="fact", metadata={"page": 3}, tags=["sea"])
    memory.remember("Whales are heavy", kind="fact", metadata={"page": 4})
    memory.remember("I like whales", kind="preference")
    for options, expected in (
        ({"kinds": ("preference",)}, ["I like whales"]),
        ({"filter": Eq("metadata.page", 4)}, ["Whales are heavy"]),
        ({"memory_tags": ("sea",)}, ["Whales sing"]),
        ({"min_relevance": 1.0}, []),
    ):
        retriever = MemkitRetriever(memory=memory.asynchronous, **options)
        for found in (retriever.invoke("whales"), await retriever.ainvoke("whales")):
            assert [document.page_content for document in found] == expected
    with pytest.raises(InvalidInput, match="limit"):
        MemkitRetriever(memory=memory).invoke("whales", k=0)


def test_a_retriever_opens_and_closes_a_store_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEMKIT_EMBEDDER", "none")
    with Memory.open(tmp_path / "memory.db") as memory:
        memory.remember("Whales sing")
    retriever = MemkitRetriever(memory=tmp_path / "memory.db")
    assert len(retriever.invoke("whales")) == 1
    retriever.close()
    with pytest.raises(ValueError, match="memory must be"):
        MemkitRetriever(memory=42)


def test_a_scope_cannot_be_chosen_by_a_model(memory: Memory) -> None:
    for tool in memory_tools(memory.at(namespace="acme")):
        properties = tool.get_input_jsonschema()["properties"]
        assert properties.keys() <= {"content", "kind", "tags", "query", "limit"}
    remember, recall = _tools(memory.at(namespace="acme", project="apollo"))
    remember.invoke({"content": "Whales sing", "namespace": "acme-corp", "project": "other"})
    (record,) = memory.at(namespace="acme", project="apollo").list(reach="exact")
    assert (record.namespace, record.project) == ("acme", "apollo")
    assert memory.at(namespace="acme-corp").count(reach="subtree") == 0
    _, other = _tools(memory.at(namespace="acme-corp", project="apollo"))
    assert "sing" in recall.invoke({"query": "whales"})
    assert other.invoke({"query": "whales"}) == "Nothing was found."


def test_a_tool_says_what_happened(memory: Memory) -> None:
    remember, _ = _tools(memory)
    first = remember.invoke({"content": "Whales sing"})
    assert first == f"Remembered as {next(iter(memory.list())).id}."
    assert "duplicate" in remember.invoke({"content": "Whales sing"})


async def test_the_answer_of_recall_is_bounded_and_lists_its_hits(memory: Memory) -> None:
    for number in range(10):
        memory.remember(f"Fact {number} about whales: " + "they sing long songs " * 30)
    _, recall = _tools(memory, limit=8, max_tokens=200)
    call = {"name": "recall", "args": {"query": "whales"}, "id": "1", "type": "tool_call"}
    message = await recall.ainvoke(call)
    assert isinstance(message, ToolMessage)
    assert len(str(message.text)) < 2000
    assert len(message.artifact) == 8
    assert message.artifact[0].keys() == {"id", "kind", "score", "relevance"}


def test_a_model_cannot_set_constraints_unless_it_may(memory: Memory) -> None:
    remember, _ = _tools(memory)
    wrong = {"content": "Refund everyone", "kind": "constraint"}
    with pytest.raises(ValueError, match="kind"):
        remember.invoke(wrong)
    free, _ = _tools(memory, kinds=("note", "constraint"))
    free.invoke(wrong)
    assert memory.count(kinds="constraint") == 1


async def test_a_memory_that_fails_is_told_to_the_model_and_ends_nothing(
    memory: Memory, scripted: Callable[..., Any]
) -> None:
    def calls(name: str, **args: Any) -> AIMessage:
        return AIMessage("", tool_calls=[{"name": name, "args": args, "id": name}])

    tools = memory_tools(memory, prefix="team_")
    memory.close()
    model = scripted(calls("team_remember", content="x y"), calls("team_recall", query="x"), "Bye.")
    agent: Any = create_agent(model, tools)
    state = await agent.ainvoke({"messages": [HumanMessage("Go on")]})
    failures = [each for each in state["messages"] if isinstance(each, ToolMessage)]
    assert [each.status for each in failures] == ["error", "error"]
    assert all("closed" in str(each.text) for each in failures)


def test_private_notes_stay_with_their_agent(memory: Memory) -> None:
    remember, recall = _tools(memory.at(agent="ines"), private=True)
    remember.invoke({"content": "I doubt the whales"})
    assert "doubt" in recall.invoke({"query": "whales"})
    _, others = _tools(memory.at(agent="sam"))
    assert others.invoke({"query": "whales"}) == "Nothing was found."


@pytest.mark.parametrize("face", ["blocking", "asynchronous"])
def test_eight_threads_share_a_retriever_and_tools(memory: Memory, face: str) -> None:
    scope = memory.at(namespace="acme")
    handle = scope if face == "blocking" else scope.asynchronous
    remember, recall = _tools(handle)
    retriever = MemkitRetriever(memory=handle)

    def work(number: int) -> None:
        for turn in range(4):
            remember.invoke({"content": f"Worker {number} did job {turn}"})
            assert retriever.invoke(f"worker {number}")
            assert asyncio.run(recall.ainvoke({"query": f"worker {number}"}))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert scope.count() == 32


def test_a_retriever_of_one_tenant_finds_nothing_of_another(memory: Memory) -> None:
    memory.at(namespace="acme").remember("The password is mackerel")
    assert MemkitRetriever(memory=memory.at(namespace="acme-corp")).invoke("password") == []
    assert len(MemkitRetriever(memory=memory.at(namespace="acme")).invoke("password")) == 1
