"""AutoGen's Memory kept by memkit: contents, contexts, agents, components, tenants, threads."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
from autogen_core import (
    AgentId,
    CancellationToken,
    ComponentModel,
    Image,
    MessageContext,
    RoutedAgent,
    SingleThreadedAgentRuntime,
    message_handler,
)
from autogen_core.memory import Memory as AutoGenMemory
from autogen_core.memory import MemoryContent, MemoryMimeType
from autogen_core.model_context import BufferedChatCompletionContext
from autogen_core.models import (
    AssistantMessage,
    ChatCompletionClient,
    SystemMessage,
    UserMessage,
)

from memkit import Memory
from memkit.errors import ConfigurationError, InvalidInput, StoreClosed
from memkit.types import State
from memkit_agents.autogen import MemkitMemory, Recalling
from tests.adapters.agents.autogen.autogen_fakes import ScriptedClient

pytestmark = pytest.mark.usefixtures("no_sockets")

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


def text(content: str, **metadata: Any) -> MemoryContent:
    return MemoryContent(content=content, mime_type=MemoryMimeType.TEXT, metadata=metadata or None)


@pytest.fixture
def lab(memory: Memory) -> Memory:
    return memory.at(namespace="acme", project="apollo", agent="helper")


@dataclass
class Question:
    text: str


class Answering(RoutedAgent):
    """An agent of one's own, with a model, a context and memories."""

    def __init__(self, client: ChatCompletionClient, memory: AutoGenMemory) -> None:
        super().__init__("answers questions")
        self._client = client
        self._memory = memory
        self._context = BufferedChatCompletionContext(buffer_size=20)

    @message_handler
    async def on_question(self, message: Question, ctx: MessageContext) -> str:
        await self._context.add_message(UserMessage(content=message.text, source="user"))
        await self._memory.update_context(self._context)
        result = await self._client.create(await self._context.get_messages())
        answer = str(result.content)
        await self._context.add_message(AssistantMessage(content=answer, source="helper"))
        return answer


async def asked(client: ScriptedClient, memory: AutoGenMemory, *questions: str) -> list[str]:
    """What an agent of a running runtime answers."""
    runtime = SingleThreadedAgentRuntime()
    await Answering.register(runtime, "answering", lambda: Answering(client, memory))
    runtime.start()
    answers = [
        await runtime.send_message(Question(question), AgentId("answering", "default"))
        for question in questions
    ]
    await runtime.stop_when_idle()
    return answers


def system_texts(messages: list[Any]) -> list[str]:
    return [m.content for m in messages if isinstance(m, SystemMessage)]


def test_an_agent_is_told_what_is_remembered_and_no_memory_twice(lab: Memory) -> None:
    lab.remember("The API takes 100 requests a minute")
    lab.remember("The API of the old system takes SOAP")
    client = ScriptedClient("A hundred", "Yes, SOAP")
    memory = MemkitMemory(lab, recalling=Recalling(limit=1))
    answers = run(asked(client, memory, "requests a minute for the API?", "old system SOAP API?"))
    assert answers == ["A hundred", "Yes, SOAP"]
    (first,) = system_texts(client.asked[0])
    assert "| The API takes 100 requests a minute" in first.splitlines()
    both = system_texts(client.asked[1])
    assert both[0] == first
    assert "| The API of the old system takes SOAP" in both[1].splitlines()
    again = ScriptedClient("a", "b")
    run(asked(again, memory, "API requests?", "API requests?"))
    assert len(system_texts(again.asked[1])) == 1


@pytest.mark.parametrize("face", ["memory", "async"])
def test_contents_come_back_as_they_were_added(lab: Memory, face: str) -> None:
    memory = MemkitMemory(lab if face == "memory" else lab.asynchronous)
    contents = [
        text("Ada drinks tea", topic="people", nested={"a": [1, None]}),
        MemoryContent(content="# Tea\n*green*", mime_type=MemoryMimeType.MARKDOWN),
        MemoryContent(content={"drink": "tea", "cups": 2}, mime_type=MemoryMimeType.JSON),
        MemoryContent(content='{"drink": "green tea"}', mime_type=MemoryMimeType.JSON),
        MemoryContent(content="<b>tea</b>", mime_type="text/html"),
    ]

    async def use() -> list[MemoryContent]:
        for content in contents:
            await memory.add(content)
        return (await memory.query("tea")).results

    found = run(use())
    told = {"id", "score", "relevance", "kind", "agent", "created_at"}
    back = [
        (c.content, c.mime_type, {k: v for k, v in (c.metadata or {}).items() if k not in told})
        for c in found
    ]
    expected = [(c.content, c.mime_type, c.metadata or {}) for c in contents]
    assert sorted(back, key=str) == sorted(expected, key=str)
    assert all(told <= set(c.metadata or {}) for c in found)
    assert json.loads(found[0].model_dump_json())["metadata"]["agent"] == "helper"


def test_what_is_no_text_is_refused(lab: Memory) -> None:
    memory = MemkitMemory(lab)
    image = Image.from_base64(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    )
    for content, mime in ((b"bytes", MemoryMimeType.BINARY), (image, MemoryMimeType.IMAGE)):
        with pytest.raises(InvalidInput, match="text and JSON"):
            run(memory.add(MemoryContent(content=content, mime_type=mime)))
    assert lab.count() == 0


def test_a_query_may_be_narrowed_and_takes_nothing_else(lab: Memory) -> None:
    lab.remember("tea is green", kind="fact")
    lab.remember("tea is hot")
    memory = MemkitMemory(lab)
    (only,) = run(memory.query("tea", kinds=["fact"], limit=5)).results
    assert only.content == "tea is green"
    assert len(run(memory.query(text("tea"), limit=1)).results) == 1
    assert run(memory.query("")).results == []
    with pytest.raises(InvalidInput, match="not reach"):
        run(memory.query("tea", reach="subtree"))


def test_a_cancelled_token_ends_a_call(lab: Memory) -> None:
    memory = MemkitMemory(lab)
    token = CancellationToken()
    token.cancel()
    for call in (memory.query("tea", token), memory.add(text("tea"), token)):
        with pytest.raises(asyncio.CancelledError):
            run(call)
    live = CancellationToken()
    run(memory.add(text("tea"), live))
    assert [c.content for c in run(memory.query("tea", live)).results] == ["tea"]


@pytest.mark.parametrize("forgets", [False, True])
def test_clearing_takes_out_what_autogen_added_here_and_nothing_else(
    memory: Memory, forgets: bool
) -> None:
    place = memory.at(namespace="acme", project="apollo")
    ann, bob = place.at(agent="ann"), place.at(agent="bob")
    place.remember("tea of nobody")
    run(MemkitMemory(ann).add(text("tea of ann")))
    run(MemkitMemory(bob).add(text("tea of bob")))
    run(MemkitMemory(memory.at(namespace="acme-corp", project="apollo")).add(text("tea of corp")))
    run(MemkitMemory(ann, forgets=forgets).clear())
    assert {record.content for record in place.list()} == {"tea of nobody", "tea of bob"}
    assert place.count(states=tuple(State)) == (3 if forgets else 2)
    assert memory.at(namespace="acme-corp", project="apollo").count() == 1


def test_tenants_whose_names_are_alike_stay_apart(memory: Memory) -> None:
    run(MemkitMemory(memory.at(namespace="acme")).add(text("the safe opens with 4711")))
    other = MemkitMemory(memory.at(namespace="acme-corp"))
    assert run(other.query("safe")).results == []
    client = ScriptedClient("No idea")
    run(asked(client, other, "what opens the safe?"))
    assert "4711" not in str(client.asked)


def test_one_memory_serves_eight_threads_and_their_loops(lab: Memory) -> None:
    memory = MemkitMemory(lab)

    def work(n: int) -> str:
        run(memory.add(text(f"runner {n} was here")))
        client = ScriptedClient(f"done {n}")
        return run(asked(client, memory, f"where was runner {n}?"))[0]

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(work, range(8))) == [f"done {n}" for n in range(8)]
    assert lab.count() == 8


def test_failures_are_raised_or_logged(lab: Memory, caplog: pytest.LogCaptureFixture) -> None:
    strict, lenient = MemkitMemory(lab), MemkitMemory(lab, failures="log")
    lab.close()
    context = BufferedChatCompletionContext(
        buffer_size=5, initial_messages=[UserMessage(content="hi", source="user")]
    )
    with pytest.raises(StoreClosed):
        run(strict.update_context(context))
    assert run(lenient.update_context(context)).memories.results == []
    assert len(run(context.get_messages())) == 1
    assert "recalling failed" in caplog.text


def test_a_memory_by_url_can_be_written_down_and_made_again(tmp_path: Path) -> None:
    first = MemkitMemory(
        str(tmp_path / "m.db"),
        project="apollo",
        embedder="none",
        recalling=Recalling(limit=3, max_tokens=100, kinds=["note"]),
        forgets=True,
    )

    async def keep() -> None:
        await first.add(text("tea is green"))
        await first.close()

    run(keep())
    written = first.dump_component().model_dump_json()
    second: AutoGenMemory = AutoGenMemory.load_component(
        ComponentModel.model_validate_json(written)
    )

    async def ask() -> list[Any]:
        found = await second.query("tea")
        await second.close()
        return [content.content for content in found.results]

    assert run(ask()) == ["tea is green"]
    assert second.dump_component().model_dump_json() == written


@pytest.mark.parametrize(
    "given",
    [
        {"memory": "https://memory.example.org", "token": "mk_secret"},
        {"memory": "postgresql://ann:secret@host/db"},
        {"recalling": Recalling(count_tokens=len)},
    ],
)
def test_what_cannot_be_written_down_is_told(given: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as error:
        MemkitMemory(**given).dump_component()
    assert "mk_secret" not in str(error.value)


def test_a_handle_cannot_be_written_down(lab: Memory) -> None:
    with pytest.raises(ConfigurationError, match="give MemkitMemory a URL"):
        MemkitMemory(lab).dump_component()


def test_closing_leaves_a_handle_open_that_was_handed_in(lab: Memory) -> None:
    run(MemkitMemory(lab).close())
    lab.remember("still here")
