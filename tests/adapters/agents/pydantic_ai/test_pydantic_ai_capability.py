"""The capability for Pydantic AI: recall before requests, turns after runs, tools, scopes."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic_ai import Agent
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.models.test import TestModel
from pydantic_ai.run import AgentRunResult

from memkit import Memory
from memkit.errors import InvalidInput, InvalidScope, StoreClosed
from memkit_agents.pydantic_ai import MemkitMemory, Recalling

pytestmark = pytest.mark.usefixtures("no_sockets")


@dataclass
class User:
    name: str


class Verdict(BaseModel):
    guilty: bool


@pytest.fixture
def lab(memory: Memory) -> Memory:
    return memory.at(namespace="acme", project="apollo", agent="helper")


def says(text: str) -> ModelResponse:
    return ModelResponse(parts=[TextPart(text)])


def calls(tool: str, **arguments: Any) -> ModelResponse:
    return ModelResponse(parts=[ToolCallPart(tool, arguments)])


def run(agent: Agent[Any, Any], said: Any, **given: Any) -> AgentRunResult[Any]:
    # Not run_sync, which leaves a loop of its own open in each thread.
    return asyncio.run(agent.run(said, **given))


class Scripted:
    """A model that gives its answers in order and keeps what it was asked."""

    def __init__(self, *answers: ModelResponse) -> None:
        self.answers = list(answers)
        self.asked: list[list[ModelMessage]] = []
        self.model = FunctionModel(self._answer)

    def _answer(self, messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        self.asked.append(messages)
        return self.answers[len(self.asked) - 1]


def prompts(messages: list[ModelMessage]) -> list[str]:
    return [
        str(part.content)
        for message in messages
        if isinstance(message, ModelRequest)
        for part in message.parts
        if isinstance(part, UserPromptPart)
    ]


def test_what_is_remembered_goes_before_the_prompt_and_not_into_the_history(lab: Memory) -> None:
    lab.remember("The API takes 100 requests a minute")
    script = Scripted(says("A hundred"))
    agent = Agent(script.model, capabilities=[MemkitMemory(lab)], instructions="Be brief.")
    result = run(agent, "how many requests does the API take?")
    told, asked = prompts(script.asked[0])
    assert "| The API takes 100 requests a minute" in told.splitlines()
    assert asked == "how many requests does the API take?"
    (request,) = [m for m in script.asked[0] if isinstance(m, ModelRequest)]
    assert request.instructions == "Be brief."
    assert prompts(result.all_messages()) == [asked]


def test_each_step_of_a_run_sees_the_same_memories(lab: Memory) -> None:
    lab.remember("Ada drinks tea")
    script = Scripted(calls("remember", content="Ada drinks tea with milk"), says("Noted"))
    agent = Agent(script.model, capabilities=[MemkitMemory(lab)])
    run(agent, "what does Ada drink?")
    first, second = (prompts(messages) for messages in script.asked)
    assert first == second
    assert len(first) == 2


def test_the_turns_of_a_run_are_stored_as_a_conversation(lab: Memory) -> None:
    script = Scripted(says("Hello Ada"), says("You are Ada"))
    agent = Agent(script.model, capabilities=[MemkitMemory(lab)])
    first = run(agent, "I am Ada", conversation_id="chat")
    run(agent, "Who am I?", message_history=first.all_messages())
    records = lab.list(order_by="sequence", descending=False)
    assert [(r.sequence, r.speaker, r.content) for r in records] == [
        (0, "user", "I am Ada"),
        (1, "assistant", "Hello Ada"),
        (2, "user", "Who am I?"),
        (3, "assistant", "You are Ada"),
    ]
    assert {(r.conversation_id, r.kind, r.agent) for r in records} == {
        ("chat", "episode", "helper")
    }
    assert all(r.occurred_at for r in records if r.speaker == "user")


def test_turns_that_the_request_holds_are_not_told_again(lab: Memory) -> None:
    script = Scripted(says("On Tuesday"), says("As I said"), says("Tuesday, I hear"))
    agent = Agent(script.model, capabilities=[MemkitMemory(lab)])
    first = run(agent, "The launch is on Tuesday", conversation_id="one")
    run(agent, "When is the launch?", message_history=first.all_messages())
    assert prompts(script.asked[1]) == ["The launch is on Tuesday", "When is the launch?"]
    run(agent, "So, the launch?", conversation_id="two")
    assert "| The launch is on Tuesday" in prompts(script.asked[2])[0].splitlines()


def test_a_conversation_without_its_messages_is_recalled(lab: Memory) -> None:
    script = Scripted(says("Fine"), says("Tuesday"))
    agent = Agent(script.model, capabilities=[MemkitMemory(lab)])
    run(agent, "The launch is on Tuesday", conversation_id="one")
    run(agent, "When is the launch?", conversation_id="one")
    assert "| The launch is on Tuesday" in prompts(script.asked[1])[0].splitlines()


def test_the_model_remembers_and_recalls_by_tools(lab: Memory) -> None:
    script = Scripted(
        calls("remember", content="Ada drinks tea", tags=["people"]),
        calls("recall", query="what does Ada drink?"),
        calls("recall", query="zzz"),
        says("Tea"),
    )
    agent = Agent(
        script.model,
        capabilities=[
            MemkitMemory(lab, recalls=False, recalling=Recalling(options={"mode": "lexical"}))
        ],
    )
    run(agent, "Note it, then look it up")
    (kept,) = lab.list(tags="people")
    assert kept.content == "Ada drinks tea"
    told = [
        str(part.content)
        for message in script.asked[3]
        for part in message.parts
        if isinstance(part, ToolReturnPart)
    ]
    assert told[0] == f"stored: {kept.id}"
    assert "| Ada drinks tea" in told[1].splitlines()
    assert told[2] == "Nothing is remembered about that."


def test_no_tool_takes_a_scope_and_tools_can_be_left_out(lab: Memory) -> None:
    model = TestModel(call_tools=[])
    run(Agent(model, capabilities=[MemkitMemory(lab)]), "hi")
    assert model.last_model_request_parameters is not None
    tools = model.last_model_request_parameters.function_tools
    assert {tool.name: set(tool.parameters_json_schema["properties"]) for tool in tools} == {
        "remember": {"content", "tags"},
        "recall": {"query"},
    }
    run(Agent(model, capabilities=[MemkitMemory(lab, tools=False)]), "hi")
    assert model.last_model_request_parameters.function_tools == []


def test_streamed_runs_and_structured_answers_are_stored_too(lab: Memory) -> None:
    capability = MemkitMemory[None](lab, tools=False)

    async def stream() -> str:
        agent = Agent(TestModel(custom_output_text="Streamed"), capabilities=[capability])
        async with agent.run_stream("Go") as result:
            return str(await result.get_output())

    assert asyncio.run(stream()) == "Streamed"
    judge = Agent(TestModel(), output_type=Verdict, capabilities=[capability])
    run(judge, ["Well", "judge"])
    said = {(r.speaker, r.content) for r in lab.list()}
    assert said == {
        ("user", "Go"),
        ("assistant", "Streamed"),
        ("user", "Well\njudge"),
        ("assistant", '{"guilty":false}'),
    }


def test_a_run_that_fails_stores_nothing(lab: Memory) -> None:
    def fail(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        raise ZeroDivisionError

    agent = Agent(FunctionModel(fail), capabilities=[MemkitMemory(lab)])
    with pytest.raises(ZeroDivisionError):
        run(agent, "hello")
    assert lab.count() == 0


def test_each_user_has_a_scope_of_their_own_and_tenants_stay_apart(memory: Memory) -> None:
    script = Scripted(
        calls("remember", content="the safe opens with 4711"),
        says("Kept"),
        calls("recall", query="safe"),
        says("I do not know"),
    )
    capability = MemkitMemory[User](
        memory, narrowed=lambda ctx: {"namespace": ctx.deps.name, "agent": "helper"}
    )
    agent = Agent(script.model, deps_type=User, capabilities=[capability])
    run(agent, "the safe's code is 4711", deps=User("acme"))
    run(agent, "the safe's code?", deps=User("acme-corp"))
    assert "4711" not in str(script.asked[3])
    assert memory.at(namespace="acme").count() == 3
    assert memory.at(namespace="acme-corp").count() == 2


def test_a_bound_scope_cannot_be_left(lab: Memory) -> None:
    capability = MemkitMemory[User](lab, narrowed=lambda ctx: {"namespace": ctx.deps.name})
    agent = Agent(TestModel(call_tools=[]), deps_type=User, capabilities=[capability])
    with pytest.raises(InvalidScope, match="another namespace"):
        run(agent, "hello", deps=User("acme-corp"))


def test_failures_are_raised_or_logged(lab: Memory, caplog: pytest.LogCaptureFixture) -> None:
    model = TestModel(call_tools=[], custom_output_text="I go on")
    strict = Agent(model, capabilities=[MemkitMemory(lab)])
    lenient = Agent(model, capabilities=[MemkitMemory(lab, failures="log")])
    lab.close()
    with pytest.raises(StoreClosed):
        run(strict, "hello")
    assert run(lenient, "hello").output == "I go on"
    assert "recalling failed" in caplog.text
    assert "remembering failed" in caplog.text


def test_wrong_arguments_are_refused_at_once(lab: Memory) -> None:
    with pytest.raises(InvalidInput, match="not str"):
        MemkitMemory("notes.db")  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="failures"):
        MemkitMemory(lab, failures="hide")  # type: ignore[arg-type]


def test_one_capability_serves_eight_threads_and_their_loops(lab: Memory) -> None:
    capability = MemkitMemory[None](lab.asynchronous, failures="raise")

    def work(n: int) -> str:
        script = Scripted(calls("remember", content=f"runner {n} was here"), says(f"done {n}"))
        agent = Agent(script.model, capabilities=[capability])
        return str(run(agent, f"go {n}", conversation_id="shared").output)

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(work, range(8))) == [f"done {n}" for n in range(8)]
    assert lab.count(kinds="note") == 8
    said = lab.list(kinds="episode", order_by="sequence", descending=False).records
    assert [record.sequence for record in said] == list(range(16))
    for asked, answered in zip(said[::2], said[1::2], strict=True):
        assert asked.content.removeprefix("go ") == answered.content.removeprefix("done ")


def test_eight_runs_in_one_loop(lab: Memory) -> None:
    agent = Agent(
        TestModel(call_tools=[], custom_output_text="ok"),
        capabilities=[MemkitMemory[None](lab)],
    )

    async def together() -> None:
        await asyncio.gather(*(agent.run(f"go {n}") for n in range(8)))

    asyncio.run(together())
    assert sorted(r.content for r in lab.list() if r.speaker == "user") == [
        f"go {n}" for n in range(8)
    ]
