"""Who holds a folder's server: locks on files, which the kernel drops when a holder dies.

A list of process ids would outlive a kill, and name somebody else once an id is used again. A
lock does neither, counts threads and processes alike, and is seen from other containers.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from memkit.errors import StoreUnavailable

_POLL_SECONDS = 0.02

# Descriptors of all locks of this process: a fork's child inherits them.
_descriptors: set[int] = set()


class Lease:
    """One holder's share in ``file``: any number may hold one at a time."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._descriptor: int | None = None

    @property
    def held(self) -> bool:
        """Whether this process took it; a fork's child has the object but not the lease."""
        return self._descriptor in _descriptors

    def take(self) -> None:
        """Hold it; call this, like all the others, while the gate is held."""
        if self.held:
            return
        descriptor = _open(self._file)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        self._descriptor = descriptor

    def let_go(self) -> None:
        """Hold it no longer."""
        if self._descriptor is not None:
            _close(self._descriptor)
        self._descriptor = None

    def drop(self) -> bool:
        """Hold it no longer; whether nobody else holds one either."""
        self.let_go()
        descriptor = _open(self._file)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            _close(descriptor)
        return True


@contextmanager
def gate(file: Path, seconds: float) -> Iterator[int]:
    """Nobody else, in any process, is past the gate of this file meanwhile.

    It gives the lock's descriptor: a program that inherits it keeps the gate shut until it has
    ended, even when its caller is killed.

    Raises:
        StoreUnavailable: somebody else is, for longer than ``seconds``.
    """
    descriptor = _open(file)
    try:
        deadline = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise StoreUnavailable(
                        f"another process has been starting or stopping the server for more than "
                        f"{seconds:g} seconds (it holds {file}): try again when it has ended"
                    ) from None
                time.sleep(_POLL_SECONDS)
        yield descriptor
    finally:
        _close(descriptor)


def _open(file: Path) -> int:
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
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


os.register_at_fork(after_in_child=_after_fork)
