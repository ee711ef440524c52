"""Several processes on one port: each opens the stores, the system shares out connections."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from memkit.errors import ConfigurationError

if TYPE_CHECKING:
    from memkit.config import Settings

_LOG = logging.getLogger("memkit.server")
_BACKLOG: Final = 2048
# A worker that ends sooner did not come up: starting another one would not help.
_LEAST_SECONDS: Final = 5.0
_ENDING: Final = (signal.SIGTERM, signal.SIGINT)


def listening(settings: Settings, *, shared: bool = False) -> socket.socket:
    """A socket that listens where the settings say.

    Args:
        settings: they name host and port.
        shared: others may listen on the same port.

    Raises:
        ConfigurationError: the address cannot be listened on.
    """
    host = settings.server_host.strip("[]")
    return _listener(host, settings.server_port, shared=shared)


def _listener(host: str, port: int, *, shared: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server(
            (host, port), family=family, backlog=_BACKLOG, reuse_port=shared
        )
    except OSError as error:
        raise ConfigurationError(
            f"port {port} of {host} cannot be listened on: {error.strerror}"
        ) from error


@dataclass(frozen=True, slots=True)
class Worker:
    """One of the processes.

    Attributes:
        number: from 0.
        listener: its share of the port.
        lifeline: a file descriptor that is readable once the first process is gone.
    """

    number: int
    listener: socket.socket
    lifeline: int


def forked(settings: Settings) -> Worker | None:
    """Fork as many workers as the settings say; call it before anything is opened.

    In each worker it returns at once. In the first process it returns ``None`` when all have
    ended: it passes signals on to them, and replaces a worker that dies.

    Raises:
        ConfigurationError: this system cannot do that, the address cannot be listened on, or a
            worker did not come up.
    """
    if not (hasattr(os, "fork") and hasattr(socket, "SO_REUSEPORT")):
        raise ConfigurationError(
            "several workers need a system that forks and shares ports: set server_workers to 1"
        )
    listeners = [listening(settings, shared=True)]
    host, port = listeners[0].getsockname()[:2]
    listeners += [_listener(host, port, shared=True) for _ in range(settings.server_workers - 1)]
    lifeline, held = os.pipe()
    os.set_inheritable(held, False)
    workers: dict[int, tuple[int, float]] = {}

    def start(number: int) -> bool:
        pid = os.fork()
        if pid:
            workers[pid] = (number, time.monotonic())
            return False
        os.close(held)
        for other, listener in enumerate(listeners):
            if other != number:
                listener.close()
        return True

    for number in range(settings.server_workers):
        if start(number):
            return Worker(number, listeners[number], lifeline)
    return _watched(workers, start, listeners, lifeline)


def _watched(
    workers: dict[int, tuple[int, float]],
    start: Any,
    listeners: list[socket.socket],
    lifeline: int,
) -> Worker | None:
    """See to the workers until they have ended; a worker, in the one that replaces another."""
    ending = False
    failed = False

    def end(*_: object) -> None:
        nonlocal ending
        ending = True
        for pid in list(workers):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    before = {number: signal.signal(number, end) for number in _ENDING}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    while workers:
        pid, status = os.wait()
        number, begun = workers.pop(pid, (-1, 0.0))
        if number < 0 or ending:
            continue
        if time.monotonic() - begun < _LEAST_SECONDS:
            failed = True
            end()
            continue
        code = os.waitstatus_to_exitcode(status)
        _LOG.error("worker %d ended with %d: another one is started", number, code)
        if start(number):
            restore()
            return Worker(number, listeners[number], lifeline)
    restore()
    for listener in listeners:
        listener.close()
    if failed:
        raise ConfigurationError("a worker did not come up: what it says above tells why")
    return None
