"""Folders for servers, other processes that hold them, and a look at what still runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from tests.engines.clusters import servants

_HOLDER = Path(__file__).with_name("holder.py")
# After this long a process is taken to hang and is killed, so that the test fails.
_LIMIT_SECONDS = 120


class Holder:
    """Another process with a server of its own on the folder."""

    def __init__(self, folder: Path, user: int | None = None, **environment: str) -> None:
        paths = [path for path in sys.path if path]
        account = [] if user is None else [str(user)]
        self.process = subprocess.Popen(
            [sys.executable, str(_HOLDER), str(folder), *account],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment, "PYTHONPATH": os.pathsep.join(paths)},
        )
        self._watchdog = threading.Timer(_LIMIT_SECONDS, self.process.kill)
        self._watchdog.start()

    def tell(self, word: str) -> None:
        """Have it do something, without waiting for the answer."""
        assert self.process.stdin is not None
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()

    def hear(self) -> Any:
        """Its next answer."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the process ended with {self.process.wait()} instead of answering"
        return json.loads(line)

    def ask(self, word: str) -> Any:
        self.tell(word)
        return self.hear()

    def kill(self) -> None:
        """Kill -9 it."""
        self.process.kill()
        self.end()

    def end(self) -> int:
        """Let it come to its end, if it has not; how it ended."""
        try:
            self.process.communicate()
        finally:
            self._watchdog.cancel()
        return self.process.returncode


Hold: TypeAlias = Callable[..., Holder]


@pytest.fixture
def ground() -> Iterator[Path]:
    """A folder that nobody else may enter.

    It is none of pytest's: each session shuts their common parent again, even while another
    session's servers are being started below it.
    """
    with tempfile.TemporaryDirectory(prefix="pg-") as made:
        yield Path(made)


@pytest.fixture
def folder(ground: Path) -> Iterator[Path]:
    """A folder for a server, which must have ended when the test ends."""
    place = ground / "store"
    yield place
    left = servants(place / "pgdata")
    for pid in left:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert not left, "the test left a server running"


@pytest.fixture
def hold(folder: Path) -> Iterator[Hold]:
    """Starts processes that hold the folder's server, and ends them."""
    holders: list[Holder] = []

    def started(path: Path = folder, user: int | None = None, **environment: str) -> Holder:
        holders.append(Holder(path, user, **environment))
        return holders[-1]

    yield started
    for holder in holders:
        holder.kill()
