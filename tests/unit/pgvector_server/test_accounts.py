"""Under which user a server runs, and what that changes for others."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from memkit_pgvector.embedded import EmbeddedServer
from tests.engines.clusters import servants
from tests.unit.pgvector_server.conftest import Hold

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


NOBODY = 65534


@pytest.fixture
def nobodys() -> Iterator[Path]:
    """A folder of an ordinary user, where that user gets to."""
    with tempfile.TemporaryDirectory() as made:
        place = Path(made)
        os.chown(place, NOBODY, NOBODY)
        yield place


def listed(place: Path) -> bool:
    """Whether an ordinary user may look into a folder."""
    who: dict[str, Any] = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    done = subprocess.run(["/bin/ls", place], capture_output=True, check=False, **who)
    return done.returncode == 0


@as_root
def test_an_ordinary_user_runs_it_as_itself(nobodys: Path, hold: Hold) -> None:
    path = nobodys / "store"
    holder = hold(path, NOBODY, HOME="")
    assert holder.ask("start").startswith("postgresql://")
    found = servants(path / "pgdata")
    assert {os.stat(f"/proc/{pid}").st_uid for pid in found} == {NOBODY}
    assert holder.ask("release") is None
    assert not servants(path / "pgdata")


@as_root
def test_root_and_the_owner_of_a_folder_share_its_server(nobodys: Path, hold: Hold) -> None:
    path = nobodys / "store"
    path.mkdir()
    os.chown(path, NOBODY, NOBODY)
    server = EmbeddedServer(path)
    uri = server.start()
    holder = hold(path, NOBODY)
    assert holder.ask("start") == uri
    server.release()
    assert servants(path / "pgdata")
    assert holder.ask("release") is None
    assert not servants(path / "pgdata")
    assert holder.ask("start") == uri
    assert holder.ask("release") is None


@as_root
def test_a_folder_that_cannot_be_written_is_read_only(nobodys: Path, hold: Hold) -> None:
    mine = nobodys / "roots"
    mine.mkdir(mode=0o755)
    for path in (mine, mine / "store"):
        (said,) = hold(path, NOBODY).ask("start").items()
        assert said[0] == "StoreReadOnly"
        assert str(path) in said[1]


@as_root
def test_a_shut_folder_above_stays_shut(folder: Path) -> None:
    above = folder.parent
    above.chmod(0o700)
    server = EmbeddedServer(folder)
    server.start()
    found = servants(folder / "pgdata")
    assert 0 not in {os.stat(f"/proc/{pid}").st_uid for pid in found}
    assert stat.S_IMODE(above.stat().st_mode) & 0o007 == 0
    assert not listed(above)
    assert not listed(folder)
    server.release()


@as_root
def test_root_need_not_see_into_other_users_processes(folder: Path) -> None:
    # As in a container, whose root has not all of root's rights.
    probe = ["setpriv", "--bounding-set", "-sys_ptrace", sys.executable, "-c", PROBE, str(folder)]
    try:
        done = subprocess.run(probe, capture_output=True, text=True, check=False, timeout=120)
    except FileNotFoundError:
        pytest.skip("there is no setpriv")
    assert done.returncode == 0, done.stderr
    assert not servants(folder / "pgdata")


PROBE = """
import os, signal, sys
from pathlib import Path
from memkit_pgvector.embedded import EmbeddedServer

path = Path(sys.argv[1])
server = EmbeddedServer(path)
server.start()
pid = int((path / "pgdata" / "postmaster.pid").read_text().splitlines()[0])
try:
    os.readlink(f"/proc/{pid}/cwd")
except PermissionError:
    pass
else:
    sys.exit("this root sees all, and the test shows nothing")
os.kill(pid, signal.SIGKILL)
server.start()
server.release()
"""
