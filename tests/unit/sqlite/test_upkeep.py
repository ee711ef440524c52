"""A store is checked, compacted and purged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from memkit.errors import StoreCorrupt
from memkit.filters import EVERYTHING
from memkit.protocols import Delete, IndexData, LexicalLeg, Patch, Put
from memkit.testing.records import NAMESPACE, build_record, record_id, unit_vector
from memkit.types import Link

if TYPE_CHECKING:
    from tests.unit.sqlite.conftest import Opened

Run = Callable[..., Any]
SECRET = "swordfish"


def secret_put(number: int, size: int = 1) -> Put:
    record = build_record(
        number,
        content=f"{SECRET} {number} " * size,
        tags=(f"{SECRET}-tag-{number % 7}",),
        metadata={f"{SECRET}-key": f"{SECRET} value {number}"},
        source=f"{SECRET} source {number}",
        links=(Link("related", record_id(number + 1)),),
    )
    index = IndexData(unit_vector(number, 8), (SECRET, f"w{number}"), (f"{SECRET}-{number % 5}",))
    return Put(record, index, (f"{SECRET}-unique-{number}",))


def plain_put(number: int) -> Put:
    record = build_record(number, content=f"plain {number}", tags=("plain",))
    return Put(record, IndexData(unit_vector(number, 8), ("plain",), ("p",)), (f"plain {number}",))


def raw_bytes(path: Path) -> bytes:
    files = [path, *(path.with_name(path.name + end) for end in ("-wal", "-journal"))]
    return b"".join(file.read_bytes() for file in files if file.exists())


@pytest.mark.parametrize("size", [1, 60, 2000])
def test_after_a_purge_no_byte_of_what_was_deleted_is_in_the_files(
    path: Path, opened: Opened, run: Run, size: int
) -> None:
    async def scenario() -> None:
        async with opened(path) as backend:
            # Between others, and in an order that splits and merges pages of every tree.
            for start in range(0, 400, 40):
                batch = [
                    secret_put(n * 17 % 400, size) if n % 3 else plain_put(1000 + n)
                    for n in range(start, start + 40)
                ]
                await backend.write(batch)
            secrets = [n * 17 % 400 for n in range(400) if n % 3]
            for number in secrets[::5]:
                record = secret_put(number, size).record
                await backend.write(
                    [
                        Patch(
                            build_record(number, content="was changed", version=2),
                            record.version,
                            IndexData(None, ("changed",)),
                            (),
                        )
                    ]
                )
            assert SECRET.encode() in raw_bytes(path)
            for start in range(0, len(secrets), 30):
                await backend.write(
                    [Delete(NAMESPACE, record_id(n)) for n in secrets[start : start + 30]]
                )
            assert await backend.purge()
            assert SECRET.encode() not in raw_bytes(path)
            found = await backend.search(NAMESPACE, (LexicalLeg((SECRET,)),), EVERYTHING, 5)
            assert found.legs == ((),)
            assert await backend.check() == []

    run(scenario)


def test_who_had_the_old_pages_at_hand_does_not_bring_the_bytes_back(
    path: Path, opened: Opened, run: Run
) -> None:
    async def scenario() -> None:
        async with opened(path) as one, opened(path) as two:
            for n in range(0, 400, 2):
                await two.write([secret_put(n), plain_put(n + 1)])
            for n in range(0, 400, 2):
                # Both have written, and so hold, pages that secrets have left.
                await (one, two)[n % 4 // 2].write([Delete(NAMESPACE, record_id(n))])
            assert await one.purge()
            for n in range(1, 400, 2):
                record = build_record(n, content="plain", tags=("plain", "too"), version=2)
                await (one, two)[n % 4 // 2].write([Patch(record, 1)])
            assert SECRET.encode() not in raw_bytes(path)
            assert await two.check() == []

    run(scenario)


def test_a_purge_that_a_reader_prevents_says_so(path: Path, opened: Opened, run: Run) -> None:
    import apsw

    async def scenario() -> None:
        async with opened(path, busy_timeout=0.05) as backend:
            await backend.write([secret_put(1)])
            reader = apsw.Connection(str(path))
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM records").fetchall()
            await backend.write([Delete(NAMESPACE, record_id(1))])
            assert not await backend.purge()
            reader.execute("COMMIT")
            assert await backend.purge()
            assert SECRET.encode() not in raw_bytes(path)
            reader.close()

    run(scenario)


def test_compacting_gives_the_space_back(path: Path, opened: Opened, run: Run) -> None:
    async def scenario() -> None:
        async with opened(path) as backend:
            await backend.write([secret_put(n, 100) for n in range(300)])
            await backend.write([plain_put(1000 + n) for n in range(5)])
            await backend.write([Delete(NAMESPACE, record_id(n)) for n in range(300)])
            await backend.purge()
            before = path.stat().st_size
            await backend.compact()
            assert path.stat().st_size < before / 2
            assert SECRET.encode() not in raw_bytes(path)
            assert await backend.count(NAMESPACE, EVERYTHING) == {"": 5}
            found = await backend.search(NAMESPACE, (LexicalLeg(("plain",)),), EVERYTHING, 9)
            assert len(found.legs[0]) == 5

    run(scenario)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("DELETE FROM indexed WHERE seq = 3", "in no index"),
        ("DELETE FROM records WHERE seq = 3", "belong to no record"),
        ("UPDATE indexed SET vector = NULL WHERE seq = 3", "wrongly whether"),
        ("UPDATE indexed SET vector = x'00000000' WHERE seq = 3", "dimension"),
        ("UPDATE indexed SET terms = x'00' WHERE seq = 3", "word lists are damaged"),
        ("DELETE FROM tags WHERE seq = 3", "tags cannot be found"),
        ("INSERT INTO tags VALUES (1, 'ghost', 999)", "tags belong to no record"),
        ("DELETE FROM targets WHERE seq = 3", "links cannot be found"),
        ("DELETE FROM uniques WHERE seq = 3", "unique keys are lost"),
        ("INSERT INTO uniques VALUES (1, x'00', 999)", "unique keys belong to no record"),
        ("DELETE FROM signatures WHERE seq = 3", "signature keys are lost"),
        ("UPDATE records SET ns = 77 WHERE seq = 3", "in no namespace"),
    ],
)
def test_a_check_finds_planted_damage_and_names_a_remedy(
    path: Path, opened: Opened, run: Run, damage: str, said: str
) -> None:
    import apsw

    async def scenario() -> None:
        async with opened(path) as backend:
            await backend.write([secret_put(n) for n in range(10)])
            assert await backend.check() == []
            connection = apsw.Connection(str(path))
            connection.execute(damage)
            connection.close()
            problems = await backend.check()
            assert any(said in problem.what for problem in problems)
            assert all("memkit" in problem.remedy for problem in problems)
            assert not any(SECRET in problem.what for problem in problems)

    run(scenario)


def test_a_check_finds_damaged_pages(path: Path, opened: Opened, run: Run) -> None:
    async def fill() -> None:
        async with opened(path) as backend:
            await backend.write([secret_put(n, 20) for n in range(300)])

    async def scenario() -> None:
        async with opened(path) as backend:
            try:
                problems = await backend.check()
            except StoreCorrupt:
                return
            assert any("damaged" in problem.what for problem in problems)

    run(fill)
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 8192 // 2 * 8192)
        file.write(b"\xff" * 8192 * 6)
    run(scenario)


def test_old_changes_are_forgotten_and_nobody_misses_a_record(
    path: Path, opened: Opened, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("memkit_sqlite.tables.CHANGES_KEPT", 20)

    async def scenario() -> None:
        async with opened(path) as writer, opened(path) as other:
            await writer.write([plain_put(n) for n in range(30)])
            legs = (LexicalLeg(("plain",)),)
            assert len((await other.search(NAMESPACE, legs, EVERYTHING, 500)).legs[0]) == 30
            for n in range(30, 130):
                await writer.write([plain_put(n)])
            await writer.purge()
            assert [c.position for c in await writer.changes(NAMESPACE)] == list(range(111, 131))
            assert await writer.position() == 130
            assert len((await other.search(NAMESPACE, legs, EVERYTHING, 500)).legs[0]) == 130

    run(scenario)
