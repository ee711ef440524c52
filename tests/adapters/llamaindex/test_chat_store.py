"""The chat stores keep every message of a session, whole and in order."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from llama_index.core.base.llms.types import (
    AudioBlock,
    ChatMessage,
    DocumentBlock,
    ImageBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from llama_index.core.memory import ChatMemoryBuffer, Memory
from llama_index.core.storage.chat_store.base_db import MessageStatus

import memkit
from memkit import errors
from memkit_llamaindex import MemkitChatStore, MemkitSyncChatStore

ACTIVE, ARCHIVED = MessageStatus.ACTIVE, MessageStatus.ARCHIVED


def said(*texts: str) -> list[ChatMessage]:
    roles = ("user", "assistant")
    return [ChatMessage(role=roles[at % 2], content=text) for at, text in enumerate(texts)]


def texts(messages: list[ChatMessage]) -> list[str | None]:
    return [message.content for message in messages]


ODD_MESSAGES = {
    "plain": ChatMessage(role="user", content="hello"),
    "with white space": ChatMessage(role="user", content="  hello\n\n"),
    "empty": ChatMessage(role="assistant", content=""),
    "without blocks": ChatMessage(role="assistant", blocks=[]),
    "a tool call": ChatMessage(
        role="assistant",
        blocks=[
            TextBlock(text="I look it up."),
            ToolCallBlock(tool_call_id="1", tool_name="search", tool_kwargs={"query": "cats"}),
        ],
    ),
    "a tool call alone": ChatMessage(
        role="assistant",
        blocks=[ToolCallBlock(tool_call_id="1", tool_name="search", tool_kwargs='{"q":')],
    ),
    "a tool's answer": ChatMessage(
        role="tool", content="3 cats", additional_kwargs={"tool_call_id": "1", "n": [1, None]}
    ),
    "an image": ChatMessage(role="user", blocks=[ImageBlock(image=b"\x89PNG" * 10)]),
    "a large image": ChatMessage(
        role="user", blocks=[TextBlock(text="see"), ImageBlock(image=b"\x89PNG" * 60_000)]
    ),
    "an image elsewhere": ChatMessage(
        role="user", blocks=[ImageBlock(url="https://example.org/a.png", detail="low")]
    ),
    "sound and paper": ChatMessage(
        role="user",
        blocks=[AudioBlock(audio=b"RIFF"), DocumentBlock(data=b"%PDF", title="a")],
    ),
    "thinking": ChatMessage(
        role="assistant",
        blocks=[ThinkingBlock(content="hm", num_tokens=1), TextBlock(text="Yes.")],
    ),
    "what no store takes": ChatMessage(role="tool", content="a\x00b\ud800c"),
    "longer than a record": ChatMessage(role="tool", content="long " * 30_000),
}


@pytest.mark.parametrize("message", ODD_MESSAGES.values(), ids=ODD_MESSAGES.keys())
async def test_a_message_comes_back_as_it_went_in(
    memory: memkit.Memory, message: ChatMessage
) -> None:
    store = MemkitChatStore(memory)
    await store.add_messages("s", [*said("before"), message, *said("after")])
    got = await store.get_messages("s")
    assert [each.model_dump() for each in got] == [
        each.model_dump() for each in (*said("before"), message, *said("after"))
    ]
    await store.delete_messages("s")
    assert memory.count() == 0


async def test_sessions_are_kept_apart_and_listed(handle: memkit.Memory) -> None:
    store = MemkitChatStore(handle)
    await store.add_messages("one", said("a"))
    await store.add_messages("one two", said("b"))
    await store.add_messages("ONE", said("c"))
    assert texts(await store.get_messages("one")) == ["a"]
    assert texts(await store.get_messages("one two")) == ["b"]
    assert await store.get_messages("on") == []
    assert await store.get_keys() == ["one", "one two", "ONE"]
    await store.delete_messages("one")
    assert await store.get_keys() == ["one two", "ONE"]


async def test_messages_are_archived_counted_and_deleted_by_status(handle: memkit.Memory) -> None:
    store = MemkitChatStore(handle)
    await store.add_messages("s", said("a", "b", "c", "d"))
    assert texts(await store.archive_oldest_messages("s", 2)) == ["a", "b"]
    assert texts(await store.get_messages("s")) == ["c", "d"]
    assert texts(await store.get_messages("s", ARCHIVED)) == ["a", "b"]
    assert texts(await store.get_messages("s", None)) == ["a", "b", "c", "d"]
    assert texts(await store.get_messages("s", None, limit=2, offset=1)) == ["b", "c"]
    assert [await store.count_messages("s", each) for each in (ACTIVE, None)] == [2, 4]
    assert texts(await store.delete_oldest_messages("s", 1)) == ["c"]
    await store.delete_messages("s", ARCHIVED)
    assert texts(await store.get_messages("s", None)) == ["d"]


async def test_a_message_is_deleted_by_its_position(handle: memkit.Memory) -> None:
    store = MemkitChatStore(handle)
    await store.add_messages("s", said("a", "b", "c"))
    deleted = await store.delete_message("s", 1)
    assert deleted is not None
    assert deleted.content == "b"
    assert await store.delete_message("s", 2) is None
    assert await store.delete_message("s", -1) is None
    assert texts(await store.get_messages("s")) == ["a", "c"]


async def test_setting_what_is_there_writes_nothing(memory: memkit.Memory) -> None:
    store = MemkitChatStore(memory)
    await store.add_messages("s", said("a", "b", "c"))
    before = {record.id for record in memory.list()}
    await store.set_messages("s", said("a", "b", "x", "y"))
    assert texts(await store.get_messages("s", None)) == ["a", "b", "x", "y"]
    assert len(before & {record.id for record in memory.list()}) == 2
    await store.set_messages("s", [])
    assert memory.count(states=tuple(memkit.types.State)) == 0


async def test_many_pages_of_messages_stay_in_order(memory: memkit.Memory) -> None:
    store = MemkitChatStore(memory)
    numbers = [str(number) for number in range(1_203)]
    await store.add_messages("s", said(*numbers))
    assert texts(await store.get_messages("s")) == numbers
    assert texts(await store.get_messages("s", limit=2, offset=1_100)) == ["1100", "1101"]


async def test_forgotten_messages_can_be_restored(memory: memkit.Memory) -> None:
    store = MemkitChatStore(memory, forget=True)
    await store.add_messages("s", said("a"))
    (record,) = memory.list()
    await store.delete_messages("s")
    assert await store.get_messages("s", None) == []
    memory.restore(record.id)
    assert texts(await store.get_messages("s")) == ["a"]


async def test_tenants_and_projects_see_nothing_of_each_other(memory: memkit.Memory) -> None:
    acme, corp = memory.at(namespace="acme"), memory.at(namespace="acme-corp")
    await MemkitChatStore(acme).add_messages("s", said("secret"))
    await MemkitChatStore(acme.at(project="p")).add_messages("s", said("project's"))
    assert await MemkitChatStore(corp).get_messages("s", None) == []
    assert await MemkitChatStore(corp).get_keys() == []
    await MemkitChatStore(corp).delete_messages("s")
    assert texts(await MemkitChatStore(acme).get_messages("s")) == ["secret"]
    assert texts(await MemkitChatStore(acme.at(project="p")).get_messages("s")) == ["project's"]


async def test_a_private_chat_is_its_agents_alone(memory: memkit.Memory) -> None:
    ann, bob = memory.at(agent="ann"), memory.at(agent="bob")
    await MemkitChatStore(ann, private=True).add_messages("s", list(ODD_MESSAGES.values()))
    assert await MemkitChatStore(bob).get_messages("s") == []
    assert len(await MemkitChatStore(ann, private=True).get_messages("s")) == len(ODD_MESSAGES)


def test_eight_threads_write_to_one_session_and_nothing_is_lost(memory: memkit.Memory) -> None:
    store = MemkitChatStore(memory)

    def write(writer: int) -> None:
        for at in range(6):
            pair = said(f"{writer}:{at}:a", f"{writer}:{at}:b")
            asyncio.run(store.add_messages("s", pair))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    got = texts(asyncio.run(store.get_messages("s")))
    assert len(got) == 96
    for writer in range(8):
        own = [text for text in got if text and text.startswith(f"{writer}:")]
        assert own == [f"{writer}:{at}:{half}" for at in range(6) for half in "ab"]
    # What was added at once stays together.
    assert all(str(a)[:-1] == str(b)[:-1] for a, b in zip(got[::2], got[1::2], strict=True))


async def test_two_deletions_at_once_are_one(memory: memkit.Memory) -> None:
    store = MemkitChatStore(memory)
    await store.add_messages("s", said(*"abcdefgh"))
    await asyncio.gather(*(store.delete_messages("s") for _ in range(4)))
    assert await store.count_messages("s", None) == 0


async def test_it_serves_llamaindexs_own_memory(handle: memkit.Memory) -> None:
    store = MemkitChatStore(handle)
    buffer = Memory.from_defaults(session_id="s", chat_store=store, token_limit=40)
    for number in range(12):
        await buffer.aput(ChatMessage(role="user", content=f"message number {number}"))
    assert 0 < await store.count_messages("s", ACTIVE) < 12
    assert len(await buffer.aget_all()) == 12
    assert texts(await buffer.aget())[-1] == "message number 11"


def test_the_blocking_store_is_a_base_chat_store(handle: memkit.Memory) -> None:
    store = MemkitSyncChatStore(handle)
    buffer = ChatMemoryBuffer.from_defaults(chat_store=store, chat_store_key="s")
    for message in said("a", "b", "c", "d"):
        buffer.put(message)
    assert texts(buffer.get()) == ["a", "b", "c", "d"]
    last, second = store.delete_last_message("s"), store.delete_message("s", 1)
    assert last is not None
    assert second is not None
    assert (last.content, second.content) == ("d", "b")
    assert store.delete_message("s", 9) is None
    assert store.delete_message("s", -1) is None
    store.set_messages("t", said("x"))
    assert store.get_keys() == ["s", "t"]
    assert texts(store.delete_messages("s") or []) == ["a", "c"]
    assert store.delete_messages("s") is None
    assert store.delete_last_message("s") is None


async def test_blocking_calls_work_where_a_loop_runs(memory: memkit.Memory) -> None:
    store = MemkitSyncChatStore(memory)
    store.add_message("s", *said("a"))
    assert texts(await store.aget_messages("s")) == texts(store.get_messages("s")) == ["a"]


async def test_a_key_that_is_none_is_refused(memory: memkit.Memory) -> None:
    with pytest.raises(errors.InvalidInput, match="conversation_id"):
        await MemkitChatStore(memory).add_messages("", said("a"))
