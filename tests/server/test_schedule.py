"""The server's schedule: when things are due, who does them, and that nothing ends the server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from memkit import AsyncMemory, Draft
from memkit.clock import utc_now
from memkit.errors import ConfigurationError, InvalidInput
from memkit.server import scheduling
from memkit.server.app import make_app
from memkit.server.cron import trigger_of
from memkit.server.scheduling import Schedule
from memkit.testing.embedders import ToyEmbedder

#: Never, as far as a test goes.
SELDOM = "0 0 29 2 *"


def fires(expression: str, since: datetime, count: int, zone: str = "UTC") -> list[str]:
    trigger = trigger_of(expression, zone, "schedule_sweep")
    found: list[str] = []
    for _ in range(count):
        since = trigger.get_next_fire_time(since, since + timedelta(microseconds=1))
        found.append(since.astimezone(UTC).strftime("%a %d %H:%M"))
    return found


def test_times_are_those_of_cron() -> None:
    monday = datetime(2026, 11, 23, tzinfo=UTC)
    assert fires("0 3 * * *", monday, 2) == ["Mon 23 03:00", "Tue 24 03:00"]
    assert fires("*/20 5 * * *", monday, 3) == ["Mon 23 05:00", "Mon 23 05:20", "Mon 23 05:40"]
    # Days of the week count from Sunday, and 7 is Sunday too.
    assert fires("0 0 * * 0", monday, 1) == fires("0 0 * * 7", monday, 1) == ["Sun 29 00:00"]
    assert fires("0 9 * * 1-5", monday, 6)[-2:] == ["Fri 27 09:00", "Mon 30 09:00"]
    assert fires("0 9 * * sat,1", monday, 2) == ["Mon 23 09:00", "Sat 28 09:00"]
    assert fires("0 9 * * 5-7", monday, 3) == ["Fri 27 09:00", "Sat 28 09:00", "Sun 29 09:00"]
    assert fires("0 9 * * */3", monday, 3) == ["Wed 25 09:00", "Sat 28 09:00", "Sun 29 09:00"]
    assert fires("0 3 * * *", monday, 1, "Europe/Berlin") == ["Mon 23 02:00"]


@pytest.mark.parametrize(
    "wrong",
    ["", "daily", "0 3 * *", "0 3 * * * *", "61 3 * * *", "0 3 * * 8", "0 3 * * 5-1", "0 3 1 * 1",
     "0 3 * * mon-", "0 x * * *"],
)  # fmt: skip
def test_times_that_are_none_are_refused(wrong: str) -> None:
    with pytest.raises(ConfigurationError, match="schedule_sweep"):
        trigger_of(wrong, "UTC", "schedule_sweep")


@pytest.mark.parametrize("zone", ["Nowhere/Land", "", "../etc/passwd"])
def test_a_time_zone_that_is_none_is_refused(zone: str) -> None:
    with pytest.raises(ConfigurationError, match="schedule_timezone"):
        trigger_of("0 3 * * *", zone, "schedule_sweep")


def test_a_server_with_a_wrong_time_does_not_start(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with served(tmp_path, schedule_consolidate="at three"):
            raise AssertionError("it started")

    with pytest.raises(ConfigurationError, match="schedule_consolidate"):
        asyncio.run(scenario())


@asynccontextmanager
async def served(folder: Path, **settings: Any) -> AsyncIterator[tuple[AsyncMemory, Any]]:
    """A memory and the application on it, started as a server would."""
    opening = AsyncMemory.open(
        str(folder / "memory.db"), embedder=ToyEmbedder(), server_auth="none", **settings
    )
    async with opening as memory:
        app = make_app(memory)
        async with app.router.lifespan_context(app):
            yield memory, app


def deploys(count: int = 4, **fields: Any) -> list[Draft]:
    return [
        Draft(f"The deploy pipeline of the billing service failed on host {n}.", **fields)
        for n in range(count)
    ]


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while not await true():
            await asyncio.sleep(0.02)


async def counted(app: Any, operation: str, outcome: str) -> float:
    found = app.state.context.metrics.registry.get_sample_value(
        "memkit_scheduled_runs_total", {"operation": operation, "outcome": outcome}
    )
    return found or 0.0


async def long_ago(app: Any, name: str = "consolidate") -> None:
    """As if the server had last done it a long time ago."""
    context = app.state.context
    assert await Schedule(context)._note(name, utc_now() - timedelta(days=5000))


def test_every_namespace_and_every_agent_is_seen_to(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with served(tmp_path, schedule_consolidate=SELDOM) as (memory, app):
            for namespace in ("default", "other"):
                await memory.at(namespace=namespace).remember_many(deploys())
            ann = memory.at(agent="ann")
            await ann.remember_many(deploys(3, private=True))
            await long_ago(app)
            await Schedule(app.state.context).due("consolidate")
            for handle, count in ((memory.at(namespace="other"), 1), (memory, 1), (ann, 2)):
                found = await handle.list(kinds="summary")
                assert len(found) == count
                # Nobody asked for it: the server wrote it of itself.
                assert all(record.author is None for record in found)
            assert await counted(app, "consolidate", "done") == 3
            assert not await Schedule(app.state.context)._claimed("consolidate")

    asyncio.run(scenario())


def test_what_was_missed_is_done_once_when_the_server_is_back(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with served(tmp_path, schedule_consolidate=SELDOM) as (memory, app):
            await memory.remember_many(deploys())
            assert await counted(app, "consolidate", "done") == 0
            await long_ago(app)
        async with served(tmp_path, schedule_consolidate=SELDOM) as (memory, app):

            async def done() -> bool:
                return await counted(app, "consolidate", "done") == 1

            await until(done)
            assert len(await memory.list(kinds="summary")) == 1
        async with served(tmp_path, schedule_consolidate=SELDOM) as (_, app):
            assert await Schedule(app.state.context)._missed() == []

    asyncio.run(scenario())


def test_one_of_several_servers_does_what_is_due(tmp_path: Path) -> None:
    async def scenario() -> None:
        settings = {"schedule_consolidate": SELDOM}
        async with (
            served(tmp_path, **settings) as (memory, one),
            served(tmp_path, **settings) as (_, other),
        ):
            await memory.remember_many(deploys())
            await long_ago(one)
            await asyncio.gather(
                *(Schedule(app.state.context).due("consolidate") for app in (one, other, one))
            )
            done = [await counted(app, "consolidate", "done") for app in (one, other)]
            assert sum(done) == 1
            assert len(await memory.runs()) == 1

    asyncio.run(scenario())


def test_a_run_at_work_is_passed_over(tmp_path: Path) -> None:
    from memkit.runs import begin

    async def scenario() -> None:
        async with served(tmp_path, schedule_consolidate=SELDOM) as (memory, app):
            await memory.remember_many(deploys())
            await long_ago(app)
            async with begin(memory._engine, memory.scope, "consolidation"):
                await Schedule(app.state.context).due("consolidate")
            assert await counted(app, "consolidate", "active") == 1

    asyncio.run(scenario())


def test_what_fails_is_counted_and_the_next_namespace_is_seen_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[str] = []

    async def work(engine: Any, scope: Any) -> None:
        seen.append(scope.namespace)
        if scope.namespace == "a":
            raise InvalidInput("that cannot be")

    monkeypatch.setattr(scheduling, "WORK", {"sweep": work})

    async def scenario() -> None:
        async with served(tmp_path, schedule_sweep=SELDOM) as (memory, app):
            for namespace in ("a", "b"):
                await memory.at(namespace=namespace).remember("Something")
            await long_ago(app, "sweep")
            await Schedule(app.state.context).due("sweep")
            assert await counted(app, "sweep", "failed") == 1
            assert await counted(app, "sweep", "done") == 1
            assert (await memory.at(namespace="b").count()) == 1

    asyncio.run(scenario())
    assert seen == ["a", "b"]
    assert "that cannot be" in caplog.text


def test_a_server_that_ends_interrupts_what_is_at_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from memkit.runs import begin

    begun = asyncio.Event()

    async def work(engine: Any, scope: Any) -> None:
        async with begin(engine, scope, "sweep"):
            begun.set()
            await asyncio.sleep(3600)

    monkeypatch.setattr(scheduling, "WORK", {"sweep": work})

    async def scenario() -> None:
        async with served(tmp_path, schedule_sweep=SELDOM) as (memory, app):
            await memory.remember("Something")
            await long_ago(app, "sweep")
        async with asyncio.timeout(30):
            async with served(tmp_path, schedule_sweep=SELDOM) as (memory, app):
                await begun.wait()
            # The store is closed; the run was noted as interrupted before.
        assert await counted(app, "sweep", "interrupted") == 1
        async with await AsyncMemory.open(
            str(tmp_path / "memory.db"), embedder=ToyEmbedder()
        ) as memory:
            (run,) = await memory.runs()
            assert run.state == "interrupted"

    asyncio.run(scenario())


def test_a_time_comes_of_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A trigger by the second stands in for cron's minutes.
    from apscheduler.triggers.cron import CronTrigger

    monkeypatch.setattr(scheduling, "trigger_of", lambda *_: CronTrigger(second="*", timezone=UTC))

    async def scenario() -> None:
        async with served(tmp_path, schedule_consolidate=SELDOM) as (memory, app):
            await memory.remember_many(deploys())

            async def done() -> bool:
                return await counted(app, "consolidate", "done") >= 1

            await until(done)
            found = await memory.list(kinds="summary")
            assert len(found) <= 1
            await until(lambda: _some(memory))

    async def _some(memory: AsyncMemory) -> bool:
        return len(await memory.list(kinds="summary")) == 1

    asyncio.run(scenario())


def test_the_counter_is_shown(tmp_path: Path) -> None:
    async def scenario() -> None:
        settings = {"schedule_sweep": SELDOM, "server_metrics": "loopback"}
        async with served(tmp_path, **settings) as (_, app):
            app.state.context.metrics.scheduled.labels("sweep", "done").inc()
            transport = httpx.ASGITransport(app, client=("127.0.0.1", 1))
            async with httpx.AsyncClient(
                transport=transport, base_url="http://127.0.0.1"
            ) as client:
                text = (await client.get("/metrics")).text
            line = 'memkit_scheduled_runs_total{operation="sweep",outcome="done"} 1.0'
            assert line in text

    asyncio.run(scenario())
