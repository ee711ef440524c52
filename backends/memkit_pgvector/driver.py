"""The driver: that it is there, and what its errors mean to memkit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

from memkit.errors import (
    MissingDependency,
    SchemaMismatch,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreReadOnly,
    StoreUnavailable,
)

if TYPE_CHECKING:
    import psycopg

#: Another transaction was in the way: the same one, begun again, may well succeed.
_PASSING = frozenset({"40001", "40P01", "23505", "55P03"})
_READ_ONLY = frozenset({"25006"})
_FULL = frozenset({"53100", "53200"})
_GONE = frozenset({"42P01", "3F000"})
_DAMAGED = frozenset({"XX000", "XX001", "XX002"})
_NOT_ALLOWED = frozenset({"42501", "28000", "28P01"})


def require_driver() -> None:
    """See that the driver is installed, without loading it.

    Raises:
        MissingDependency: it is not.
    """
    if find_spec("psycopg") is None:
        raise MissingDependency(
            'PgvectorBackend needs psycopg: pip install "agent-memkit[pgvector]"'
        )


def state_of(error: BaseException) -> str:
    """The SQLSTATE of a driver's error, empty where it has none."""
    return getattr(error, "sqlstate", None) or ""


def is_passing(error: BaseException) -> bool:
    """Whether the transaction failed only because of another one."""
    return state_of(error) in _PASSING


def is_undefined_table(error: BaseException) -> bool:
    """Whether a table is gone: a re-embedding was finished meanwhile, or there is no store."""
    return state_of(error) in _GONE


def is_lost(error: BaseException) -> bool:
    """Whether the connection was lost, so that nobody knows how far the server came."""
    import psycopg

    if not isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return False
    state = state_of(error)
    # Class 08: the connection; 57P0x: the server goes down or ended the session.
    return not state or state.startswith("08") or state in ("57P01", "57P02", "57P03", "57P05")


@contextmanager
def told(location: str) -> Iterator[None]:
    """Raise the driver's errors as memkit's own, without what they quote of stored content."""
    import psycopg

    try:
        yield
    except psycopg.Error as error:
        raise _translated(location, error) from error
    except (TimeoutError, OSError) as error:
        raise StoreUnavailable(f"{location} does not answer") from error


def _translated(location: str, error: psycopg.Error) -> StoreError:
    state = state_of(error)
    if state in _READ_ONLY:
        return StoreReadOnly(
            f"{location} cannot be written: the server is a standby or read-only; name the "
            "primary's host too"
        )
    if state in _FULL:
        return StoreFull(f"the server of {location} has no space left: nothing was written")
    if state == "57014":
        return StoreUnavailable(
            f"{location} took too long for a statement: raise timeout in its URL"
        )
    if state in _GONE:
        return StoreUnavailable(f"{location} holds no memkit store: open it once for writing")
    if state == "42703":
        return SchemaMismatch(f"{location} has other columns than this memkit knows: upgrade it")
    if state in _NOT_ALLOWED:
        return StoreUnavailable(
            f"the role of {location} may not do this: see its password and its rights ({state})"
        )
    if state in _DAMAGED:
        return StoreCorrupt(f"the server found {location} damaged ({state}): see its log")
    if is_lost(error) or state.startswith(("53", "57", "08")):
        return StoreUnavailable(f"{location} cannot be reached at the moment ({state or 'lost'})")
    if state in _PASSING:
        return StoreUnavailable(f"{location} is too busy with other writers ({state}): try again")
    return StoreError(f"{location} refused a statement ({state or type(error).__name__})")
