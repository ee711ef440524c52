"""The theme of messages: what a memory on the backend must keep to."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from memkit.errors import InvalidInput, MemkitError
from memkit.testing.suite import Suite, on_memory
from memkit.types import Delivery

if TYPE_CHECKING:
    from memkit.memory import AsyncMemory

_MANY = 230


def texts(deliveries: Iterable[Delivery]) -> list[str]:
    """What messages say, in order."""
    return [each.record.content for each in deliveries]


async def drained(memory: AsyncMemory, channel: str | None = None, limit: int = 50) -> list[str]:
    """What all messages say that a reader has before it; they are acknowledged."""
    said: list[str] = []
    while found := await memory.inbox(channel, limit=limit):
        said += texts(found)
        assert await memory.ack([each.record.id for each in found]) == len(found)
    return said


class MessageTests(Suite):
    """Messages arrive at least once, in order, and only where they should."""

    @on_memory
    async def test_a_message_comes_until_it_is_acknowledged(self, memory: AsyncMemory) -> None:
        ann, bob, cy = (memory.at(agent=name) for name in ("ann", "bob", "cy"))
        sent = await ann.send("ops", "the build is green")
        other = await ann.send("ops", "the build is green")
        assert texts(await ann.inbox()) == []
        for times in (1, 2):
            first, second = await bob.inbox("ops")
            assert (first.record.id, first.channel, first.deliveries) == (sent.id, "ops", times)
            assert second.record.id == other.id
        assert await bob.ack(sent.id) == 1
        assert await bob.ack(sent.id) == 0
        assert [each.record.id for each in await bob.inbox("ops")] == [other.id]
        assert len(await cy.inbox("ops")) == 2

    @on_memory
    async def test_messages_come_in_order_to_a_new_and_to_a_reading_consumer(
        self, memory: AsyncMemory
    ) -> None:
        ann, bob, cy = (memory.at(agent=name) for name in ("ann", "bob", "cy"))
        said = [f"message {n}" for n in range(_MANY)]
        for start in range(0, _MANY, 46):
            await ann.remember_many(
                [{"content": text, "tags": ["msg:ops"]} for text in said[start : start + 46]]
            )
            if start == 46:
                assert await drained(bob) == said[:92]
        assert await drained(bob) == said[92:]
        assert await drained(cy, "ops", 7) == said
        assert await bob.inbox() == await cy.inbox() == []

    @on_memory
    async def test_messages_are_for_those_whom_they_name(self, memory: AsyncMemory) -> None:
        ann, bob, cy = (memory.at(agent=name) for name in ("ann", "bob", "cy"))
        question = await ann.send("ops", "who is on call?", to=["bob"])
        await ann.send("ops", "note to self", to="ann")
        answer = await bob.send("ops", "cy is", to=["ann", "cy"], reply_to=question.id)
        assert texts(await bob.inbox()) == ["who is on call?"]
        assert texts(await cy.inbox()) == ["cy is"]
        assert texts(await ann.inbox()) == ["note to self", "cy is"]
        (reached,) = await ann.related(answer.id, direction="out")
        assert (reached.record.id, reached.path[0].type) == (question.id, "replies_to")

    @on_memory
    async def test_what_is_gone_is_no_message_any_more(self, memory: AsyncMemory) -> None:
        ann, bob = memory.at(agent="ann"), memory.at(agent="bob")
        sent = [await ann.send("ops", f"message {n}") for n in range(6)]
        brief = await ann.send("ops", "not for long", ttl=0.3)
        assert len(await bob.inbox()) == 7
        await ann.forget(sent[1].id)
        await ann.erase(sent[3].id)
        await asyncio.sleep(0.4)
        assert texts(await bob.inbox()) == [f"message {n}" for n in (0, 2, 4, 5)]
        assert await bob.ack([sent[3].id, brief.id]) == 0
        assert await drained(bob) == [f"message {n}" for n in (0, 2, 4, 5)]

    @on_memory
    async def test_a_record_with_the_tag_of_a_channel_is_a_message(
        self, memory: AsyncMemory
    ) -> None:
        ann, bob = memory.at(agent="ann"), memory.at(agent="bob")
        await ann.remember("by its tag", tags=["msg:ops"])
        await ann.remember("by its tag", tags=["msg:ops"])
        assert await drained(bob) == ["by its tag"] * 2
        note = await ann.remember("sent later")
        await ann.remember("no message")
        await ann.update(note.id, tags=["msg:ops"])
        if self.capabilities(memory).change_feed:
            assert await drained(bob) == ["sent later"]

    @on_memory
    async def test_channels_of_any_name_are_told_apart(self, memory: AsyncMemory) -> None:
        ann, bob = memory.at(agent="ann"), memory.at(agent="bob")
        names = ["\U0001f600", "a", "a:b", "caf\u00e9", "msg:"]
        for name in names:
            await ann.send(name, f"on {name}")
            await ann.send(name, f"again on {name}")
        assert [(c.name, c.messages, c.unread) for c in await bob.channels()] == [
            (name, 2, 2) for name in sorted(names)
        ]
        for name in names:
            assert await drained(bob, name) == [f"on {name}", f"again on {name}"]
        assert {c.unread for c in await bob.channels()} == {0}
        assert {c.unread for c in await memory.channels()} == {None}
        for wrong in ("", " ", "x" * 197, "a\nb"):
            with pytest.raises(InvalidInput):
                await ann.send(wrong, "text")
            with pytest.raises(InvalidInput):
                await bob.inbox(wrong)
        with pytest.raises(InvalidInput):
            await memory.inbox()

    @on_memory
    async def test_messages_keep_to_their_places(self, memory: AsyncMemory) -> None:
        here, there = memory.at(project="here"), memory.at(project="there")
        await here.at(agent="ann").send("ops", "here")
        await there.at(agent="ann").send("ops", "there")
        await memory.at(agent="ann").send("ops", "everywhere")
        assert await drained(here.at(agent="bob")) == ["here", "everywhere"]
        assert await drained(there.at(agent="bob")) == ["there", "everywhere"]
        assert await drained(memory.at(agent="bob")) == ["everywhere"]

    @on_memory
    async def test_those_who_share_a_consumer_share_its_messages(self, memory: AsyncMemory) -> None:
        ann, bob, cy = (memory.at(agent=name) for name in ("ann", "bob", "cy"))
        for n in range(4):
            await ann.send("jobs", f"job {n}")
        await ann.send("jobs", "for cy alone", to="cy")
        if not self.capabilities(memory).compare_and_set:
            with pytest.raises(MemkitError):
                await bob.inbox("jobs", consumer="workers", lease=60)
            return
        mine = await bob.inbox("jobs", consumer="workers", lease=0.5, limit=2)
        assert texts(mine) == ["job 0", "job 1"]
        assert all(each.leased_until is not None for each in mine)
        theirs = await cy.inbox("jobs", consumer="workers", lease=60)
        assert texts(theirs) == ["job 2", "job 3", "for cy alone"]
        assert await bob.ack(mine[0].record.id, consumer="workers") == 1
        again = await cy.inbox("jobs", consumer="workers", lease=60, wait=30)
        assert [(each.record.content, each.deliveries) for each in again] == [("job 1", 2)]
        assert await bob.inbox("jobs", consumer="workers") == []

    @on_memory
    async def test_memkits_own_records_are_not_seen(self, memory: AsyncMemory) -> None:
        ann, bob = memory.at(agent="ann"), memory.at(agent="bob")
        await ann.send("ops", "a message")
        assert await drained(bob) == ["a message"]
        assert await memory.count(states=["active", "superseded", "merged"]) == 1
        status = await memory.status()
        assert (status.records, dict(status.states)) == (1, {"active": 1})
        assert await memory.check() == []

    def test_a_consumer_goes_on_where_it_was_after_reopening(self, tmp_path: Path) -> None:
        async def run() -> None:
            place = tmp_path / "store"
            async with self.opened_memory(place) as memory:
                ann, bob = memory.at(agent="ann"), memory.at(agent="bob")
                sent = [await ann.send("ops", f"message {n}") for n in range(5)]
                assert len(await bob.inbox()) == 5
                assert await bob.ack([each.id for each in sent[:2]]) == 2
            async with self.opened_memory(place) as memory:
                bob = memory.at(agent="bob")
                await memory.at(agent="ann").send("ops", "message 5")
                found = await bob.inbox()
                assert texts(found) == [f"message {n}" for n in range(2, 6)]
                assert [each.deliveries for each in found] == [2, 2, 2, 1]

        asyncio.run(run())
