"""Runs of the Agents SDK with a scripted model: sessions, tools, instructions that recall."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from agents import Agent, RunConfig, Runner
from agents.testing import ScriptedModel, assistant_message, function_call

from memkit import Memory
from memkit.errors import InvalidInput, StoreClosed
from memkit_agents.openai_agents import MemkitSession, Recalling, memory_tools, with_memories

pytestmark = pytest.mark.usefixtures("no_sockets")

QUIET = RunConfig(tracing_disabled=True)


@dataclass
class User:
    name: str
    chat: str = "chat"


@pytest.fixture
def lab(memory: Memory) -> Memory:
    return memory.at(namespace="acme", project="apollo")


def scripted(*steps: Any) -> ScriptedModel:
    return ScriptedModel([step if isinstance(step, Sequence) else [step] for step in steps])


def calling(tool: str, number: int = 1, /, **arguments: Any) -> Any:
    return function_call(tool, json.dumps(arguments), call_id=f"call_{number}")


def run(agent: Agent[Any], said: str, **given: Any) -> str:
    result = asyncio.run(Runner.run(agent, said, run_config=QUIET, **given))
    return str(result.final_output)


def test_a_session_carries_a_conversation_over_runs_and_loops(lab: Memory) -> None:
    model = scripted(assistant_message("Hello Ada"), assistant_message("Ada, you said"))
    agent = Agent[None](name="helper", model=model)
    assert run(agent, "I am Ada", session=MemkitSession("chat", lab)) == "Hello Ada"
    assert run(agent, "Who am I?", session=MemkitSession("chat", lab)) == "Ada, you said"
    texts = [item["content"] for item in model.calls[1].input]
    assert texts[0] == "I am Ada"
    assert texts[1][0]["text"] == "Hello Ada"
    assert texts[2] == "Who am I?"


def test_a_run_with_tools_leaves_a_history_that_the_next_run_accepts(lab: Memory) -> None:
    model = scripted(
        calling("remember", content="Ada drinks tea", tags=["people"]),
        assistant_message("Noted"),
        calling("recall", 2, query="what does Ada drink?"),
        assistant_message("Tea"),
    )
    agent = Agent[None](name="helper", model=model, tools=list(memory_tools(lab)))
    session = MemkitSession("chat", lab)
    assert run(agent, "Ada drinks tea", session=session) == "Noted"
    assert run(agent, "Her drink?", session=session) == "Tea"
    (kept,) = lab.list(tags="people")
    assert kept.content == "Ada drinks tea"
    told = model.calls[3].input[-1]
    assert told["type"] == "function_call_output"
    assert "| Ada drinks tea" in told["output"].splitlines()
    types = [item.get("type") for item in asyncio.run(session.get_items())]
    assert types == [None, "function_call", "function_call_output", "message"] * 2


def test_streamed_runs_are_kept_too(lab: Memory) -> None:
    agent = Agent[None](name="helper", model=scripted(assistant_message("Streamed")))
    session = MemkitSession("chat", lab)

    async def stream() -> None:
        result = Runner.run_streamed(agent, "Go", session=session, run_config=QUIET)
        async for _ in result.stream_events():
            pass

    asyncio.run(stream())
    assert len(asyncio.run(session.get_items())) == 2


def test_instructions_end_with_what_is_remembered(lab: Memory) -> None:
    lab.remember("The API takes 100 requests a minute")
    model = scripted(assistant_message("A hundred"), assistant_message("Hm"))
    agent = Agent[None](
        name="helper",
        model=model,
        instructions=with_memories(lab, "Be brief.", session_id="chat"),
    )
    session = MemkitSession("chat", lab)
    run(agent, "how many requests does the API take?", session=session)
    run(agent, "API requests again?", session=session)
    for call in model.calls:
        own, _, rest = (call.system_instructions or "").partition("\n\n")
        assert own == "Be brief."
        assert "| The API takes 100 requests a minute" in rest.splitlines()
        assert "how many" not in rest


def test_another_session_recalls_what_was_said_in_the_first(lab: Memory) -> None:
    model = scripted(assistant_message("Noted"), assistant_message("Tuesday"))
    agent = Agent[None](name="helper", model=model, instructions=with_memories(lab))
    run(agent, "The launch is on Tuesday", session=MemkitSession("one", lab))
    run(agent, "When is the launch?", session=MemkitSession("two", lab))
    assert model.calls[0].system_instructions == ""
    assert "| The launch is on Tuesday" in (model.calls[1].system_instructions or "")


@pytest.mark.parametrize("own", ["plain", "function", "coroutine"])
def test_own_instructions_may_be_text_or_functions(lab: Memory, own: str) -> None:
    def function(context: Any, agent: Agent[Any]) -> str:
        return f"You are {agent.name}, for {context.context.name}."

    async def coroutine(context: Any, agent: Agent[Any]) -> str:
        return function(context, agent)

    given: Any = {"plain": "Hi.", "function": function, "coroutine": coroutine}[own]
    model = scripted(assistant_message("Yes"))
    agent = Agent[User](name="helper", model=model, instructions=with_memories(lab, given))
    run(agent, "Well?", context=User("Ada"))
    expected = "Hi." if own == "plain" else "You are helper, for Ada."
    assert model.calls[0].system_instructions == expected


def test_each_user_has_a_narrower_scope_that_no_model_chooses(memory: Memory) -> None:
    narrowed = {"narrowed": lambda user: {"namespace": user.name}}
    steps = [
        calling("remember", content="the safe opens with 4711"),
        assistant_message("Kept"),
        calling("recall", 2, query="safe", namespace="acme"),
        assistant_message("No"),
    ]
    model = scripted(*steps)
    agent = Agent[User](
        name="helper",
        model=model,
        tools=list(memory_tools(memory, **narrowed)),  # type: ignore[arg-type]
        instructions=with_memories(memory, **narrowed),  # type: ignore[arg-type]
    )
    run(agent, "Keep the safe's code", context=User("acme"))
    run(agent, "What is the safe's code?", context=User("acme-corp"))
    assert memory.at(namespace="acme").count() == 1
    assert memory.at(namespace="acme-corp").count() == 0
    assert "4711" not in json.dumps(model.calls[3].input)
    assert model.calls[3].system_instructions == ""
    for tool in memory_tools(memory):
        assert set(tool.params_json_schema["properties"]) <= {"content", "tags", "query"}


def test_failures_are_raised_or_logged(lab: Memory, caplog: pytest.LogCaptureFixture) -> None:
    strict = Agent[None](
        name="a", model=scripted(assistant_message("x")), instructions=with_memories(lab, "Hi.")
    )
    model = scripted(assistant_message("I go on"))
    lenient = Agent[None](
        name="b", model=model, instructions=with_memories(lab, "Hi.", failures="log")
    )
    lab.close()
    with pytest.raises(StoreClosed):
        run(strict, "well?")
    assert run(lenient, "well?") == "I go on"
    assert model.calls[0].system_instructions == "Hi."
    assert "recalling failed" in caplog.text


def test_a_url_is_no_handle_for_tools() -> None:
    with pytest.raises(InvalidInput, match="not str"):
        memory_tools("notes.db")  # type: ignore[arg-type]


def test_eight_runs_at_once_each_keep_their_own_session(lab: Memory) -> None:
    def work(n: int) -> str:
        model = scripted(
            calling("remember", content=f"runner {n} was here"), assistant_message(f"done {n}")
        )
        agent = Agent[None](
            name=f"a{n}",
            model=model,
            tools=list(memory_tools(lab)),
            instructions=with_memories(lab, recalling=Recalling(limit=3, max_tokens=200)),
        )
        return run(agent, f"go {n}", session=MemkitSession(f"chat {n}", lab))

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(work, range(8))) == [f"done {n}" for n in range(8)]
    assert lab.count(kinds="note") == 8
    for n in range(8):
        items: list[Any] = list(asyncio.run(MemkitSession(f"chat {n}", lab).get_items()))
        assert items[0]["content"] == f"go {n}"
        assert len(items) == 4
