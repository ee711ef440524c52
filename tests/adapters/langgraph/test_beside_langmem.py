"""langmem's tools and ours in one agent: both on one memory, neither in the other's way."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Any

from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from memkit import Memory
from memkit_langgraph import MemkitMiddleware, MemkitStore, memory_tools

# It imports what LangGraph has deprecated.
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    langmem = import_module("langmem")


def _calls(name: str, **args: Any) -> AIMessage:
    return AIMessage("", tool_calls=[{"name": name, "args": args, "id": f"call-{name}"}])


async def test_both_remember_and_recall(memory: Memory, scripted: Callable[..., Any]) -> None:
    scope = memory.at(namespace="acme")
    store = MemkitStore(scope)
    tools = [
        *memory_tools(scope),
        langmem.create_manage_memory_tool(namespace=("memories", "ada"), store=store),
        langmem.create_search_memory_tool(namespace=("memories", "ada"), store=store),
    ]
    model = scripted(
        _calls("remember", content="Whales sing"),
        _calls("manage_memory", content="Whales dive deep"),
        _calls("search_memory", query="whales"),
        _calls("recall", query="whales"),
        "Done.",
    )
    agent: Any = create_agent(
        model, tools, store=store, middleware=[MemkitMiddleware(scope, remember=())]
    )
    state = await agent.ainvoke({"messages": [HumanMessage("whales?")]})
    answers = [str(each.text) for each in state["messages"] if isinstance(each, ToolMessage)]
    assert "dive" in answers[2]
    assert "sing" not in answers[2]
    assert "dive" in answers[3]
    assert "sing" in answers[3]
