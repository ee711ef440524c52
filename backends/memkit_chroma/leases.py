"""Who holds a folder's server: locks on files, which the kernel drops when a holder dies.

A list of process ids would outlive a kill, and name somebody else once an id is used again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from memkit.errors import ConfigurationError, StoreUnavailable

try:
    import fcntl
except ImportError:
    fcntl = None  # type: ignore[assignment] # not on Windows

_POLL_SECONDS = 0.02


def require_locks() -> None:
    """See that this system has the locks that a shared folder needs.

    Raises:
        ConfigurationError: it has not.
    """
    if fcntl is None:
        raise ConfigurationError(
            "chroma+serve:// needs POSIX file locks: run a server here (chroma run --path ...) and "
            "use chroma://host:port"
        )


class FileLock:
    """A lock on a file, held by this process until it lets go or ends.

    ``share``: any number may hold it so at a time, and then nobody alone.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._descriptor: int | None = None

    def take(self, *, share: bool = False, wait: bool = False) -> bool:
        """Take it; false if another holds it and it is not waited for."""
        descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        how = fcntl.LOCK_SH if share else fcntl.LOCK_EX
        try:
            fcntl.flock(descriptor, how if wait else how | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Let go; called again, nothing."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            # Closing alone would leave the lock to a child that was forked a moment ago.
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            os.close(descriptor)


@contextmanager
def alone(file: Path | None) -> Iterator[None]:
    """Nobody else holds this file meanwhile; it is waited for. Without a file, nothing."""
    if file is None:
        yield
        return
    lock = FileLock(file)
    lock.take(wait=True)
    try:
        yield
    finally:
        lock.release()


def is_free(file: Path) -> bool:
    """Whether nobody holds a lock on a file at the moment."""
    lock = FileLock(file)
    free = lock.take()
    lock.release()
    return free


@contextmanager
def gate(file: Path, seconds: float, location: str) -> Iterator[None]:
    """Nobody else, in any process, is past the gate of this file meanwhile.

    Raises:
        StoreUnavailable: somebody else is, for longer than ``seconds``.
    """
    lock = FileLock(file)
    deadline = time.monotonic() + seconds
    while not lock.take():
        if time.monotonic() > deadline:
            raise StoreUnavailable(
                f"{location}: another process has been starting or stopping its server for more "
                f"than {seconds:g} seconds: try again when it has ended"
            )
        time.sleep(_POLL_SECONDS)
    try:
        yield
    finally:
        lock.release()
