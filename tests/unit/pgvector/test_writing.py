"""Writes against a server that loses connections, and stores made in several ways."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from memkit.errors import (
    ConfigurationError,
    SchemaMismatch,
    StoreReadOnly,
    StoreUnavailable,
    VersionConflict,
)
from memkit.filters import EVERYTHING
from memkit.protocols import (
    Applied,
    Delete,
    DenseLeg,
    Fingerprint,
    LexicalLeg,
    Patch,
    SearchLeg,
    StoreSpec,
)
from memkit.testing.records import NAMESPACE, build_put, build_record, record_id, unit_vector
from memkit_pgvector import PgvectorBackend
from tests.engines import postgres
from tests.unit.pgvector.stores import DIMENSION, KILL, SPEC, backend_at, opened, run_sql


def test_lost_connections_heal(tmp_path: Path) -> None:
    async def run() -> None:
        async with opened(tmp_path) as backend:
            for n in range(5):
                put = build_put(build_record(n), unit_vector(n, DIMENSION), unique=(f"{n}",))
                assert await backend.write([put]) == [Applied()]
                assert await backend.get(NAMESPACE, [put.record.id])
                await asyncio.to_thread(run_sql, tmp_path, KILL)
            assert await backend.count(NAMESPACE, EVERYTHING) == {"": 5}

    asyncio.run(run())


def test_a_write_whose_connection_dies_at_any_moment_is_carried_out_once(tmp_path: Path) -> None:
    async def run() -> None:
        async with opened(tmp_path) as backend:
            await backend.write([build_put(build_record(0), unit_vector(0, DIMENSION))])
            ended = threading.Event()

            def kill() -> None:
                with psycopg.connect(postgres.database_at(tmp_path), autocommit=True) as killer:
                    while not ended.wait(0.05):
                        killer.execute(KILL)

            thread = threading.Thread(target=kill)
            thread.start()
            try:
                for n in range(1, 40):
                    put = build_put(
                        build_record(n), unit_vector(n, DIMENSION), unique=(f"key {n}",)
                    )
                    # Not a duplicate of itself, whether it was the commit that was cut short
                    # or something before it.
                    assert await backend.write([put]) == [Applied()]
            finally:
                ended.set()
                thread.join()
            assert await backend.count(NAMESPACE, EVERYTHING) == {"": 40}
            assert await backend.check() == []

    asyncio.run(run())


class Lossy(PgvectorBackend):
    """Loses the connection just after a commit, before it is known that it was one."""

    @asynccontextmanager
    async def losing(self) -> AsyncIterator[None]:
        """Every transaction's first try is committed and then taken for lost."""
        from memkit_pgvector.writing import Transaction

        genuine = Transaction.run
        tried: set[bytes] = set()

        async def run(self: Transaction, *args: object, **options: object) -> None:
            await genuine(self, *args, **options)  # type: ignore[arg-type]
            if self.token not in tried:
                tried.add(self.token)
                raise psycopg.OperationalError("the connection is lost")

        Transaction.run = run  # type: ignore[method-assign]
        try:
            yield
        finally:
            Transaction.run = genuine  # type: ignore[method-assign]


def test_a_commit_that_nobody_heard_of_is_found_by_its_receipt(tmp_path: Path) -> None:
    async def run() -> None:
        backend = Lossy(backend_at(tmp_path).settings)
        await backend.open(SPEC)
        try:
            async with backend.losing():
                record = build_record(1)
                assert await backend.write([build_put(record, unique=("k",))]) == [Applied()]
                patch = Patch(replace(record, version=2), 1)
                assert await backend.write([patch]) == [Applied()]
                with pytest.raises(VersionConflict):
                    await backend.write([patch])
                assert await backend.write([Delete(NAMESPACE, record.id)]) == [Applied()]
            assert [each.op for each in await backend.changes(NAMESPACE)] == [
                "put",
                "patch",
                "delete",
            ]
        finally:
            await backend.close()

    asyncio.run(run())


def test_an_exhausted_pool_says_what_to_raise(tmp_path: Path) -> None:
    async def run() -> None:
        async with opened(tmp_path, pool_size=1, pool_timeout=0.2) as backend:
            await backend.write([build_put(build_record(1))])
            with psycopg.connect(postgres.database_at(tmp_path)) as blocker:
                blocker.execute("LOCK TABLE memkit.records IN ACCESS EXCLUSIVE MODE")
                first = asyncio.create_task(backend.get(NAMESPACE, [record_id(1)]))
                second = asyncio.create_task(backend.get(NAMESPACE, [record_id(1)]))
                done, _ = await asyncio.wait((first, second), return_when=asyncio.FIRST_COMPLETED)
                blocker.rollback()
            (failed,) = done
            assert isinstance(failed.exception(), StoreUnavailable)
            assert "pool_size" in str(failed.exception())
            (served,) = {first, second} - done
            assert list(await served) == [record_id(1)]

    asyncio.run(run())


def test_statements_end_after_the_timeout(tmp_path: Path) -> None:
    async def run() -> None:
        async with opened(tmp_path, timeout=0.2) as backend:
            with psycopg.connect(postgres.database_at(tmp_path)) as blocker:
                blocker.execute("LOCK TABLE memkit.records IN ACCESS EXCLUSIVE MODE")
                with pytest.raises(StoreUnavailable, match="timeout"):
                    await backend.get(NAMESPACE, [record_id(1)])
                with pytest.raises(StoreUnavailable, match="timeout"):
                    await backend.write([build_put(build_record(1))])
            assert await backend.write([build_put(build_record(1))]) == [Applied()]

    asyncio.run(run())


def test_a_server_that_is_read_only_refuses_writes_by_name(tmp_path: Path) -> None:
    async def run() -> None:
        async with opened(tmp_path) as backend:
            await backend.write([build_put(build_record(1))])
        run_sql(
            tmp_path,
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only "
            "= on', current_database()); END $$",
        )
        async with opened(tmp_path) as backend:
            assert await backend.get(NAMESPACE, [record_id(1)])
            with pytest.raises(StoreReadOnly):
                await backend.write([build_put(build_record(2))])

    asyncio.run(run())


def test_a_newer_store_is_refused(tmp_path: Path) -> None:
    async def run() -> None:
        async with opened(tmp_path):
            pass
        run_sql(tmp_path, "UPDATE memkit.store SET schema_version = 99")
        for read_only in (False, True):
            backend = backend_at(tmp_path)
            with pytest.raises(SchemaMismatch, match="upgrade"):
                await backend.open(replace(SPEC, read_only=read_only))

    asyncio.run(run())


def test_many_make_one_store_at_once(tmp_path: Path) -> None:
    async def run() -> None:
        backends = [backend_at(tmp_path) for _ in range(6)]
        await asyncio.gather(*(backend.open(SPEC) for backend in backends))
        try:
            puts = [build_put(build_record(n), unit_vector(n, DIMENSION)) for n in range(6)]
            results = await asyncio.gather(
                *(backend.write([put]) for backend, put in zip(backends, puts, strict=True))
            )
            assert results == [[Applied()]] * 6
            assert await backends[0].count(NAMESPACE, EVERYTHING) == {"": 6}
        finally:
            await asyncio.gather(*(backend.close() for backend in backends))

    asyncio.run(run())


def test_two_schemas_of_one_database_are_two_stores(tmp_path: Path) -> None:
    async def run() -> None:
        async with opened(tmp_path) as one, opened(tmp_path, schema='odd "name') as other:
            await one.write([build_put(build_record(1))])
            assert await other.namespaces() == {}
            await other.write([build_put(build_record(2))])
            assert await one.count(NAMESPACE, EVERYTHING) == {"": 1}

    asyncio.run(run())


def test_vectors_may_be_kept_whole(tmp_path: Path) -> None:
    async def run() -> None:
        async with opened(tmp_path, vectors="vector", exact_rows=10) as backend:
            given = {record_id(n): unit_vector(n, DIMENSION) for n in range(50)}
            puts = [build_put(build_record(n), given[record_id(n)]) for n in range(50)]
            await backend.write(puts)
            await backend.warm()
            held = await backend.get(NAMESPACE, list(given), vectors=True)
            for id_, vector in given.items():
                stored = held[id_].vector
                assert stored is not None
                assert stored.tobytes() == vector.tobytes()
                found = await backend.search(NAMESPACE, [DenseLeg(vector)], EVERYTHING, 1)
                assert [each.id for each in found.legs[0]] == [id_]

    asyncio.run(run())


def test_a_partitioned_store_does_the_same(tmp_path: Path) -> None:
    async def run() -> None:
        async with opened(tmp_path, partitions=3, exact_rows=10) as backend:
            puts = [
                build_put(build_record(n, namespace=f"ns {n % 5}"), unit_vector(n, DIMENSION))
                for n in range(100)
            ]
            await backend.write(puts)
            await backend.warm()
            assert await backend.namespaces() == {f"ns {n}": 20 for n in range(5)}
            for n in (3, 44):
                legs: list[SearchLeg] = [DenseLeg(unit_vector(n, DIMENSION)), LexicalLeg((str(n),))]
                found = await backend.search(f"ns {n % 5}", legs, EVERYTHING, 1)
                assert [leg[0].id for leg in found.legs] == [record_id(n)] * 2
            target = Fingerprint("other", 8)
            await backend.begin_reembed(target, "words-1")
            while items := await backend.pending_reembed(30):
                await backend.stage_reembed(
                    [(each.record, replace(puts[0].index, vector=unit_vector(1, 8)))
                     for each in items]
                )  # fmt: skip
            assert await backend.finish_reembed()
            await backend.compact()
            assert await backend.check() == []

    asyncio.run(run())
    kinds = run_sql(
        tmp_path, "SELECT relkind::text FROM pg_class WHERE oid = 'memkit.records'::regclass"
    )
    assert kinds == [("p",)]


def test_a_store_that_lost_all_its_vectors_takes_another_embedder(tmp_path: Path) -> None:
    async def run() -> None:
        async with opened(tmp_path) as backend:
            await backend.write([build_put(build_record(1), unit_vector(1, DIMENSION))])
            await backend.write([Delete(NAMESPACE, record_id(1))])
        other = StoreSpec(Fingerprint("other", 8), SPEC.analyzer)
        async with opened(tmp_path, other) as backend:
            await backend.write([build_put(build_record(2), unit_vector(2, 8))])
            found = await backend.search(NAMESPACE, [DenseLeg(unit_vector(2, 8))], EVERYTHING, 1)
            assert [each.id for each in found.legs[0]] == [record_id(2)]

    asyncio.run(run())


def test_text_search_that_is_not_there_is_refused_where_it_is_asked_for(tmp_path: Path) -> None:
    async def run() -> None:
        with pytest.raises(ConfigurationError, match="pg_textsearch"):
            await backend_at(tmp_path, text_search="bm25").open(SPEC)

    asyncio.run(run())
