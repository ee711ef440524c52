"""Where control data are kept, and what becomes of a store that cannot be used."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from memkit.config import load_settings
from memkit.errors import (
    ConfigurationError,
    MemkitError,
    SchemaMismatch,
    StoreCorrupt,
    StoreReadOnly,
    StoreUnavailable,
    Unauthenticated,
)
from memkit.server.control import AuditEntry, Control, control_url_for
from tests.engines.postgres import database_at


def opened(url: str) -> None:
    async def main() -> None:
        async with await Control.open(url):
            pass

    asyncio.run(main())


def failure(url: str) -> MemkitError:
    with pytest.raises(MemkitError) as told:
        opened(url)
    return told.value


@pytest.mark.parametrize(
    ("store", "control"),
    [
        ("/data/memory.db", "/data/memory.db.control.db"),
        ("sqlite:///data/a%20b.db?busy_timeout=3", "/data/a b.db.control.db"),
        (":memory:", "sqlite://:memory:"),
        ("sqlite://:memory:", "sqlite://:memory:"),
        ("postgresql://u:p@h:1,i:2/db?schema=x", "postgresql://u:p@h:1,i:2/db?schema=x"),
        ("postgres-embedded:///data/pg", "/data/pg.control.db"),
        ("chroma:///data/store/", "/data/store.control.db"),
        ("qdrant+edge:///data/q?x=1", "/data/q.control.db"),
    ],
)
def test_control_data_are_kept_with_their_store(store: str, control: str) -> None:
    assert control_url_for(store, load_settings(url=store).settings) == control


def test_a_services_control_data_are_a_file_of_its_own() -> None:
    def path(url: str) -> str:
        return control_url_for(url, load_settings(url=url).settings)

    assert path("qdrant://h:6333") == path("qdrant://user:secret@h:6333/?timeout=3")
    assert path("qdrant://h:6333") != path("qdrant://i:6333")
    assert path("qdrant://h:6333") != path("chroma://h:6333")
    assert "secret" not in path("qdrant://user:secret@h:6333")


def test_the_setting_goes_before_all_that() -> None:
    settings = load_settings(url="/data/memory.db", control="postgresql://h/db").settings
    assert control_url_for(settings.url, settings) == "postgresql://h/db"


@pytest.mark.parametrize("url", ["", " ", "mysql://h/db", "sqlite://relative.db", "sqlite:///"])
def test_a_url_that_names_no_control_store_is_refused(url: str) -> None:
    assert isinstance(failure(url), ConfigurationError)


def test_a_folders_file_cannot_say_who_may_do_what(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for line in ('control = "mine.db"', 'jwt_jwks_url = "https://evil.example/keys"'):
        Path("memkit.toml").write_text(line, encoding="utf-8")
        with pytest.raises(ConfigurationError, match="may not"):
            load_settings()


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_the_file_is_for_its_owners_eyes(tmp_path: Path) -> None:
    file = tmp_path / "new" / "memory.db.control.db"
    opened(str(file))
    assert file.stat().st_mode & 0o777 == 0o600
    file.chmod(0o644)

    async def main() -> None:
        async with await Control.open(str(file)) as control:
            await control.audit.record(AuditEntry("remember", changes=True))
            modes = {path.name: path.stat().st_mode & 0o777 for path in file.parent.iterdir()}
            assert set(modes.values()) == {0o600}, modes

    asyncio.run(main())


def test_one_in_memory_is_gone_when_it_is_closed() -> None:
    async def main() -> None:
        async with await Control.open("sqlite://:memory:") as control:
            assert await control.first_admin() is not None
        async with await Control.open("sqlite://:memory:") as control:
            assert await control.first_admin() is not None

    asyncio.run(main())


def test_many_may_open_a_new_one_at_once(url: str) -> None:
    async def main() -> None:
        controls = await asyncio.gather(*(Control.open(url) for _ in range(6)))
        found = await asyncio.gather(*(control.first_admin() for control in controls))
        assert sum(secret is not None for secret in found) == 1
        await asyncio.gather(*(control.close() for control in controls))

    asyncio.run(main())


def test_a_newer_memkits_data_are_left_alone(url: str, tmp_path: Path) -> None:
    opened(url)
    if url.startswith("postgres"):
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("UPDATE memkit_control.schema_version SET version_num = '9999'")
    else:
        with sqlite3.connect(url) as file:
            file.execute("UPDATE schema_version SET version_num = '9999'")
        file.close()
    error = failure(url)
    assert isinstance(error, SchemaMismatch)
    assert "upgrade memkit" in str(error)


def test_the_tables_are_what_the_migrations_make(url: str) -> None:
    from sqlalchemy import inspect

    from memkit.server.control.database import Database
    from memkit.server.control.locations import locate
    from memkit.server.control.tables import metadata

    database = Database(locate(url))
    database.open()
    with database.reading() as connection:
        inspector = inspect(connection)
        for table in metadata.tables.values():
            columns = inspector.get_columns(table.name, schema=database.schema)
            assert {item["name"]: item["nullable"] for item in columns} == {
                column.name: column.nullable for column in table.columns
            }
        assert set(inspector.get_table_names(schema=database.schema)) == {
            *metadata.tables,
            "schema_version",
        }
    database.close()


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "x.db"
    file.write_bytes(b"this is somebody's letter" * 100)
    assert isinstance(failure(str(file)), StoreCorrupt)
    assert file.read_bytes() == b"this is somebody's letter" * 100


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    error = failure(str(tmp_path / "file" / "x.db"))
    assert isinstance(error, StoreReadOnly)
    assert "x.db" in str(error)


def test_data_that_memkit_did_not_write_let_nobody_in(file_url: str) -> None:
    async def main() -> None:
        async with await Control.open(file_url) as control:
            secret = await control.first_admin()
            assert secret is not None
            await control.authenticate(secret)
            with sqlite3.connect(file_url) as file:
                file.execute("UPDATE principals SET agents = '{', revision = 99")
                file.execute("UPDATE state SET revision = 99")
            file.close()
            for _ in range(2):
                with pytest.raises(StoreCorrupt):
                    await control.authenticate(secret)

    asyncio.run(main())


def test_data_put_back_from_a_copy_are_read_anew(file_url: str) -> None:
    async def main() -> None:
        async with await Control.open(file_url) as control:
            secret = await control.first_admin()
            assert secret is not None
            await control.create_principal("ci")
            later, _ = await control.issue_token("ci", "t")
            await control.authenticate(later)
            with sqlite3.connect(file_url) as file:
                file.execute("DELETE FROM principals WHERE name = 'ci'")
                file.execute("DELETE FROM tokens WHERE name = 't'")
                file.execute("UPDATE principals SET revision = 2")
                file.execute("UPDATE state SET revision = 2")
            file.close()
            with pytest.raises(Unauthenticated):
                await control.authenticate(later)
            await control.authenticate(secret)

    asyncio.run(main())


def test_a_postgresql_that_is_not_there_is_said_not_to_be() -> None:
    error = failure("postgresql://me:hush@127.0.0.1:1/db")
    assert isinstance(error, StoreUnavailable)
    assert "hush" not in str(error)
    error = failure("postgresql://me:hush@h:notaport/db")
    assert isinstance(error, ConfigurationError | StoreUnavailable)
    assert "hush" not in str(error)


def test_a_broken_connection_is_made_again(tmp_path: Path) -> None:
    url = database_at(tmp_path)

    async def main() -> None:
        async with await Control.open(url) as control:
            secret = await control.first_admin()
            assert secret is not None
            await control.authenticate(secret)
            await control.audit.record(AuditEntry("remember", changes=True))
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            await control.authenticate(secret)
            await control.audit.record(AuditEntry("remember", changes=True))
            assert len((await control.audit.query()).entries) == 2

    asyncio.run(main())


@pytest.mark.parametrize("package", ["sqlalchemy", "alembic"])
def test_a_missing_package_is_named_with_the_extra_that_brings_it(
    tmp_path: Path, package: str
) -> None:
    code = f"""
import asyncio, sys
sys.modules[{package!r}] = None
from memkit.server.control import Control
try:
    asyncio.run(Control.open({str(tmp_path / "x.db")!r}))
except Exception as error:
    print(type(error).__name__, error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.startswith("MissingDependency")
    assert package in done.stdout
    assert 'pip install "agent-memkit[server]"' in done.stdout
