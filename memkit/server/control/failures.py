"""Errors of the control store's databases as memkit's own, and patience with some of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from memkit.errors import StoreCorrupt, StoreError, StoreFull, StoreReadOnly, StoreUnavailable

T = TypeVar("T")

#: How long a write to SQLite waits for another's.
BUSY_SECONDS: Final = 30.0
# Seconds before each new try when a server is gone: a fail-over takes less than all of them.
_WAITS = (0.05, 0.2, 0.5, 1.0, 2.0)


def persistently(work: Callable[[], T]) -> T:
    """Do it, and again while the database's server is gone for a moment."""
    for wait in _WAITS:
        try:
            return work()
        except ConnectionGone:
            time.sleep(wait)
    return work()


class ConnectionGone(StoreUnavailable):
    """The connection to the database broke, or cannot be made."""


_SQLITE: Final[dict[str, tuple[type[StoreError], str]]] = {
    "SQLITE_READONLY": (StoreReadOnly, "the control store's file cannot be written"),
    "SQLITE_CANTOPEN": (StoreUnavailable, "the control store's file cannot be opened"),
    "SQLITE_PERM": (StoreUnavailable, "the control store's file cannot be opened"),
    "SQLITE_FULL": (StoreFull, "there is no space left for the control store"),
    "SQLITE_IOERR": (StoreUnavailable, "the control store's file cannot be read or written"),
    "SQLITE_CORRUPT": (StoreCorrupt, "the control store is damaged: restore it from a copy"),
    "SQLITE_NOTADB": (StoreCorrupt, "the control store's file is no SQLite database"),
    "SQLITE_BUSY": (
        StoreUnavailable,
        f"another process has been writing to the control store for more than {BUSY_SECONDS:g} "
        "seconds: try again",
    ),
}


@contextmanager
def translated() -> Iterator[None]:
    """What fails in here fails with an error of memkit's."""
    try:
        yield
    except DBAPIError as error:
        gone = error.connection_invalidated
        raise memkit_error(error.orig or error, gone=gone) from error
    except PoolTimeout as error:
        raise StoreUnavailable("the control store is too busy: try again") from error
    except SQLAlchemyError as error:
        raise StoreError("the control store failed") from error
    except OSError as error:
        raise StoreUnavailable(f"the control store cannot be used: {error.strerror}") from error


def memkit_error(error: BaseException, *, gone: bool = False) -> StoreError:
    """The driver's error as memkit's; nothing is quoted that may hold a secret."""
    name = getattr(error, "sqlite_errorname", None)
    if name is not None:
        for start, (kind, message) in _SQLITE.items():
            if str(name).startswith(start):
                return kind(message)
        return StoreError(f"the control store failed ({name})")
    state = getattr(error, "sqlstate", None)
    if state is None or gone or state[:2] in ("08", "57"):
        # Without a state it was not the server that said so.
        return ConnectionGone("the control store's PostgreSQL cannot be reached")
    if state == "25006":
        return ConnectionGone("the control store's PostgreSQL takes no writes")
    if state == "42501":
        return StoreReadOnly("PostgreSQL refuses this user the control store's schema")
    if state in ("53100", "53200"):
        return StoreFull("PostgreSQL has no space left for the control store")
    return StoreError(f"PostgreSQL refused ({state}) what was asked of the control store")
