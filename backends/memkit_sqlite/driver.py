"""The apsw driver: loaded late, and its errors told in memkit's own."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from memkit.errors import (
    InvalidFilter,
    InvalidInput,
    MemkitError,
    MissingDependency,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreReadOnly,
    StoreUnavailable,
)

if TYPE_CHECKING:
    import apsw

# What the operating system says when there is no room, apart from the full disk that SQLite
# recognises itself: a file size limit, a quota.
_NO_ROOM = frozenset({errno.ENOSPC, errno.EFBIG, errno.EDQUOT})


def require_driver() -> None:
    """Load the driver.

    Raises:
        MissingDependency: it is not installed.
    """
    try:
        import apsw  # noqa: F401
    except ImportError:
        raise MissingDependency(
            "SqliteBackend needs apsw, which comes with memkit: pip install apsw"
        ) from None


def store_error(
    error: Exception, location: str, connection: apsw.Connection | None = None
) -> MemkitError:
    """The memkit error that tells what a driver's error means for the store at ``location``."""
    import apsw

    if isinstance(error, MemkitError):
        return error
    if isinstance(error, UnicodeEncodeError):
        return InvalidInput("a text holds a lone surrogate: it cannot be stored")
    if isinstance(error, OverflowError):
        return InvalidInput("a number needs more than 64 bits: it cannot be stored")
    if isinstance(error, apsw.FullError):
        return StoreFull(f"no space left for {location}: free some, nothing was kept")
    if isinstance(error, apsw.IOError):
        if connection is not None and connection.system_errno in _NO_ROOM:
            return StoreFull(f"no space left for {location}: free some, nothing was kept")
        return StoreUnavailable(f"reading or writing {location} failed: check its disk")
    if isinstance(error, apsw.ReadOnlyError):
        return StoreReadOnly(
            f"{location} cannot be written: make the file and its folder writable, or open it "
            "read-only"
        )
    if isinstance(error, apsw.PermissionsError | apsw.AuthError):
        return StoreReadOnly(f"no permission for {location}: make the file and folder writable")
    if isinstance(error, apsw.BusyError | apsw.LockedError):
        return StoreUnavailable(
            f"{location} is locked by another process for too long: try again, or give a "
            "greater busy_timeout"
        )
    if isinstance(error, apsw.NotADBError):
        return StoreCorrupt(f"{location} is not a memkit store: name another file")
    if isinstance(error, apsw.CorruptError):
        return StoreCorrupt(
            f"{location} is damaged: restore a backup, or rescue what is readable with "
            "memkit export"
        )
    if isinstance(error, apsw.CantOpenError):
        return StoreUnavailable(f"{location} cannot be opened: check the path and its permissions")
    if isinstance(error, apsw.TooBigError):
        return InvalidInput("a text is too long to be stored")
    if isinstance(error, apsw.SQLError) and "too large" in str(error):
        return InvalidFilter("the filter is nested too deeply: flatten it")
    return StoreError(f"{location}: {type(error).__name__}")


@contextmanager
def told(location: str, connection: apsw.Connection | None = None) -> Iterator[None]:
    """Turn a driver's error into memkit's.

    ``apsw.InterruptError`` passes: whoever asked for the interruption handles it.
    """
    import apsw

    try:
        yield
    except apsw.InterruptError:
        raise
    except (apsw.Error, UnicodeEncodeError, OverflowError) as error:
        raise store_error(error, location, connection) from error
