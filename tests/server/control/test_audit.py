"""The audit: what is kept of an operation, found again, exported and pruned."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from memkit.clock import new_id
from memkit.errors import InvalidInput, StoreClosed, StoreError, StoreReadOnly
from memkit.server.control import AuditEntry, Control
from memkit.server.control.database import Database
from memkit.server.control.entries import RECORDS_MAX
from memkit.server.control.locations import locate
from memkit.server.control.writing import AuditWriter

START = datetime(2026, 1, 1, tzinfo=UTC)


def run(url: str, work: Callable[[Control], Awaitable[None]]) -> None:
    async def main() -> None:
        async with await Control.open(url) as control:
            await work(control)

    asyncio.run(main())


def change(operation: str = "remember", **values: Any) -> AuditEntry:
    return AuditEntry(operation, changes=True, **values)


def test_an_entry_is_found_as_it_was_kept(url: str) -> None:
    entry = AuditEntry(
        "remember",
        principal=new_id(),
        principal_name="ci",
        token_id="abcdefgh",
        agent="build-1",
        namespace="acme",
        project="apollo",
        task="t 🚀",
        records=("r1", "r2"),
        more_records=3,
        at=START,
        ip="::1",
        user_agent="curl/8",
        surface="mcp",
        outcome="forbidden",
        request_id="q1",
        duration_ms=1.5,
        changes=True,
    )

    async def work(control: Control) -> None:
        await control.audit.record(entry)
        page = await control.audit.query()
        assert page.entries == (entry,)
        assert page.cursor is None

    run(url, work)


def test_entries_are_found_by_who_what_where_when_and_which(url: str) -> None:
    who = new_id()

    async def work(control: Control) -> None:
        audit = control.audit
        await audit.record(change(principal=who, principal_name="ann", namespace="a", at=START))
        await audit.record(
            change("forget", principal_name="bob", namespace="acme", records=("r1",),
                   at=START + timedelta(hours=1))
        )  # fmt: skip
        await audit.record(
            AuditEntry("recall", principal_name="bob", namespace="acme-corp", records=("r1", "r2"),
                       outcome="forbidden", at=START + timedelta(hours=2))
        )  # fmt: skip

        async def found(**wanted: Any) -> list[str]:
            return [entry.operation for entry in (await audit.query(**wanted)).entries]

        assert await found() == ["recall", "forget", "remember"]
        assert await found(principal="ann") == await found(principal=who) == ["remember"]
        assert await found(operation="forget") == ["forget"]
        assert await found(namespace="acme") == ["forget"]
        assert await found(outcome="forbidden") == ["recall"]
        assert await found(record="r1") == ["recall", "forget"]
        assert await found(record="r1", outcome="ok") == ["forget"]
        assert await found(since=START + timedelta(hours=1)) == ["recall", "forget"]
        assert await found(until=START + timedelta(hours=1)) == ["remember"]
        assert await found(principal="ghost") == await found(record="r") == []

    run(url, work)


def test_pages_go_on_where_the_one_before_ended_whatever_comes_meanwhile(url: str) -> None:
    async def work(control: Control) -> None:
        for number in range(25):
            await control.audit.record(AuditEntry("recall", request_id=str(number)))
        await control.audit.flush()
        seen, cursor = [], None
        while True:
            page = await control.audit.query(limit=7, cursor=cursor)
            seen += [entry.request_id for entry in page.entries]
            await control.audit.record(change("new"))
            cursor = page.cursor
            if cursor is None:
                break
        assert seen == [str(number) for number in reversed(range(25))]

    run(url, work)


@pytest.mark.parametrize(
    "wanted",
    [{"limit": 0}, {"limit": 1001}, {"cursor": "x' OR 1=1"}, {"since": datetime(2026, 1, 1)}],
)
def test_what_cannot_be_asked_is_refused(file_url: str, wanted: dict[str, Any]) -> None:
    async def work(control: Control) -> None:
        with pytest.raises(InvalidInput):
            await control.audit.query(**wanted)

    run(file_url, work)


def test_whatever_a_client_sends_can_be_kept_and_drives_no_terminal(url: str) -> None:
    hostile = "\x1b[31m\x00\ud800\n" + "x" * 10_000

    async def work(control: Control) -> None:
        await control.audit.record(
            change(
                user_agent=hostile,
                request_id=hostile,
                records=tuple(f"r{n}" for n in range(RECORDS_MAX + 5)),
                more_records=2,
                duration_ms=float("nan"),
                agent="o'; DROP TABLE audit; --",
            )
        )
        ((entry),) = (await control.audit.query()).entries
        assert entry.user_agent is not None
        assert len(entry.user_agent) <= 300
        assert entry.user_agent.isprintable()
        assert len(entry.records) == RECORDS_MAX
        assert entry.more_records == 7
        assert entry.duration_ms is None
        assert entry.agent == "o'; DROP TABLE audit; --"

    run(url, work)


def test_reads_are_written_on_closing_and_changes_before_the_answer(url: str) -> None:
    async def first(control: Control) -> None:
        await control.audit.record(AuditEntry("recall"))
        await control.audit.record(change())
        page = await control.audit.query()
        assert {entry.operation for entry in page.entries} >= {"remember"}
        await control.audit.record(AuditEntry("recall"))
        await control.audit.record(AuditEntry("get", outcome="forbidden"))
        assert (await control.audit.query()).entries[0].operation == "get"
        await control.audit.record(AuditEntry("list"))

    async def second(control: Control) -> None:
        page = await control.audit.query()
        found = [entry.operation for entry in page.entries]
        assert found == ["list", "get", "recall", "remember", "recall"]

    run(url, first)
    run(url, second)


def test_reads_are_written_soon_without_anybody_asking(url: str) -> None:
    async def work(control: Control) -> None:
        await control.audit.record(AuditEntry("recall"))
        while not (await control.audit.query()).entries:
            await asyncio.sleep(0.02)

    run(url, work)


def test_many_at_once_are_all_kept(url: str) -> None:
    async def work(control: Control) -> None:
        await asyncio.gather(*(control.audit.record(change(request_id=str(n))) for n in range(500)))
        page = await control.audit.query(limit=1000)
        assert {entry.request_id for entry in page.entries} == {str(n) for n in range(500)}

    run(url, work)


def test_a_full_queue_makes_whoever_brings_more_wait(file_url: str) -> None:
    async def main() -> None:
        async with await Control.open(file_url) as control:
            database = Database(locate(file_url))
            writer = AuditWriter(database, capacity=10)
            # Nothing can be written while this is open.
            with control._database.writing():
                first = asyncio.create_task(writer.write(change()))
                await asyncio.sleep(0)
                while writer._queue:
                    await asyncio.sleep(0.01)
                for _ in range(10):
                    await writer.write(AuditEntry("recall"))
                waiting = asyncio.create_task(writer.write(AuditEntry("recall")))
                done, _ = await asyncio.wait([waiting], timeout=0.3)
                assert not done
            await asyncio.gather(first, waiting)
            await asyncio.to_thread(writer.close)
            assert len((await control.audit.query()).entries) == 12
            with pytest.raises(StoreClosed):
                await writer.write(AuditEntry("recall"))
            database.close()

    asyncio.run(main())


def test_whoever_is_cancelled_takes_no_entry_back(file_url: str) -> None:
    async def work(control: Control) -> None:
        tasks = [asyncio.create_task(control.audit.record(change())) for _ in range(20)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await control.audit.flush()
        assert len((await control.audit.query()).entries) == 20

    run(file_url, work)


def test_an_export_has_every_entry_on_a_line_of_its_own(url: str, tmp_path: Path) -> None:
    target = tmp_path / "audit.jsonl"

    async def work(control: Control) -> None:
        for number in range(3):
            await control.audit.record(change(request_id=str(number), at=START, records=("r",)))
        await control.audit.record(AuditEntry("recall"))
        assert await control.audit.export(target) == 4
        pipe = StringIO()
        assert await control.audit.export(pipe, operation="remember") == 3
        lines = [json.loads(line) for line in pipe.getvalue().splitlines()]
        assert [line["request_id"] for line in lines] == ["2", "1", "0"]
        assert lines[0]["at"] == "2026-01-01T00:00:00+00:00"
        assert lines[0]["records"] == ["r"]
        assert "principal" not in lines[0]
        with pytest.raises(StoreReadOnly):
            await control.audit.export(tmp_path / "missing" / "file")

    run(url, work)
    assert len(target.read_text().splitlines()) == 4
    if os.name == "posix":
        assert target.stat().st_mode & 0o777 == 0o600


def test_pruning_deletes_what_is_older_and_nothing_else(url: str) -> None:
    async def work(control: Control) -> None:
        for hours in range(10):
            await control.audit.record(
                change(request_id=str(hours), at=START + timedelta(hours=hours), records=("r",))
            )
        assert await control.audit.prune(START + timedelta(hours=4)) == 4
        assert await control.audit.prune(START + timedelta(hours=4)) == 0
        left = (await control.audit.query(record="r")).entries
        assert [entry.request_id for entry in left] == ["9", "8", "7", "6", "5", "4"]
        with pytest.raises(InvalidInput):
            await control.audit.prune(datetime(2026, 1, 1))

    run(url, work)


def test_what_cannot_be_written_is_told_and_reads_are_kept_for_later(file_url: str) -> None:
    def rename(old: str, new: str) -> None:
        with sqlite3.connect(file_url) as file:
            file.execute(f"ALTER TABLE {old} RENAME TO {new}")
        file.close()

    async def work(control: Control) -> None:
        rename("audit", "gone")
        # More reads than one transaction takes stand before the change.
        for _ in range(1500):
            await control.audit.record(AuditEntry("recall"))
        tasks = [asyncio.create_task(control.audit.record(change())) for _ in range(3)]
        for done in await asyncio.gather(*tasks, return_exceptions=True):
            assert isinstance(done, StoreError)
        rename("gone", "audit")
        await control.audit.record(change("forget"))
        assert (await control.audit.query()).entries[0].operation == "forget"
        assert await control.audit.export(StringIO(), operation="recall") == 1500
        assert await control.audit.export(StringIO(), operation="remember") == 0

    run(file_url, work)


def test_closing_says_what_could_not_be_written(file_url: str) -> None:
    async def main() -> None:
        control = await Control.open(file_url)
        with sqlite3.connect(file_url) as file:
            file.execute("DROP TABLE audit")
        file.close()
        await control.audit.record(AuditEntry("recall"))
        with pytest.raises(StoreError, match="1 entries"):
            await control.close()

    asyncio.run(main())
