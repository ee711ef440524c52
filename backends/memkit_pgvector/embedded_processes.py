"""A server's processes: what they say of themselves, which of them live, and how they end."""

from __future__ import annotations

import os
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PORT: Final = 5432

# What a client sends first of all to learn whether it may encrypt; the answer is one byte.
_SSL_REQUEST: Final = struct.pack("!ii", 8, 80877103)
_ANSWER_SECONDS: Final = 5.0

_POLL_SECONDS: Final = 0.02
_KILLED_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Postmaster:
    """What ``postmaster.pid`` says of a server, which may be dead all the same."""

    pid: int
    sockets: Path | None
    ready: bool

    @property
    def answers(self) -> bool:
        """Whether it takes connections."""
        if not self.ready or self.sockets is None:
            return False
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(_ANSWER_SECONDS)
            try:
                # The kernel accepts for a server that is just being killed: it must say something.
                probe.connect(str(self.sockets / f".s.PGSQL.{PORT}"))
                probe.sendall(_SSL_REQUEST)
                return probe.recv(1) != b""
            except OSError:
                return False


def read_postmaster(data: Path) -> Postmaster | None:
    """What the data folder's ``postmaster.pid`` says, if it is there."""
    try:
        lines = (data / "postmaster.pid").read_text(errors="surrogateescape").splitlines()
        pid = int(lines[0])
    except (FileNotFoundError, NotADirectoryError, IndexError, ValueError):
        return None
    # The lines are added one by one while the server starts.
    sockets = Path(lines[4]) if len(lines) > 4 and lines[4] else None
    return Postmaster(pid, sockets, ready=len(lines) > 7 and lines[7].strip() == "ready")


def mark(data: Path) -> str:
    """The ``cluster_name`` of the server on this data folder: its processes bear it as a title.

    A process id is used again after a kill or a reboot; a title comes from the process itself.
    It stays the same when the folder is moved, and a copy of the folder has another.
    """
    status = data.stat()
    return f"memkit-{status.st_dev:x}-{status.st_ino:x}"


def servants(data: Path) -> set[int]:
    """The living processes of the server on this data folder; zombies are none."""
    if not data.exists():
        return set()
    if not Path("/proc/self/stat").exists():
        return _servants_without_proc(data)
    owner = data.stat().st_uid
    title = mark(data).encode()
    found = set()
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            # By what every user may read: root in a container may not see others' folders.
            if entry.stat().st_uid == owner and _serves(Path(entry.path), title):
                found.add(int(entry.name))
        except (FileNotFoundError, PermissionError, ProcessLookupError):
            continue  # it has ended
    return found


def _serves(process: Path, title: bytes) -> bool:
    name, state = (process / "stat").read_bytes().split(b"(", 1)[1].rsplit(b")", 1)
    if name != b"postgres" or state.split()[0] in (b"Z", b"X"):
        return False
    told = (process / "cmdline").read_bytes()
    # One that is ending has no title any more, and holds the server's memory a moment longer.
    return title in told or not told


def _servants_without_proc(data: Path) -> set[int]:
    found = read_postmaster(data)
    if found is None:
        return set()
    asked = subprocess.run(
        ["/bin/ps", "-p", str(found.pid), "-o", "command="],
        capture_output=True,
        text=True,
        check=False,
        timeout=10,
    )
    return {found.pid} if mark(data) in asked.stdout else set()


def exists(pid: int) -> bool:
    """Whether there is a process of this id, be it a zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def shut_down(data: Path, seconds: float) -> None:
    """End the server: orderly within ``seconds``, otherwise at once, at last by force.

    What was acknowledged is in the write-ahead log, and is recovered from it after the latter.
    """
    found = read_postmaster(data)
    for number, limit in ((signal.SIGINT, seconds), (signal.SIGQUIT, _KILLED_SECONDS)):
        if found is not None and found.pid in servants(data):
            _send(found.pid, number)
            wait(lambda: not servants(data), limit)
    kill_all(data)


def kill_all(data: Path) -> None:
    """End the server's processes by force."""
    for pid in servants(data):
        _send(pid, signal.SIGKILL)
    wait(lambda: not servants(data), _KILLED_SECONDS)


def wait(done: Callable[[], bool], seconds: float) -> None:
    """Return when ``done`` says so, at the latest after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not done() and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
