"""A store of an older schema version is brought up to date where it is, or read as it is."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from memkit.errors import StoreError
from memkit.filters import EVERYTHING, And, Eq, Exists, Filter, Gt, In, Not
from memkit.protocols import DenseLeg, LexicalLeg, Order, Patch, StoreSpec
from memkit.testing.records import (
    EPOCH,
    NAMESPACE,
    build_put,
    build_record,
    record_id,
    unit_vector,
)
from memkit_sqlite import SqliteBackend
from memkit_sqlite.schema import SCHEMA_VERSION
from memkit_sqlite.selective import few_records

if TYPE_CHECKING:
    from tests.unit.sqlite.conftest import Opened

Run = Callable[..., Any]
VERSION_3 = Path(__file__).with_name("version3.sql")
FACT: dict[str, Any] = {
    "subject": "user",
    "predicate": "lives in",
    "object": "Rome",
    "valid_from": EPOCH,
}
ABOUT = And((Eq("subject", "user"), Eq("predicate", "lives in")))


def on_file(path: Path, sql: str) -> list[Any]:
    import apsw

    connection = apsw.Connection(str(path))
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def version(path: Path) -> int:
    return int(on_file(path, "PRAGMA user_version")[0][0])


@pytest.fixture
def old(path: Path) -> Path:
    """A store of schema version 3: two records of which the first has an author."""
    on_file(path, VERSION_3.read_text(encoding="utf-8"))
    return path


def test_a_store_of_version_3_takes_facts_once_it_is_opened(
    old: Path, opened: Opened, run: Run
) -> None:
    async def scenario() -> None:
        async with opened(old) as backend:
            kept = (await backend.scan(NAMESPACE, EVERYTHING)).items
            assert [item.record.id for item in kept] == [record_id(2), record_id(1)]
            assert kept[1].record.author == "ann"
            assert kept[1].record.subject is None
            fact = build_record(4, **FACT)
            changed = replace(kept[1].record, version=2, **FACT)
            await backend.write([build_put(fact), Patch(changed, 1)])
            order = Order("id", descending=False)
            found = (await backend.scan(NAMESPACE, ABOUT, order=order)).items
            assert [item.record for item in found] == [changed, fact]
            assert await backend.count(NAMESPACE, Not(Exists("subject"))) == {"": 1}
            assert await backend.check() == []

    run(scenario)
    assert version(old) == SCHEMA_VERSION


def test_a_store_of_version_3_is_read_as_it_is(
    old: Path, opened: Opened, spec: StoreSpec, run: Run
) -> None:
    async def scenario() -> None:
        async with opened(old, replace(spec, read_only=True)) as backend:
            for nothing in (ABOUT, Eq("object", "Rome"), Eq("predicate", "x"), Exists("subject")):
                assert (await backend.scan(NAMESPACE, nothing)).items == ()
                assert await backend.count(NAMESPACE, Not(nothing)) == {"": 2}
            # Ordered by what nothing has; searched through what is loaded into memory.
            items = (await backend.scan(NAMESPACE, EVERYTHING, order=Order("valid_to"))).items
            assert [item.record.author for item in items] == ["ann", None]
            legs = (DenseLeg(unit_vector(1, 8)), LexicalLeg(("two",)))
            for filter in (EVERYTHING, Not(Exists("retracted_at")), Not(Exists("object"))):
                found = await backend.search(NAMESPACE, legs, filter, 5)
                assert [len(leg) for leg in found.legs] == [2, 1]
            late = await backend.search(NAMESPACE, legs, Gt("valid_to", EPOCH), 5)
            assert late.legs == ((), ())

    run(scenario)
    assert version(old) == 3


def test_an_upgrade_that_fails_leaves_the_store_as_it_was(
    old: Path, opened: Opened, spec: StoreSpec, run: Run
) -> None:
    # The last statement of all finds its name taken.
    on_file(old, "CREATE INDEX records_object ON records (ns, source)")
    with pytest.raises(StoreError):
        asyncio.run(SqliteBackend(old).open(spec))
    assert version(old) == 3
    assert "subject" not in {row[1] for row in on_file(old, "PRAGMA table_info(records)")}
    on_file(old, "DROP INDEX records_object")

    async def scenario() -> None:
        async with opened(old) as backend:
            assert await backend.count(NAMESPACE, EVERYTHING) == {"": 2}

    run(scenario)
    assert version(old) == SCHEMA_VERSION


_WRITER = """
import asyncio, sys
from memkit.protocols import Fingerprint, StoreSpec
from memkit.testing.records import build_put, build_record
from memkit_sqlite import SqliteBackend

async def main(path, first):
    backend = SqliteBackend(path)
    await backend.open(StoreSpec(Fingerprint("toy", 8), "words 1"))
    for n in range(20):
        await backend.write([build_put(build_record(first + n, subject="user", predicate="p"))])
    await backend.close()

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


def test_of_several_processes_that_open_it_at_once_one_upgrades_it(
    old: Path, opened: Opened, run: Run
) -> None:
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(old), str(100 * n)], stderr=subprocess.PIPE
        )
        for n in range(1, 4)
    ]
    for writer in writers:
        _, told = writer.communicate(timeout=120)
        assert writer.returncode == 0, told.decode()

    async def scenario() -> None:
        async with opened(old) as backend:
            assert await backend.count(NAMESPACE, Eq("subject", "user")) == {"": 60}
            assert await backend.check() == []

    run(scenario)


@pytest.mark.parametrize(
    ("filter", "index"),
    [
        (Eq("subject", "user 7"), "records_fact (ns=? AND subject=?)"),
        (In("subject", ("user 7", "user 8")), "records_fact (ns=? AND subject=?)"),
        (ABOUT, "records_fact (ns=? AND subject=? AND predicate=?)"),
        (And((Eq("kind", "fact"), ABOUT)), "records_fact (ns=? AND subject=? AND predicate=?)"),
        (Eq("predicate", "p"), "records_predicate (ns=? AND predicate=?)"),
        (Eq("object", "o7"), "records_object (ns=? AND <expr>=?)"),
        (Exists("subject"), "records_fact (ns=? AND subject>?)"),
    ],
)
def test_facts_are_looked_up_in_an_index(
    path: Path, opened: Opened, run: Run, filter: Filter, index: str
) -> None:
    import apsw

    async def scenario() -> None:
        async with opened(path):
            pass

    run(scenario)
    connection = apsw.Connection(str(path))
    asked: list[tuple[str, Any]] = []

    def note(_: Any, sql: str, values: Any) -> bool:
        asked.append((sql, values))
        return True

    connection.exec_trace = note
    few_records(connection, 1, filter)
    connection.exec_trace = None
    (sql, values), *_ = asked
    plan = connection.execute(f"EXPLAIN QUERY PLAN {sql}", values).fetchall()
    connection.close()
    assert index in str(plan[0][3])
