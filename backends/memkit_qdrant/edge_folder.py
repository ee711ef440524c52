"""The folder of an embedded store: its lock, its saved state and the engine's own folders.

``store.lock``, ``memkit.json``, ``journal`` and one ``shard-<n>``, whose number grows each time
the engine's files are built anew.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from memkit.errors import StoreCorrupt, StoreReadOnly, StoreUnavailable
from memkit_qdrant.state import StoreState

if TYPE_CHECKING:
    from filelock import BaseFileLock

STATE = "memkit.json"


class Folder:
    """The folder of one store, held by one process at a time.

    Args:
        path: the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: BaseFileLock | None = None

    @property
    def location(self) -> str:
        """The store's URL, without options."""
        return f"qdrant+edge://{self.path.as_posix()}"

    def acquire(self, *, create: bool) -> None:
        """Take the folder for this process.

        Raises:
            StoreUnavailable: it is not there and not to be made, or another process has it.
            StoreReadOnly: it cannot be written.
        """
        from filelock import FileLock, Timeout

        if not create and not (self.path / STATE).exists():
            raise StoreUnavailable(
                f"there is no store at {self.location}: open it once for writing, which makes it"
            )
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.path / "store.lock", thread_local=False)
            lock.acquire(timeout=0)
        except Timeout as error:
            raise StoreUnavailable(
                f"another process, or another handle of this one, has {self.location} open, and "
                "the embedded Qdrant engine serves one at a time: close it, or for several use a "
                "Qdrant server (qdrant://host) or SQLite"
            ) from error
        except PermissionError as error:
            raise StoreReadOnly(
                f"{self.location} cannot be written by this user: give it the folder, or choose "
                "another"
            ) from error
        except OSError as error:
            raise StoreUnavailable(
                f"{self.location} cannot be used as a folder: {error.strerror}"
            ) from error
        self._lock = lock

    def release(self) -> None:
        """Let other processes have the folder; called again, nothing."""
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.release()

    def load(self) -> StoreState | None:
        """The saved state, ``None`` in a new store."""
        try:
            text = (self.path / STATE).read_text(encoding="utf-8")
        except FileNotFoundError:
            # The journal comes after both: without it, a kill came amid the store's making.
            if (self.path / "journal").exists():
                raise StoreCorrupt(
                    f"{self.location} has lost its {STATE}: restore the folder from a copy"
                ) from None
            return None
        try:
            return StoreState.from_json(json.loads(text), self.location)
        except json.JSONDecodeError as error:
            raise StoreCorrupt(
                f"the {STATE} of {self.location} is damaged: restore the folder from a copy"
            ) from error

    def save(self, state: StoreState) -> None:
        """Save the state, durably and at once."""
        fresh = self.path / f"{STATE}.new"
        with fresh.open("w", encoding="utf-8") as file:
            json.dump(state.to_json(), file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.path / STATE)
        sync_folder(self.path)

    def shard(self, state: StoreState) -> Path:
        """The folder of the engine's files."""
        return self.path / state.shard

    def following(self, state: StoreState) -> str:
        """The name of a new folder for the engine's files."""
        return f"shard-{int(state.shard.partition('-')[2]) + 1}"

    def tidy(self, state: StoreState | None) -> None:
        """Remove what a kill has left of the engine's folders that are not in use."""
        for path in self.path.glob("shard-*"):
            if state is None or path.name != state.shard:
                shutil.rmtree(path, ignore_errors=True)

    def size(self) -> int:
        """The bytes that the store's files take on the disk."""
        return sum(_blocks(path) for path in self.path.rglob("*"))


def _blocks(path: Path) -> int:
    try:
        held = path.stat()
    except FileNotFoundError:
        return 0
    # The engine's files have holes: what they take is less than their length.
    return getattr(held, "st_blocks", (held.st_size + 511) // 512) * 512


def sync_folder(path: Path) -> None:
    """Bring a folder's entries to the disk, where the system can."""
    if os.name != "posix":
        return
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
