"""Handles: two faces with one signature, many threads and loops, cancellation, closing."""

import asyncio
import inspect
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from memkit import AsyncMemory, Memory
from memkit.errors import EmbedderMismatch, StoreClosed, StoreReadOnly
from memkit.testing.embedders import FailingEmbedder, SlowEmbedder, ToyEmbedder


def _methods(cls: type) -> dict[str, inspect.Signature]:
    return {
        name: inspect.signature(member)
        for name, member in inspect.getmembers(cls)
        if not name.startswith("_") and callable(getattr(cls, name)) and name != "open"
    }


def test_both_faces_have_the_same_methods_and_signatures() -> None:
    blocking, asynchronous = _methods(Memory), _methods(AsyncMemory)
    assert blocking.keys() == asynchronous.keys()
    for name in blocking:
        assert list(blocking[name].parameters.values()) == list(
            asynchronous[name].parameters.values()
        ), name
        assert getattr(Memory, name).__doc__ == getattr(AsyncMemory, name).__doc__
    opened, awaited = inspect.signature(Memory.open), inspect.signature(AsyncMemory.open)
    assert opened.parameters == awaited.parameters


def test_a_second_handle_and_a_second_opening_see_the_same(store: Path) -> None:
    with Memory.open(str(store), embedder=ToyEmbedder(), agent="ann") as ann:
        ann.remember("The launch is on Friday")
        with Memory.open(str(store), embedder=ToyEmbedder(), agent="bob") as bob:
            assert bob.recall("launch")[0].record.agent == "ann"
            bob.remember("The launch has moved to Monday")
            assert len(ann.recall("launch")) == 2


def test_eight_threads_store_and_recall_at_once(memory: Memory) -> None:
    def work(n: int) -> int:
        mine = memory.at(agent=f"a{n}")
        found = 0
        for i in range(50):
            mine.remember(f"thread {n} note {i}")
            if i % 10 == 0:
                found += len(mine.recall(f"note {i}", limit=1))
        return found

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(work, range(8))) == [5] * 8
    assert memory.count() == 400
    assert memory.agents() == {f"a{n}": 50 for n in range(8)}
    assert len(memory.recall("thread note", mode="dense", limit=400)) == 400


def test_a_blocking_handle_works_inside_a_running_loop(memory: Memory) -> None:
    async def main() -> int:
        memory.remember("inside a loop")
        return len(memory.recall("loop"))

    assert asyncio.run(main()) == 1


def test_a_handle_outlives_the_loop_that_made_it(store: Path) -> None:
    async def make() -> AsyncMemory:
        memory = await AsyncMemory.open(str(store), embedder=ToyEmbedder())
        await memory.remember("first loop")
        return memory

    async def use(memory: AsyncMemory) -> list[str]:
        await memory.remember("second loop")
        return sorted(hit.content for hit in await memory.recall("loop"))

    memory = asyncio.run(make())
    assert asyncio.run(use(memory)) == ["first loop", "second loop"]
    asyncio.run(memory.close())


def test_a_cancelled_call_leaves_the_handle_usable(store: Path) -> None:
    async def main() -> None:
        async with AsyncMemory.open(str(store), embedder=ToyEmbedder()) as memory:
            for n in range(60):
                task = asyncio.create_task(
                    memory.remember(f"note {n}") if n % 2 else memory.recall(f"note {n}")
                )
                for _ in range(n % 6):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            await memory.remember("and then this one")
            assert (await memory.recall("and then"))[0].content == "and then this one"
            # Every record that was kept is whole: it is found by its own text.
            for record in await memory.list(limit=100):
                hits = await memory.recall(record.content, mode="dense", limit=100)
                assert record.id in {hit.record.id for hit in hits}

    asyncio.run(main())


def test_a_closed_memory_says_so(store: Path) -> None:
    memory = Memory.open(str(store), embedder="none")
    handle = memory.at(project="p")
    memory.close()
    memory.close()
    for call in (lambda: memory.count(), lambda: handle.recall("x"), lambda: handle.list()):
        with pytest.raises(StoreClosed, match="open it again"):
            call()

    async def main() -> None:
        closed = await AsyncMemory.open(str(store), embedder="none")
        await closed.close()
        await closed.close()
        with pytest.raises(StoreClosed):
            await closed.remember("x")
        with pytest.raises(StoreClosed):
            await closed.tags()

    asyncio.run(main())


def test_a_read_only_memory_recalls_and_refuses_writes(store: Path) -> None:
    with Memory.open(str(store), embedder=ToyEmbedder()) as memory:
        memory.remember("read me")
    with Memory.open(str(store), embedder=ToyEmbedder(), read_only=True) as memory:
        assert memory.recall("read")[0].content == "read me"
        with pytest.raises(StoreReadOnly):
            memory.remember("not this")


def test_vectors_of_two_models_never_mix(store: Path) -> None:
    with Memory.open(str(store), embedder=ToyEmbedder(64)) as memory:
        memory.remember("one")
    with pytest.raises(EmbedderMismatch, match="memkit reembed"):
        Memory.open(str(store), embedder=ToyEmbedder(64, name="another"))


def test_without_an_embedder_words_are_matched_and_every_result_says_so(store: Path) -> None:
    with Memory.open(str(store), embedder="none") as memory:
        outcome = memory.remember("The launch is on Friday")
        assert outcome.notices
        hits = memory.recall("launch")
        assert hits[0].content == "The launch is on Friday"
        assert list(hits[0].why.legs) == ["lexical"]
        assert "words only" in hits.notices[0]
        assert memory.recall("launch", mode="dense")[0].why.legs.keys() == {"lexical"}
        status = memory.status()
        assert status.embedder is None
        assert status.notices
        assert status.unembedded == 1


def test_a_recall_does_not_wait_for_a_model_that_loads(store: Path) -> None:
    with Memory.open(str(store), embedder=ToyEmbedder()) as memory:
        memory.remember("The launch is on Friday")
    slow = SlowEmbedder(ToyEmbedder(), delay=60)
    with Memory.open(str(store), embedder=slow, embedder_wait_seconds=0.05) as memory:
        hits = memory.recall("launch")
        assert len(hits) == 1
        assert "loading" in hits.notices[0]
        slow.finish()
        memory.warm_up()
        assert memory.recall("launch").notices == ()


def test_while_the_embedder_is_down_nothing_is_lost(store: Path) -> None:
    embedder = FailingEmbedder(ToyEmbedder(), failing=False)
    with Memory.open(str(store), embedder=embedder) as memory:
        memory.remember("stored before")
        embedder.failing = True
        outcome = memory.remember("stored during the outage")
        assert "cannot answer" in outcome.notices[0]
        hits = memory.recall("outage")
        assert hits[0].content == "stored during the outage"
        assert hits.notices
        assert memory.status().unembedded == 1
