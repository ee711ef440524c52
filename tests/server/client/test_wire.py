"""What goes wrong on the way: lost answers, busy servers, wrong addresses, restarts."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from memkit import AsyncMemory, Memory
from memkit.errors import (
    ConfigurationError,
    InvalidInput,
    MemkitError,
    RateLimited,
    StoreClosed,
    StoreError,
    StoreUnavailable,
)
from tests.server.client.serving import Serving
from tests.server.client.wires import answer, answering, losing

COUNT = answer("200 OK", '{"count": 3}')


def _problem(status: str, code: str, detail: str = "so it is", **headers: str) -> str:
    body = json.dumps({"code": code, "detail": detail})
    return answer(status, body, "application/problem+json", **headers)


def test_a_write_whose_answer_is_lost_is_stored_once(server: Serving) -> None:
    with losing(server.url) as proxy, Memory.open(proxy.url) as memory:
        proxy.to_lose = 1
        first = memory.remember("kept once", conversation_id="c", sequence=1)
        proxy.to_lose = 1
        memory.remember_many([{"content": f"many {n}", "conversation_id": "c"} for n in range(3)])
        proxy.to_lose = 1
        memory.send("ops", "said once")
        assert memory.get(first.id).content == "kept once"
        assert memory.count() == 5


def test_a_key_of_the_clients_own_leaves_copies_as_they_are(memory: Memory) -> None:
    first = memory.remember("The port is 5433", tags=["a"])
    again = memory.remember("The port is 5433", tags=["b"])
    assert (again.status, again.matched, again.record.tags) == ("duplicate", first.id, ("a", "b"))
    assert [memory.remember("x y z", deduplicate="off").status for _ in range(2)] == ["stored"] * 2
    assert memory.remember("keyed", idempotency_key="k").status == "stored"
    assert memory.remember("keyed", idempotency_key="k").status == "duplicate"


def test_what_cannot_be_done_twice_is_not_asked_twice(server: Serving) -> None:
    with losing(server.url) as proxy, Memory.open(proxy.url) as memory:
        id_ = memory.remember("judged").id
        proxy.to_lose = 1
        with pytest.raises(StoreUnavailable, match="cannot be reached"):
            memory.feedback(id_, useful=True)
        assert memory.get(id_).useful == 1


def test_a_busy_server_is_asked_again_when_it_says() -> None:
    busy = _problem("429 Too Many", "rate_limited", retry_after="0")
    away = _problem("503 Gone", "store_unavailable", retry_after="0")
    with answering(busy, away, COUNT) as (url, seen), Memory.open(url) as memory:
        assert memory.count() == 3
        assert len(seen) == 3


def test_a_server_that_stays_busy_is_told_of_with_its_time() -> None:
    busy = _problem("429 Too Many", "rate_limited", "slowly", retry_after="120")
    with answering(busy) as (url, seen), Memory.open(url) as memory:
        with pytest.raises(RateLimited, match="slowly") as caught:
            memory.count()
        assert caught.value.retry_after == 120
        assert len(seen) == 1


@pytest.mark.parametrize(
    ("told", "kind", "says"),
    [
        (answer("404 Not Found", "<html>", "text/html"), ConfigurationError, "no memkit server"),
        (answer("302 Found", location="http://x/"), ConfigurationError, "redirect"),
        (answer("200 OK", "<html>", "text/html"), StoreError, "no JSON"),
        (answer("200 OK", '{"hello": 1}'), StoreError, "not memkit's"),
        (_problem("500 Error", "a_new_code"), StoreError, "so it is"),
        (_problem("422 No", "invalid_input", "limit: too big"), InvalidInput, "too big"),
        (_problem("507 Full", "store_full"), MemkitError, "so it is"),
    ],
)
def test_other_answers_become_errors_that_say_what_is_wrong(
    told: str, kind: type[MemkitError], says: str
) -> None:
    with answering(told) as (url, _), Memory.open(url) as memory:
        with pytest.raises(kind, match=says) as caught:
            memory.count()
        assert "location" not in str(caught.value)


def test_where_nobody_listens_the_address_is_named() -> None:
    with (
        Memory.open("http://127.0.0.1:9", timeout_seconds=1) as memory,
        pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1:9 cannot be reached"),
    ):
        memory.count()


def test_a_handle_survives_a_restart_of_the_server(server: Serving) -> None:
    with Memory.open(server.url) as memory:
        memory.remember("before")
        server.stop()
        with ThreadPoolExecutor(1) as threads:
            waiting = threads.submit(memory.remember, "during")
            server.start()
            assert waiting.result(60).status == "stored"
        assert memory.count() == 2


def test_threads_and_loops_share_a_handle(server: Serving) -> None:
    with Memory.open(server.url) as memory, ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: memory.remember(f"thread {n}", deduplicate="off"), range(80)))
        assert memory.count() == 80

        async def inside() -> int:
            return memory.count()

        assert asyncio.run(inside()) == 80


def test_a_handle_outlives_the_loop_that_made_it_and_closes(server: Serving) -> None:
    async def make() -> AsyncMemory:
        memory = await AsyncMemory.open(server.url)
        await memory.remember("first loop")
        return memory

    memory = asyncio.run(make())
    assert asyncio.run(memory.count()) == 1
    asyncio.run(memory.close())
    asyncio.run(memory.close())
    with pytest.raises(StoreClosed, match="open it again"):
        asyncio.run(memory.count())


def test_a_cancelled_call_leaves_the_client_usable(server: Serving) -> None:
    async def main() -> int:
        async with AsyncMemory.open(server.url) as memory:
            for n in range(40):
                task = asyncio.create_task(memory.remember(f"note {n}"))
                await asyncio.sleep(0.001 * (n % 5))
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            await memory.remember("and then this one")
            return len(await memory.recall("and then this one", mode="lexical"))

    assert asyncio.run(main()) > 0


def test_a_large_import_names_the_line_that_is_wrong(memory: Memory, tmp_path: Path) -> None:
    lines = ['{"format": "memkit-export", "version": 1}']
    lines += [
        json.dumps(
            {
                "id": f"00000000-0000-7000-8000-{n:012x}",
                "content": f"note {n}",
                "created_at": "2026-01-01T00:00:00+00:00",
                "updated_at": "2026-01-01T00:00:00+00:00",
            }
        )
        for n in range(1300)
    ]
    file = tmp_path / "many.jsonl"
    file.write_text("\n".join([*lines, '{"id": "x"}']))
    told: list[int] = []
    with pytest.raises(InvalidInput, match=r"^line 1302:"):
        memory.import_(file, progress=lambda done, total: told.append(done))
    assert told == [500, 1000]
    file.write_text("\n".join(lines))
    done = memory.import_(file)
    assert (done.stored, done.skipped) == (300, 1000)
    assert memory.export(tmp_path / "again.jsonl") == 1300
