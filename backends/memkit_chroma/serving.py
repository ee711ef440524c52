"""One Chroma server for all processes that use a folder: started by the first, left by the last."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from memkit.backing.locks import FileLock, gate, is_free, require_locks
from memkit.errors import StoreUnavailable
from memkit_chroma.folder import LOCK

STATE = "memkit.server.json"
GATE = "memkit.gate"
HOLDERS = "memkit.holders"
_LAST_PORT = "memkit.port"
_GATE_SECONDS = 60.0
_START_SECONDS = 30.0
_STOP_SECONDS = 10.0
_POLL_SECONDS = 0.02
_ANSWER_SECONDS = 2.0
_STARTS = 5

# Servers that this process started: it is their parent, and has to take note of their end.
_children: set[int] = set()


class Served:
    """This process's share in a folder's server."""

    def __init__(self, folder: Path, location: str) -> None:
        self._folder = folder
        self._location = location
        self._lease = FileLock(folder / HOLDERS)
        self.port = 0

    def join(self) -> None:
        """Take part in the folder's server, which is started if there is none.

        Raises:
            StoreUnavailable: the folder is open without a server, or none starts.
        """
        with gate(self._folder / GATE, _GATE_SECONDS):
            self.port = self._running()
            self._lease.take(share=True, wait=True)

    def revive(self) -> int:
        """The port of the server, which is started anew if it has died."""
        with gate(self._folder / GATE, _GATE_SECONDS):
            self.port = self._running()
            return self.port

    def pause(self, work: Callable[[], None]) -> int:
        """Do something while the server is stopped; the port that it has afterwards."""
        with gate(self._folder / GATE, _GATE_SECONDS):
            self._stop()
            try:
                work()
            finally:
                self.port = self._running()
            return self.port

    def release(self) -> None:
        """Leave; the last one stops the server and waits for its end."""
        with gate(self._folder / GATE, _GATE_SECONDS):
            self._lease.release()
            if is_free(self._folder / HOLDERS):
                self._stop()
        _reap()

    def _running(self) -> int:
        """The port of a server that answers; called behind the gate."""
        if not is_free(self._folder / LOCK):
            held = self._state()
            if held is not None and _answers(held[1], _START_SECONDS, self._folder):
                return held[1]
            if held is None:
                raise StoreUnavailable(
                    f"{self._location} is open in another process without a server: close it "
                    "there, or open it as chroma+serve:// there too"
                )
            # It lives, holds the folder, and says nothing any more.
            self._stop()
        (self._folder / STATE).unlink(missing_ok=True)
        return self._start()

    def _state(self) -> tuple[int, int] | None:
        try:
            held = json.loads((self._folder / STATE).read_text())
            return int(held["pid"]), int(held["port"])
        except (FileNotFoundError, ValueError, KeyError):
            return None

    def _start(self) -> int:
        for _ in range(_STARTS):
            port = self._port()
            pid = _spawn(self._folder, port)
            _children.add(pid)
            deadline = time.monotonic() + _START_SECONDS
            while pid in _children and time.monotonic() < deadline:
                if self._state() == (pid, port) and _answers(port, 0, self._folder):
                    (self._folder / _LAST_PORT).write_text(str(port))
                    return port
                time.sleep(_POLL_SECONDS)
                _reap()
        raise StoreUnavailable(
            f"{self._location}: its server does not start: run 'chroma run --path {self._folder}' "
            "to see what it says"
        )

    def _port(self) -> int:
        """A free port, the last server's if it can be: its other users then find it again."""
        last = 0
        with suppress(FileNotFoundError, ValueError):
            last = int((self._folder / _LAST_PORT).read_text())
        for port in (last, 0):
            with socket.socket() as probe, suppress(OSError):
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", port))
                return int(probe.getsockname()[1])
        raise StoreUnavailable(f"{self._location}: there is no free port for its server")

    def _stop(self) -> None:
        """End the server that holds the folder, if one does."""
        held = self._state()
        for number in (signal.SIGTERM, signal.SIGKILL):
            if held is None or is_free(self._folder / LOCK):
                break
            # It holds the folder's lock, so it lives and the id is still its own.
            with suppress(ProcessLookupError):
                os.kill(held[0], number)
            deadline = time.monotonic() + _STOP_SECONDS
            while not is_free(self._folder / LOCK) and time.monotonic() < deadline:
                time.sleep(_POLL_SECONDS)
        (self._folder / STATE).unlink(missing_ok=True)


def join(folder: Path, location: str) -> Served:
    """Take part in a folder's server."""
    require_locks(
        "chroma+serve",
        "run a server here (chroma run --path ...) and use chroma://host:port",
    )
    served = Served(folder, location)
    served.join()
    return served


def _spawn(folder: Path, port: int) -> int:
    """Start the server's process, which does not end with this one or by its Ctrl-C."""
    paths = os.pathsep.join(path for path in sys.path if path)
    silent = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)]
    silent += [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_WRONLY, 0) for fd in (1, 2)]
    return os.posix_spawn(
        sys.executable,
        [sys.executable, "-m", "memkit_chroma.served", str(folder), str(port)],
        {**os.environ, "PYTHONPATH": paths, "ANONYMIZED_TELEMETRY": "False"},
        file_actions=silent,
        setsid=True,
    )


def _answers(port: int, seconds: float, folder: Path) -> bool:
    """Whether a Chroma server answers on a port, while one lives."""
    import httpx

    deadline = time.monotonic() + seconds
    while True:
        try:
            url = f"http://127.0.0.1:{port}/api/v2/heartbeat"
            answer = httpx.get(url, timeout=_ANSWER_SECONDS, trust_env=False)
            if answer.status_code == httpx.codes.OK and "heartbeat" in answer.text:
                return True
        except httpx.TransportError:
            pass
        if time.monotonic() > deadline or is_free(folder / LOCK):
            return False
        time.sleep(_POLL_SECONDS)


def _reap() -> None:
    """Take note of the end of servers that this process started."""
    for pid in list(_children):
        try:
            ended, _ = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            ended = pid
        if ended:
            _children.discard(pid)
