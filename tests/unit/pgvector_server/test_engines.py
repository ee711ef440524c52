"""The servers that tests share: the same for a place, for every process, and never left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.engines.clusters import servants
from tests.engines.postgres import database_at, textsearch_database_at

_LIMIT_SECONDS = 60

_ASK = """
import sys
from pathlib import Path
from tests.engines.postgres import database_at
print(database_at(Path(sys.argv[1])), flush=True)
sys.stdin.read()
"""


def asking(place: Path, **environment: str) -> subprocess.Popen[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TEST_ENGINE")}
    paths = os.pathsep.join(path for path in sys.path if path)
    return subprocess.Popen(
        [sys.executable, "-c", _ASK, str(place)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**kept, **environment, "PYTHONPATH": paths},
    )


def test_a_place_is_a_database(tmp_path: Path) -> None:
    first, second = database_at(tmp_path / "a"), database_at(tmp_path / "b")
    assert database_at(tmp_path / "a") == first != second
    with psycopg.connect(first) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
        connection.execute("SELECT '[1,2]'::halfvec(2)")


def test_another_process_reaches_the_same_server(tmp_path: Path) -> None:
    here = database_at(tmp_path)
    inherited = {name: value for name, value in os.environ.items() if name.startswith("TEST_ENG")}
    there, _ = asking(tmp_path, **inherited).communicate(timeout=_LIMIT_SECONDS)
    assert there.strip() == here


def test_one_server_ranks_by_bm25(tmp_path: Path) -> None:
    with psycopg.connect(textsearch_database_at(tmp_path)) as connection:
        connection.execute("CREATE EXTENSION pg_textsearch")
        connection.execute("CREATE EXTENSION IF NOT EXISTS vector")


@pytest.mark.parametrize("ended", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_session_that_is_killed_leaves_no_server(tmp_path: Path, ended: signal.Signals) -> None:
    with asking(tmp_path) as session:
        assert session.stdout is not None
        folder = Path(str(conninfo_to_dict(session.stdout.readline().strip())["host"]))
        data = folder / "data"
        assert servants(data)
        session.send_signal(ended)
        session.wait(_LIMIT_SECONDS)
    deadline = time.monotonic() + _LIMIT_SECONDS
    while servants(data) or folder.parent.exists():
        assert time.monotonic() < deadline, "a server was left behind"
        time.sleep(0.05)
