"""Locks on files, which the kernel drops when their holder dies: who uses a folder, and alone.

A list of process ids would outlive a kill, and name somebody else once an id is used again. A
lock does neither, counts threads and processes alike, and is seen from other containers.
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

# Descriptors of all locks of this process: a fork's child inherits them.
_descriptors: set[int] = set()


def require_locks(scheme: str, instead: str) -> None:
    """See that this system has the locks that a shared folder needs.

    Raises:
        ConfigurationError: it has not; the message says what to do ``instead``.
    """
    if fcntl is None:
        raise ConfigurationError(f"{scheme}:// needs POSIX file locks: {instead}")


class FileLock:
    """A lock on a file, held by this object until it lets go or its process ends.

    Shared, any number may hold it at a time, and then nobody alone.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._descriptor: int | None = None

    @property
    def held(self) -> bool:
        """Whether this process took it; a fork's child has the object but not the lock."""
        return self._descriptor in _descriptors

    @property
    def descriptor(self) -> int:
        """Its file's: a program that inherits it holds the lock until it has ended."""
        assert self._descriptor is not None
        return self._descriptor

    def take(self, *, share: bool = False, wait: bool = False) -> bool:
        """Take it, if it is not held; false if another holds it and it is not waited for."""
        if self.held:
            return True
        descriptor = _open(self._file)
        how = fcntl.LOCK_SH if share else fcntl.LOCK_EX
        try:
            fcntl.flock(descriptor, how if wait else how | fcntl.LOCK_NB)
        except BlockingIOError:
            _close(descriptor)
            return False
        except BaseException:
            _close(descriptor)
            raise
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Let go; called again, nothing."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            _close(descriptor)


def is_free(file: Path) -> bool:
    """Whether nobody holds a lock on a file at the moment."""
    lock = FileLock(file)
    free = lock.take()
    lock.release()
    return free


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


@contextmanager
def gate(file: Path, seconds: float) -> Iterator[int]:
    """Nobody else, in any process, is past the gate of this file meanwhile.

    It gives the lock's descriptor: a program that inherits it keeps the gate shut until it has
    ended, even when its caller is killed.

    Raises:
        StoreUnavailable: somebody else is, for longer than ``seconds``.
    """
    lock = FileLock(file)
    deadline = time.monotonic() + seconds
    while not lock.take():
        if time.monotonic() > deadline:
            raise StoreUnavailable(
                f"another process has been starting or stopping the server for more than "
                f"{seconds:g} seconds (it holds {file}): try again when it has ended"
            )
        time.sleep(_POLL_SECONDS)
    try:
        yield lock.descriptor
    finally:
        lock.release()


def _open(file: Path) -> int:
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    _descriptors.add(descriptor)
    if os.geteuid() == 0:
        # Root works in somebody's folder: that user, too, must be able to lock there later.
        owner = file.parent.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
    return descriptor


def _close(descriptor: int) -> None:
    if descriptor in _descriptors:
        _descriptors.discard(descriptor)
        # Closing alone would leave the lock to a child that was forked a moment ago.
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


def _after_fork() -> None:
    # The locks are the parent's: the child lets go of its copies without unlocking them.
    for descriptor in _descriptors:
        os.close(descriptor)
    _descriptors.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
