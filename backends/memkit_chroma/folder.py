"""A store's folder: one process alone has it, or a server that several processes share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from memkit.errors import ConfigurationError, StoreReadOnly, StoreUnavailable
from memkit.protocols import StoreSpec
from memkit_chroma.ledger import unavailable
from memkit_chroma.places import Place

LOCK = "memkit.lock"
_DATABASE = "chroma.sqlite3"


class _Held(Protocol):
    def release(self) -> object:
        """Let others have it."""


@dataclass(slots=True)
class Holding:
    """The right to a place, until it is released, and how the place is reached meanwhile."""

    place: Place
    _held: _Held | None = None
    #: Starts the folder's server anew if it has died; the port that it has.
    revive: Callable[[], int] | None = None
    #: Does something while the folder's server is stopped; the port that it has afterwards.
    pause: Callable[[Callable[[], None]], int] | None = None

    def release(self) -> None:
        """Let others have it; called again, nothing."""
        held, self._held = self._held, None
        if held is not None:
            held.release()


def hold(place: Place, spec: StoreSpec) -> Holding:
    """Take hold of a place.

    Raises:
        StoreUnavailable: another process has the folder, or it is not there to be read.
        StoreReadOnly: the folder cannot be made or written.
    """
    folder = place.folder
    if folder is None:
        return Holding(place)
    _prepare(folder, place, spec)
    if place.serve:
        from memkit_chroma.serving import join

        served = join(folder, place.location)
        return Holding(
            replace(place, host="127.0.0.1", port=served.port), served, served.revive, served.pause
        )
    return Holding(place, lock_folder(folder, place.location))


def _prepare(folder: Path, place: Place, spec: StoreSpec) -> None:
    if spec.read_only:
        if not (folder / _DATABASE).exists():
            raise unavailable(place.location)
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise ConfigurationError(
            f"{place.location} is a file: a Chroma store is a folder"
        ) from None
    except OSError as error:
        raise StoreReadOnly(
            f"{place.location} cannot be made: {error.strerror or 'its folder cannot be written'}"
        ) from error


def lock_folder(folder: Path, location: str) -> _Held:
    """Take a folder for this process alone, until it is released or the process ends.

    Raises:
        StoreUnavailable: another process, or another backend of this one, has it.
        StoreReadOnly: the lock cannot be written.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(folder / LOCK, is_singleton=False)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise StoreUnavailable(
            f"{location} is open in another process, and Chroma's embedded engine loses rows if "
            f"two write to one folder: open it as chroma+serve://{folder} in all of them, which "
            "shares one server, or run a server (chroma run --path ...) and use chroma://host:port"
        ) from None
    except OSError as error:
        raise StoreReadOnly(
            f"{location} cannot be locked: {error.strerror or 'the folder cannot be written'}"
        ) from error
    return lock
