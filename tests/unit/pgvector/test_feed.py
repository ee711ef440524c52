"""The change feed grows for every reader, whoever commits when."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psycopg

from memkit.protocols import Applied
from memkit.testing.records import NAMESPACE, build_put, build_record, record_id
from memkit_pgvector.schema import POSITION_BITS
from tests.engines import postgres
from tests.unit.pgvector.stores import KILL, opened, run_sql


def test_a_reader_misses_nothing_while_many_write(tmp_path: Path) -> None:
    writers, writes = 6, 25

    async def run() -> None:
        async with opened(tmp_path) as one, opened(tmp_path) as other:
            seen: list[str] = []
            last = 0
            ended = asyncio.Event()

            async def read() -> None:
                nonlocal last
                while True:
                    finished = ended.is_set()
                    for change in await other.changes(NAMESPACE, last, 7):
                        assert change.position > last
                        last = change.position
                        seen.append(change.id)
                    if finished and last == await other.position():
                        return

            async def write(writer: int) -> None:
                for n in range(writes):
                    record = build_record(n, id=record_id(n, writer))
                    backend = (one, other)[writer % 2]
                    assert await backend.write([build_put(record)]) == [Applied()]

            reader = asyncio.create_task(read())
            await asyncio.gather(*map(write, range(writers)))
            ended.set()
            await reader
            assert len(seen) == len(set(seen)) == writers * writes

    asyncio.run(run())


def test_what_comes_after_an_open_transaction_waits_for_it(tmp_path: Path) -> None:
    async def run() -> None:
        async with opened(tmp_path) as backend:
            await backend.write([build_put(build_record(1))])
            before = await backend.position()
            with psycopg.connect(postgres.database_at(tmp_path)) as earlier:
                earlier.execute("SELECT pg_current_xact_id()")
                await backend.write([build_put(build_record(2))])
                assert await backend.changes(NAMESPACE, before) == []
                assert await backend.position() == before
                earlier.rollback()
            found = await backend.changes(NAMESPACE, before)
            assert [each.id for each in found] == [record_id(2)]

    asyncio.run(run())


def test_who_waits_hears_of_another_ones_change(tmp_path: Path) -> None:
    async def run() -> None:
        async with opened(tmp_path) as one, opened(tmp_path) as other:
            start = await one.position()
            assert await one.wait_for_change(start, 0.01) == start
            waiting = asyncio.create_task(one.wait_for_change(start, 30))
            await other.write([build_put(build_record(1))])
            assert await waiting == await other.position() > start
            await asyncio.to_thread(run_sql, tmp_path, KILL)
            waiting = asyncio.create_task(one.wait_for_change(await one.position(), 30))
            await other.write([build_put(build_record(2))])
            assert await waiting == await other.position()

    asyncio.run(run())


def test_positions_grow_on_in_a_server_that_counts_from_less(tmp_path: Path) -> None:
    async def run() -> None:
        async with opened(tmp_path) as backend:
            await backend.write([build_put(build_record(1))])
        # As after a restore: the changes are of a server that had counted further.
        ahead = 1 << POSITION_BITS + 30
        run_sql(tmp_path, f"UPDATE memkit.changes SET position = position + {ahead}")
        async with opened(tmp_path) as backend:
            held = await backend.position()
            assert held > ahead
            await backend.write([build_put(build_record(2))])
            assert await backend.position() > held
            assert [each.id for each in await backend.changes(NAMESPACE, held)] == [record_id(2)]

    asyncio.run(run())
