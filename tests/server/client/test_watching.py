"""Watching over HTTP: nothing is missed when connections, servers or calls break off."""

from __future__ import annotations

import asyncio
import threading

import pytest

from memkit import AsyncMemory, Memory
from memkit.errors import InvalidInput, StoreClosed
from tests.server.client.serving import Serving
from tests.server.client.wires import losing


def test_events_go_on_where_a_connection_broke_off(server: Serving) -> None:
    with (
        losing(server.url) as proxy,
        Memory.open(proxy.url) as watched,
        Memory.open(server.url) as writer,
        watched.watch() as events,
    ):
        expected = []
        for n in range(3):
            expected.append(writer.remember(f"event {n}").id)
            assert next(events).id == expected[-1]
            proxy.cut()
            expected.append(writer.remember(f"meanwhile {n}").id)
            assert next(events).id == expected[-1]


def test_events_go_on_after_a_restart_of_the_server(server: Serving) -> None:
    with Memory.open(server.url) as memory, memory.watch() as events:
        first = memory.remember("before").id
        assert next(events).id == first
        server.stop()
        server.start()
        second = memory.remember("after").id
        assert next(events).id == second
    with Memory.open(server.url) as memory, memory.watch(after=events.cursor) as later:
        third = memory.remember("later").id
        assert next(later).id == third


def test_a_step_that_was_cancelled_has_taken_nothing(server: Serving) -> None:
    async def main() -> list[str]:
        async with AsyncMemory.open(server.url) as memory, memory.watch() as events:
            ids = [(await memory.remember(f"event {n}")).id for n in range(30)]
            seen: list[str] = []
            while len(seen) < len(ids):
                step = asyncio.create_task(events.next())
                await asyncio.sleep(0.0005)
                step.cancel()
                (result,) = await asyncio.gather(step, return_exceptions=True)
                if not isinstance(result, BaseException) and result is not None:
                    seen.append(result.id)
                else:
                    event = await events.next()
                    assert event is not None
                    seen.append(event.id)
            assert seen == ids
            return seen

    assert len(asyncio.run(main())) == 30


def test_events_are_narrowed_by_kind_tag_and_scope(memory: Memory) -> None:
    with memory.at(project="p").watch(kinds=["updated"], tags="x") as events:
        memory.at(project="q").remember("elsewhere", tags=["x"])
        handle = memory.at(project="p")
        id_ = handle.remember("here", tags=["x"]).id
        handle.update(id_, content="here, changed")
        event = next(events)
        assert (event.type, event.id) == ("updated", id_)
        assert event.record is not None
        assert event.record.content == "here, changed"


def test_closing_tells_who_waits(memory: Memory) -> None:
    events = memory.watch()
    timer = threading.Timer(0.3, events.close)
    timer.start()
    assert list(events) == []
    timer.join()


def test_a_closed_memory_ends_its_watches(server: Serving) -> None:
    memory = Memory.open(server.url)
    events = memory.watch()
    timer = threading.Timer(0.3, memory.close)
    timer.start()
    with pytest.raises(StoreClosed):
        next(events)
    timer.join()
    events.close()


def test_what_a_server_refuses_is_raised_and_not_tried_again(memory: Memory) -> None:
    with pytest.raises(InvalidInput):
        memory.watch(after="no cursor")
    with pytest.raises(InvalidInput):
        memory.watch(kinds=["unheard of"])
