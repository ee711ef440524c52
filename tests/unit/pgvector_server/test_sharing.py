"""Threads and processes share one server on a folder, and the last of them stops it."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from memkit_pgvector.embedded import EmbeddedServer
from tests.engines.clusters import servants
from tests.unit.pgvector_server.conftest import Hold


def identity(uri: str) -> object:
    """What no two runs of a server have in common."""
    with psycopg.connect(uri) as connection:
        row = connection.execute("SELECT pg_postmaster_start_time()").fetchone()
    assert row is not None
    return row[0]


def postmaster(folder: Path) -> int:
    return int((folder / "pgdata" / "postmaster.pid").read_text().splitlines()[0])


def kill_postmaster(folder: Path) -> None:
    os.kill(postmaster(folder), signal.SIGKILL)


def test_the_last_of_a_process_stops_it(folder: Path) -> None:
    first, second = EmbeddedServer(folder), EmbeddedServer(folder)
    uri = first.start()
    assert second.start() == uri
    first.release()
    first.release()
    identity(uri)
    second.release()
    assert not servants(folder / "pgdata")
    assert not (folder / "pgdata" / "postmaster.pid").exists()


def test_the_data_are_there_the_next_time(folder: Path) -> None:
    server = EmbeddedServer(folder)
    with psycopg.connect(server.start()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS n")
    server.release()
    with psycopg.connect(server.start()) as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (7,)
    server.release()


def test_threads_that_start_at_once_share_one(folder: Path) -> None:
    servers = [EmbeddedServer(folder) for _ in range(8)]
    together = threading.Barrier(len(servers))

    def start(server: EmbeddedServer) -> object:
        together.wait()
        return identity(server.start())

    with ThreadPoolExecutor(len(servers)) as pool:
        assert len(set(pool.map(start, servers))) == 1
        list(pool.map(EmbeddedServer.release, servers))
    assert not servants(folder / "pgdata")


def test_processes_that_start_at_once_share_one(folder: Path, hold: Hold) -> None:
    holders = [hold() for _ in range(4)]
    for holder in holders:
        holder.tell("start")
    assert len({identity(holder.hear()) for holder in holders}) == 1
    for holder in holders[1:]:
        assert holder.ask("release") is None
    assert servants(folder / "pgdata")
    assert holders[0].ask("release") is None
    assert not servants(folder / "pgdata")


def test_starting_and_stopping_at_the_same_time_never_fails(folder: Path, hold: Hold) -> None:
    holders = [hold() for _ in range(3)]
    for _ in range(5):
        for holder in holders:
            holder.tell("start")
            holder.tell("release")
    for holder in holders:
        for _ in range(5):
            assert isinstance(holder.hear(), str)
            assert holder.hear() is None
    assert not servants(folder / "pgdata")


def test_a_killed_holder_counts_no_longer(folder: Path, hold: Hold) -> None:
    killed, other = hold(), hold()
    uri = killed.ask("start")
    other.ask("start")
    killed.kill()
    identity(uri)
    other.ask("release")
    assert not servants(folder / "pgdata")


def test_a_server_whose_holders_were_all_killed_is_taken_over(folder: Path, hold: Hold) -> None:
    killed = hold()
    before = identity(killed.ask("start"))
    killed.kill()
    assert servants(folder / "pgdata")
    server = EmbeddedServer(folder)
    assert identity(server.start()) == before
    server.release()
    assert not servants(folder / "pgdata")


def test_killed_while_it_starts_the_server_comes_up_for_the_next(folder: Path, hold: Hold) -> None:
    draw = random.Random(3)
    for _ in range(8):
        holder = hold()
        holder.tell("start")
        time.sleep(draw.uniform(0.1, 1.0))
        holder.kill()
    server = EmbeddedServer(folder)
    identity(server.start())
    server.release()
    assert not servants(folder / "pgdata")


def test_a_killed_server_is_started_again(folder: Path) -> None:
    server, other = EmbeddedServer(folder), EmbeddedServer(folder)
    with psycopg.connect(server.start()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS n")
    for again in (server, other):
        kill_postmaster(folder)
        with psycopg.connect(again.start()) as connection:
            assert connection.execute("SELECT n FROM kept").fetchone() == (7,)
    server.release()
    other.release()
    assert not servants(folder / "pgdata")


def test_a_killed_server_with_a_busy_connection_is_started_again(folder: Path) -> None:
    # Its process notices only when it waits for something the next time.
    server = EmbeddedServer(folder)
    uri = server.start()
    busy = psycopg.connect(uri)
    pid = busy.info.backend_pid
    os.kill(pid, signal.SIGSTOP)
    kill_postmaster(folder)
    identity(server.start())
    assert pid not in servants(folder / "pgdata")
    server.release()
    busy.close()


def test_a_pid_that_is_used_again_is_not_mistaken(folder: Path, hold: Hold) -> None:
    server = EmbeddedServer(folder)
    server.start()
    file = folder / "pgdata" / "postmaster.pid"
    told = file.read_text().splitlines()
    server.release()
    status = (folder / "pgdata").stat()
    other = hold(user=status.st_uid if os.geteuid() == 0 else None)
    file.write_text("\n".join([str(other.process.pid), *told[1:]]) + "\n")
    os.chown(file, status.st_uid, status.st_gid)
    identity(server.start())
    server.release()
    assert other.process.poll() is None
    assert not servants(folder / "pgdata")


def test_a_forked_child_leaves_the_lease_to_its_parent(folder: Path, hold: Hold) -> None:
    parent = hold()
    uri = parent.ask("start")
    assert parent.ask("end a child") == 0
    identity(uri)
    parent.ask("release")
    assert not servants(folder / "pgdata")


def test_a_forked_child_that_lives_longer_holds_nothing(folder: Path, hold: Hold) -> None:
    parent = hold()
    parent.ask("start")
    child = parent.ask("fork")
    parent.process.kill()
    parent.process.wait()
    server = EmbeddedServer(folder)
    server.start()
    server.release()
    os.kill(child, signal.SIGKILL)
    assert not servants(folder / "pgdata")


@pytest.mark.parametrize("word", ["exit", ""])
def test_a_process_that_ends_without_a_word_releases_it(
    folder: Path, hold: Hold, word: str
) -> None:
    holder = hold()
    holder.ask("start")
    if word:
        holder.tell(word)
    assert holder.end() == 0
    assert not servants(folder / "pgdata")
