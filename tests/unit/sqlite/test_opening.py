"""What cannot be opened or written says why, and leaves nothing half-done."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from memkit.errors import (
    ConfigurationError,
    EmbedderMismatch,
    InvalidInput,
    MissingDependency,
    SchemaMismatch,
    StoreClosed,
    StoreCorrupt,
    StoreReadOnly,
    StoreUnavailable,
)
from memkit.filters import EVERYTHING
from memkit.protocols import Delete, Fingerprint, IndexData, LexicalLeg, Put, StoreSpec
from memkit.testing.records import NAMESPACE, build_record, unit_vector
from memkit_sqlite import SqliteBackend

if TYPE_CHECKING:
    from tests.unit.sqlite.conftest import Opened

Run = Callable[..., Any]


def put(number: int, vector: Any = None, **fields: Any) -> Put:
    return Put(build_record(number, **fields), IndexData(vector, ("word",)))


def fill(path: Path, opened: Opened, run: Run, count: int = 20) -> None:
    async def scenario() -> None:
        async with opened(path) as backend:
            await backend.write([put(n, unit_vector(n, 8)) for n in range(count)])

    run(scenario)


async def _open_and_close(backend: SqliteBackend, spec: StoreSpec) -> None:
    try:
        await backend.open(spec)
    finally:
        await backend.close()


def test_a_url_or_a_path_names_the_same_store(tmp_path: Path, spec: StoreSpec, run: Run) -> None:
    file = tmp_path / "a b" / "store.db"

    async def scenario() -> None:
        by_path = SqliteBackend.from_url(str(file))
        await by_path.open(spec)
        await by_path.write([put(1)])
        await by_path.close()
        by_url = SqliteBackend.from_url(f"sqlite://{str(file).replace(' ', '%20')}?busy_timeout=5")
        await by_url.open(spec)
        assert await by_url.namespaces() == {NAMESPACE: 1}
        await by_url.close()

    run(scenario)


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://relative.db",
        "sqlite://",
        "sqlite:///",
        "postgres:///x",
        "sqlite:///x?busy_timeout=soon",
        "sqlite:///x?mode=ro",
        "",
    ],
)
def test_a_url_that_names_no_file_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError):
        SqliteBackend.from_url(url)


def test_a_store_in_memory_is_private_and_leaves_nothing(
    spec: StoreSpec, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    async def scenario() -> None:
        one, two = (SqliteBackend.from_url("sqlite://:memory:") for _ in range(2))
        await one.open(spec)
        await two.open(spec)
        await one.write([put(1)])
        assert await two.namespaces() == {}
        await one.close()
        await two.close()
        assert list(tmp_path.iterdir()) == []

    run(scenario)


def test_without_the_driver_the_message_holds_the_install_command(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "apsw", None)
    with pytest.raises(MissingDependency, match="pip install"):
        SqliteBackend(path)


@pytest.mark.parametrize("content", [b"no database at all " * 100, b"SQLite format 3\0" + b"x" * 9])
def test_a_file_that_is_no_database_is_said_to_be_none(
    path: Path, spec: StoreSpec, run: Run, content: bytes
) -> None:
    path.write_bytes(content)
    with pytest.raises(StoreCorrupt):
        run(lambda: _open_and_close(SqliteBackend(path), spec))
    assert path.read_bytes() == content


def test_another_programs_database_is_left_alone(path: Path, spec: StoreSpec, run: Run) -> None:
    import apsw

    with apsw.Connection(str(path)) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreCorrupt, match="another program"):
        run(lambda: _open_and_close(SqliteBackend(path), spec))
    assert path.read_bytes() == before


def test_a_truncated_store_is_said_to_be_damaged(
    path: Path, opened: Opened, spec: StoreSpec, run: Run
) -> None:
    fill(path, opened, run)
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(StoreCorrupt):
        run(lambda: _open_and_close(SqliteBackend(path), spec))


def test_a_newer_store_asks_for_a_newer_memkit(
    path: Path, opened: Opened, spec: StoreSpec, run: Run
) -> None:
    import apsw

    fill(path, opened, run)
    connection = apsw.Connection(str(path))
    connection.pragma("user_version", 99)
    connection.close()
    with pytest.raises(SchemaMismatch, match="upgrade"):
        run(lambda: _open_and_close(SqliteBackend(path), spec))


def test_a_folder_in_the_files_place_is_told(tmp_path: Path, spec: StoreSpec, run: Run) -> None:
    with pytest.raises(StoreUnavailable, match="not a file"):
        run(lambda: _open_and_close(SqliteBackend(tmp_path), spec))
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable):
        run(lambda: _open_and_close(SqliteBackend(tmp_path / "file" / "store.db"), spec))


def test_another_models_vectors_are_refused_unless_to_replace_them(
    path: Path, opened: Opened, spec: StoreSpec, run: Run
) -> None:
    fill(path, opened, run)
    for other in (
        replace(spec, fingerprint=Fingerprint("another", 8)),
        replace(spec, analyzer="words 2"),
    ):
        with pytest.raises(EmbedderMismatch, match="memkit reembed"):
            run(lambda other=other: _open_and_close(SqliteBackend(path), other))
        run(
            lambda other=other: _open_and_close(SqliteBackend(path), replace(other, migrating=True))
        )
    # Words alone fit any model's vectors.
    run(lambda: _open_and_close(SqliteBackend(path), replace(spec, fingerprint=None)))


def test_a_store_without_vectors_takes_the_model_it_is_given(
    path: Path, opened: Opened, spec: StoreSpec, run: Run
) -> None:
    other = replace(spec, fingerprint=Fingerprint("another", 3))

    async def scenario() -> None:
        async with opened(path) as backend:
            await backend.write([put(1, unit_vector(1, 8))])
            await backend.write([Delete(NAMESPACE, build_record(1).id)])
        async with opened(path, other) as backend:
            await backend.write([put(2, unit_vector(1, 3))])
        with pytest.raises(EmbedderMismatch):
            await _open_and_close(SqliteBackend(path), spec)

    run(scenario)


def test_of_two_models_the_first_to_write_a_vector_stays(
    path: Path, opened: Opened, spec: StoreSpec, run: Run
) -> None:
    other = replace(spec, fingerprint=Fingerprint("another", 8))

    async def scenario() -> None:
        async with opened(path) as first, opened(path, other) as second:
            await first.write([put(1, unit_vector(1, 8))])
            with pytest.raises(EmbedderMismatch):
                await second.write([put(2, unit_vector(2, 8))])
            assert await first.namespaces() == {NAMESPACE: 1}

    run(scenario)


def test_opened_read_only_it_reads_and_refuses_to_write(
    path: Path, opened: Opened, spec: StoreSpec, run: Run
) -> None:
    fill(path, opened, run)

    async def scenario() -> None:
        async with opened(path, replace(spec, read_only=True)) as backend:
            assert await backend.count(NAMESPACE, EVERYTHING) == {"": 20}
            found = await backend.search(NAMESPACE, (LexicalLeg(("word",)),), EVERYTHING, 3)
            assert len(found.legs[0]) == 3
            assert await backend.check() == []
            for attempt in (backend.write([put(99)]), backend.purge(), backend.compact()):
                with pytest.raises(StoreReadOnly, match="read-only"):
                    await attempt

    run(scenario)


def test_opened_read_only_a_store_is_not_made(path: Path, spec: StoreSpec, run: Run) -> None:
    with pytest.raises(StoreUnavailable, match="no store"):
        run(lambda: _open_and_close(SqliteBackend(path), replace(spec, read_only=True)))
    assert not path.exists()


def test_a_write_that_waits_too_long_says_so(path: Path, opened: Opened, run: Run) -> None:
    import apsw

    async def scenario() -> None:
        async with opened(path, busy_timeout=0.05) as backend:
            holder = apsw.Connection(str(path))
            holder.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreUnavailable, match="locked"):
                await backend.write([put(1)])
            holder.execute("ROLLBACK")
            holder.close()
            await backend.write([put(1)])
            assert await backend.namespaces() == {NAMESPACE: 1}

    run(scenario)


_FILL_THE_DISK = """
import asyncio, resource, sys
from pathlib import Path
from memkit.errors import StoreFull
from memkit.protocols import Delete, Fingerprint, IndexData, Put, StoreSpec
from memkit.testing.records import NAMESPACE, build_record
from memkit_sqlite import SqliteBackend

def put(n):
    return Put(build_record(n, content="x" * 2000), IndexData(None, ("word",)))

async def main(path):
    backend = SqliteBackend(path)
    await backend.open(StoreSpec(Fingerprint("toy", 8), "words 1"))
    await backend.write([put(n) for n in range(10)])
    size = 1_000_000
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    stored = 10
    try:
        while True:
            await backend.write([put(stored + n) for n in range(50)])
            stored += 50
    except StoreFull as error:
        assert "space" in str(error)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    assert (await backend.namespaces())[NAMESPACE] == stored
    await backend.write([put(10_000)])
    assert (await backend.namespaces())[NAMESPACE] == stored + 1
    assert await backend.check() == []
    await backend.close()

resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
path = Path(sys.argv[1])
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
_set = resource.setrlimit
resource.setrlimit = lambda what, limits: _set(what, (limits[0], hard))
asyncio.run(main(path))
"""


def test_a_full_disk_keeps_whole_batches_and_the_store_goes_on_once_there_is_room(
    path: Path,
) -> None:
    paths = os.pathsep.join(entry for entry in sys.path if entry)
    done = subprocess.run(
        [sys.executable, "-c", _FILL_THE_DISK, str(path)],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_closed_or_not_yet_open_it_says_so(path: Path, spec: StoreSpec, run: Run) -> None:
    async def scenario() -> None:
        backend = SqliteBackend(path)
        with pytest.raises(StoreClosed):
            await backend.namespaces()
        await backend.open(spec)
        await backend.close()
        await backend.close()
        with pytest.raises(StoreClosed):
            await backend.write([put(1)])
        await backend.open(spec)
        await backend.write([put(1)])
        await backend.close()

    run(scenario)


@pytest.mark.parametrize(
    "fields", [{"content": "\ud800"}, {"metadata": {"a": float("nan")}}, {"sequence": 2**64}]
)
def test_what_cannot_be_stored_is_refused_and_nothing_kept(
    path: Path, opened: Opened, run: Run, fields: dict[str, Any]
) -> None:
    async def scenario() -> None:
        async with opened(path) as backend:
            with pytest.raises(InvalidInput):
                await backend.write([put(1), put(2, **fields)])
            assert await backend.namespaces() == {}
            # Beside others in one transaction, too, it fails alone.
            results = await asyncio.gather(
                *(backend.write([put(n, **(fields if n == 5 else {}))]) for n in range(10)),
                return_exceptions=True,
            )
            assert [isinstance(result, InvalidInput) for result in results] == [
                n == 5 for n in range(10)
            ]
            assert await backend.namespaces() == {NAMESPACE: 9}

    run(scenario)
