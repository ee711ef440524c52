"""A chat history: every type of message comes back as it was added, in order, per session."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.runnables.history import RunnableWithMessageHistory

from memkit import Memory
from memkit.errors import InvalidInput
from memkit.handles import MemoryLike
from memkit_langgraph import MemkitChatMessageHistory

CALL = {"name": "search", "args": {"q": "whales", "deep": None}, "id": "c1", "type": "tool_call"}
MESSAGES: list[BaseMessage] = [
    SystemMessage("Be brief.", id="s1"),
    HumanMessage(
        [
            {"type": "text", "text": "What is this?"},
            {"type": "image", "base64": "aGVsbG8=", "mime_type": "image/png"},
        ],
        name="Ada",
    ),
    AIMessage(
        "",
        tool_calls=[CALL],
        usage_metadata={"input_tokens": 3, "output_tokens": 4, "total_tokens": 7},
        response_metadata={"logprobs": [0.25, None]},
    ),
    ToolMessage("", tool_call_id="c1", artifact={"rows": [1, 2]}, status="error"),
    ToolMessage([{"type": "text", "text": "3 hits"}], tool_call_id="c1"),
    AIMessage("A whale \u2028 \U0001f40b", additional_kwargs={"x": {"y": 1.5}}),
    ChatMessage(content="Objection!", role="lawyer"),
    HumanMessage([{"type": "image", "url": "https://example.org/whale.png"}]),
    AIMessage(""),
]


@pytest.fixture(params=["blocking", "asynchronous"])
def held(request: pytest.FixtureRequest, memory: Memory) -> MemoryLike:
    scope = memory.at(namespace="acme")
    return scope if request.param == "blocking" else scope.asynchronous


def test_every_message_comes_back_as_it_was(held: MemoryLike) -> None:
    history = MemkitChatMessageHistory("s1", held)
    history.add_messages(MESSAGES)
    assert MemkitChatMessageHistory("s1", held).messages == MESSAGES
    assert str(history).startswith("System: Be brief.")


async def test_and_when_awaited(held: MemoryLike) -> None:
    history = MemkitChatMessageHistory("s1", held)
    await history.aadd_messages(MESSAGES)
    await history.aadd_messages([])
    assert await history.aget_messages() == MESSAGES
    assert history.messages == MESSAGES
    await history.aclear()
    assert await history.aget_messages() == []


def test_order_holds_over_many_additions_and_pages(memory: Memory) -> None:
    history = MemkitChatMessageHistory("s1", memory)
    for number in range(20):
        history.add_user_message(f"question {number}")
        history.add_ai_message(f"answer {number}")
    history.add_messages([HumanMessage(f"more {number}") for number in range(600)])
    told = [str(message.text) for message in history.messages]
    assert told[:4] == ["question 0", "answer 0", "question 1", "answer 1"]
    assert told[40:] == [f"more {number}" for number in range(600)]
    assert [record.sequence for record in memory.list(order_by="sequence", limit=2)] == [639, 638]


def test_sessions_and_tenants_stay_apart_and_clear_spares_the_rest(memory: Memory) -> None:
    acme, other = memory.at(namespace="acme"), memory.at(namespace="acme-corp")
    acme.remember("Something said there", conversation_id="s1")
    first = MemkitChatMessageHistory("s1", acme)
    second = MemkitChatMessageHistory("s2", acme)
    foreign = MemkitChatMessageHistory("s1", other)
    for history, text in ((first, "one"), (second, "two"), (foreign, "three")):
        history.add_user_message(text)
    first.clear()
    first.clear()
    assert first.messages == []
    assert [message.text for message in second.messages] == ["two"]
    assert [message.text for message in foreign.messages] == ["three"]
    assert acme.count() == 2


def test_what_was_said_can_be_recalled(memory: Memory) -> None:
    MemkitChatMessageHistory("s1", memory).add_messages(
        [HumanMessage("My favourite colour is teal"), AIMessage("Noted.")]
    )
    (hit, *_) = memory.recall("favourite colour", context=1)
    assert hit.content == "My favourite colour is teal"
    assert (hit.record.conversation_id, hit.record.speaker) == ("s1", "human")
    assert [turn.content for turn in hit.context] == ["Noted."]


def test_eight_threads_keep_together_what_was_added_together(memory: Memory) -> None:
    def talk(number: int) -> None:
        history = MemkitChatMessageHistory("s1", memory)
        for turn in range(4):
            call = {"name": "f", "args": {}, "id": f"{number}-{turn}"}
            history.add_messages(
                [
                    AIMessage("", tool_calls=[call]),
                    ToolMessage(f"{number} {turn}", tool_call_id=f"{number}-{turn}"),
                ]
            )

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(talk, range(8)))
    told = MemkitChatMessageHistory("s1", memory).messages
    assert len(told) == 64
    for asked, answer in zip(told[::2], told[1::2], strict=True):
        assert isinstance(asked, AIMessage)
        assert isinstance(answer, ToolMessage)
        assert asked.tool_calls[0]["id"] == answer.tool_call_id


@pytest.mark.filterwarnings("ignore:RunnableWithMessageHistory is deprecated")
async def test_a_runnable_with_message_history_keeps_its_sessions(
    memory: Memory, scripted: Callable[..., Any]
) -> None:
    model = scripted("Hello Ada.", "You are Ada.")
    chat = RunnableWithMessageHistory(
        model, lambda session_id: MemkitChatMessageHistory(session_id, memory)
    )
    config: Any = {"configurable": {"session_id": "s1"}}
    chat.invoke([HumanMessage("I am Ada")], config)
    await chat.ainvoke([HumanMessage("Who am I?")], config)
    assert [message.text for message in model.asked[1]] == ["I am Ada", "Hello Ada.", "Who am I?"]
    assert len(MemkitChatMessageHistory("s1", memory).messages) == 4


def test_what_cannot_be_kept_is_refused_whole(memory: Memory) -> None:
    history = MemkitChatMessageHistory("s1", memory)
    large = {"type": "image", "base64": "A" * 70_000, "mime_type": "image/png"}
    with pytest.raises(InvalidInput, match="metadata"):
        history.add_messages([HumanMessage("Look"), HumanMessage([large])])
    unwritable = HumanMessage("x", additional_kwargs={"held": object()})
    with pytest.raises(InvalidInput, match="JSON"):
        history.add_messages([HumanMessage("Look"), unwritable])
    assert history.messages == []
    with pytest.raises(InvalidInput, match="session_id"):
        MemkitChatMessageHistory(" ", memory)


def test_a_record_holds_the_message_as_json(memory: Memory) -> None:
    MemkitChatMessageHistory("s1", memory).add_ai_message("Hello")
    (record,) = memory.list()
    assert json.loads(record.metadata["langchain_message"])["type"] == "ai"
