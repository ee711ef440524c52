"""The Microsoft Agent Framework's history provider: sessions that outlive their process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pytest
from agent_framework import (
    Agent,
    AgentSession,
    BaseChatClient,
    ChatResponse,
    ChatResponseUpdate,
    Content,
    FunctionInvocationLayer,
    Message,
    ResponseStream,
)

from memkit import Memory
from memkit_agents.agent_framework import MemkitContextProvider, MemkitHistoryProvider

T = TypeVar("T")
pytestmark = pytest.mark.usefixtures("no_sockets")


def run(work: Awaitable[T]) -> T:
    async def awaited() -> T:
        return await work

    return asyncio.run(awaited())


class Calling(FunctionInvocationLayer[Any], BaseChatClient[Any]):
    """Calls a tool when it is asked the first time, then answers with its result."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[list[Message]] = []

    def _inner_get_response(
        self,
        *,
        messages: Sequence[Message],
        stream: bool,
        options: Mapping[str, Any],
        **kwargs: Any,
    ) -> Awaitable[ChatResponse] | ResponseStream[ChatResponseUpdate, ChatResponse]:
        self.asked.append(list(messages))

        async def whole() -> ChatResponse:
            if messages[-1].role == "user" and options.get("tools"):
                call = Content.from_function_call("call-1", "floor_of", arguments={"what": "it"})
                return ChatResponse(messages=[Message("assistant", [call])])
            return ChatResponse(messages=[Message("assistant", ["On the third floor."])])

        return whole()


def floor_of(what: str) -> str:
    """The floor on which something stands."""
    return f"{what}: 3"


@pytest.fixture
def lab(memory: Memory) -> Memory:
    return memory.at(namespace="acme", project="apollo")


def shapes(messages: Sequence[Message]) -> list[tuple[str, list[str], str]]:
    return [(m.role, [content.type for content in m.contents], m.text) for m in messages]


def test_a_session_goes_on_in_another_process_with_its_tool_calls(lab: Memory) -> None:
    clients = Calling(), Calling()
    for client, text in zip(clients, ("Where is the printer?", "And the copier?"), strict=True):
        agent = Agent(
            client=client, tools=[floor_of], context_providers=[MemkitHistoryProvider(lab)]
        )
        run(agent.run(text, session=AgentSession(session_id="s")))
    first = [
        ("user", ["text"], "Where is the printer?"),
        ("assistant", ["function_call"], ""),
        ("tool", ["function_result"], ""),
        ("assistant", ["text"], "On the third floor."),
    ]
    assert shapes(clients[1].asked[0]) == [*first, ("user", ["text"], "And the copier?")]
    stored = run(MemkitHistoryProvider(lab).get_messages("s"))
    assert len(stored) == 8
    assert shapes(stored)[:4] == first
    assert stored[1].contents[0].parse_arguments() == {"what": "it"}
    kinds = [r.kind for r in lab.list(order_by="sequence", descending=False)]
    assert kinds == ["episode", "trace", "trace", "episode"] * 2


def test_messages_come_back_as_they_were(lab: Memory) -> None:
    picture = Content.from_uri("data:image/png;base64," + "A" * 100_000, media_type="image/png")
    messages = [
        Message("user", ["Look", picture], author_name="Ann", message_id="m1"),
        Message("assistant", [" Nice\n"], additional_properties={"mood": "good"}),
        Message("system", ["Be terse"]),
        Message("user", [" "]),
    ]
    provider = MemkitHistoryProvider(lab)
    run(provider.save_messages("s", messages))
    found = run(provider.get_messages("s"))
    assert [message.to_dict() for message in found] == [m.to_dict() for m in messages]
    latest = run(MemkitHistoryProvider(lab, latest=3).get_messages("s"))
    assert [m.to_dict() for m in latest] == [m.to_dict() for m in messages[1:]]
    assert run(provider.get_messages("other")) == []
    assert run(provider.get_messages(None)) == []


def test_a_transcript_handed_in_each_time_is_stored_once_and_repetition_kept(lab: Memory) -> None:
    provider = MemkitHistoryProvider(lab)
    talk = [Message(role, ["Yes"]) for role in ("user", "assistant") * 3]
    run(provider.save_messages("s", talk[:2]))
    run(provider.save_messages("s", talk[:2]))
    assert len(run(provider.get_messages("s"))) == 4
    run(provider.save_messages("s", talk))
    assert len(run(provider.get_messages("s"))) == 6
    twice = [Message("user", ["Hello"]), Message("user", ["Anyone?"]), Message("assistant", ["I"])]
    for _ in range(2):
        run(provider.save_messages("t", twice))
    assert len(run(provider.get_messages("t"))) == 6


def test_other_sessions_recall_what_was_said_but_no_tool_traffic(lab: Memory) -> None:
    history = MemkitHistoryProvider(lab)
    recalls = MemkitContextProvider(lab, remembers=False)
    client = Calling()
    agent = Agent(client=client, tools=[floor_of], context_providers=[recalls, history])
    run(agent.run("Where is the grey printer?", session=AgentSession(session_id="one")))
    run(agent.run("the grey printer's floor?", session=AgentSession(session_id="two")))
    recalled = client.asked[-1][0].text
    assert "| On the third floor." in recalled or "| Where is the grey printer?" in recalled
    assert "floor_of" not in recalled
    assert lab.count() == 8


def test_tenants_with_alike_names_stay_apart(memory: Memory) -> None:
    ours, theirs = (
        MemkitHistoryProvider(memory.at(namespace=name)) for name in ("acme", "acme-corp")
    )
    run(ours.save_messages("s", [Message("user", ["4711"])]))
    assert run(theirs.get_messages("s")) == []
    assert len(run(ours.get_messages("s"))) == 1


def test_eight_threads_each_with_a_loop_of_its_own(lab: Memory) -> None:
    provider = MemkitHistoryProvider(lab)

    def work(number: int) -> None:
        for session_id in (f"s{number}", "shared"):
            pair = [Message("user", [f"I am {number}"]), Message("assistant", [f"Hello {number}"])]
            run(provider.save_messages(session_id, pair))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(8)))
    for number in range(8):
        assert [m.text for m in run(provider.get_messages(f"s{number}"))] == [
            f"I am {number}",
            f"Hello {number}",
        ]
    shared = [message.text.split()[-1] for message in run(provider.get_messages("shared"))]
    assert len(shared) == 16
    assert shared[::2] == shared[1::2]
