"""A store's file: making, recognising and connecting to it."""

from __future__ import annotations

import os
import stat
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from memkit.backing.compatibility import check_schema
from memkit.backing.hashing import signature_hash, unique_hash
from memkit.errors import (
    StoreCorrupt,
    StoreReadOnly,
    StoreUnavailable,
)
from memkit.protocols import Fingerprint
from memkit_sqlite.driver import require_driver, told
from memkit_sqlite.schema import APPLICATION_ID, SCHEMA, SCHEMA_VERSION, UPGRADES, VIEWS

if TYPE_CHECKING:
    import apsw

_READ_CACHE_KIB = 8 * 1024
_WRITE_CACHE_KIB = 64 * 1024
# Pages of write-ahead log before they are copied into the file: larger batches of copying
# write each hot page once instead of once a transaction.
_CHECKPOINT_PAGES = 4000
_LOG_KEPT_BYTES = 64 * 1024 * 1024
_STATEMENTS = 200
# Four vectors of 384 numbers fill such a page with little waste.
_PAGE_BYTES = 8192


@dataclass(frozen=True, slots=True)
class StoreState:
    """The row of ``store``: what a store says of its vectors and terms."""

    epoch: int
    analyzer: str | None
    fingerprint: Fingerprint | None
    target: tuple[Fingerprint, str] | None


def read_identity(connection: apsw.Connection) -> str | None:
    """What tells the store from every other, ``None`` for one of an older version."""
    row: Any = connection.execute("SELECT identity FROM store").fetchone()
    return None if row is None else row[0]


_STATE = (
    "SELECT epoch, analyzer, model, dimension, normalized, target_analyzer, target_model, "
    "target_dimension, target_normalized FROM store"
)


def read_state(connection: apsw.Connection) -> StoreState:
    """What the store says of itself, in the connection's current snapshot."""
    row: Any = connection.execute(_STATE).fetchone()
    if row is None:
        raise StoreCorrupt("the store has lost the row that says what it is: restore a backup")
    epoch, analyzer, model, dimension, normalized, *target = row
    return StoreState(
        epoch,
        analyzer,
        None if model is None else Fingerprint(model, dimension, bool(normalized)),
        None
        if target[1] is None
        else (Fingerprint(target[1], target[2], bool(target[3])), target[0]),
    )


def _add_functions(connection: apsw.Connection) -> None:
    """Let SQL statements find the rows that are held by a hash of their key."""
    functions: dict[str, Any] = {"signature_hash": signature_hash, "unique_hash": unique_hash}
    for name, function in functions.items():
        connection.create_scalar_function(name, function, 1, deterministic=True)


class StoreFile:
    """The file of a store, and how to connect to it.

    ``busy_timeout`` is how long, in seconds, a connection waits for another's lock.
    """

    def __init__(self, path: Path, busy_timeout: float, *, durable: bool = True) -> None:
        self.path = path
        self.location = str(path)
        self._busy_ms = max(0, int(busy_timeout * 1000))
        self._durable = durable
        self.immutable = False
        self.schema_version = SCHEMA_VERSION

    def create_or_check(self, *, read_only: bool) -> None:
        """Make the store, or see that it is one that this code can use.

        Raises:
            StoreCorrupt: it is damaged, or not a memkit store.
            SchemaMismatch: a newer memkit wrote it.
            StoreReadOnly: it cannot be written.
            StoreUnavailable: it cannot be reached or made.
        """
        require_driver()
        self._check_path(read_only=read_only)
        connection = self._first(read_only=read_only)
        try:
            with told(self.location, connection):
                if read_only:
                    self.schema_version = self._check(connection)
                else:
                    self._create_or_upgrade(connection)
        finally:
            connection.close()

    def _check_path(self, *, read_only: bool) -> None:
        try:
            mode = self.path.stat().st_mode
        except FileNotFoundError:
            if read_only:
                raise StoreUnavailable(
                    f"there is no store at {self.location}: open it once for writing to make it"
                ) from None
            self._make_folder()
            self._make_file()
            return
        except OSError as error:
            raise StoreUnavailable(
                f"{self.location} cannot be reached: {os.strerror(error.errno or 0)}"
            ) from error
        if not stat.S_ISREG(mode):
            raise StoreUnavailable(
                f"{self.location} is not a file: give the path of a file, such as "
                f"{self.path / 'memory.db'}"
            )
        if not read_only and not os.access(self.path, os.W_OK):
            raise StoreReadOnly(
                f"{self.location} cannot be written: make it writable, or open it read-only"
            )

    def _make_folder(self) -> None:
        folder = self.path.parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except PermissionError as error:
            raise StoreReadOnly(
                f"no permission to make the folder {folder}: make its parent writable, or name "
                "another path"
            ) from error
        except OSError as error:
            raise StoreUnavailable(
                f"the folder {folder} cannot be made: {os.strerror(error.errno or 0)}"
            ) from error
        if not os.access(folder, os.W_OK):
            raise StoreReadOnly(
                f"the folder {folder} cannot be written: make it writable, or name another path"
            )

    def _make_file(self) -> None:
        # For whoever runs this alone; what SQLite puts beside it gets the same mode.
        try:
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError:
            # SQLite says better what is wrong.
            return

    def _first(self, *, read_only: bool) -> apsw.Connection:
        import apsw

        if not read_only:
            return self.connect()
        # Reading a file in WAL mode needs its sidecars; where they are missing and cannot be
        # made, nobody can be writing either, unless there is a log that we would not see.
        connection = self.connect(read_only=True)
        try:
            connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone()
        except (apsw.CantOpenError, apsw.ReadOnlyError) as error:
            connection.close()
            log = self.path.with_name(self.path.name + "-wal")
            if log.exists() and log.stat().st_size > 0:
                raise StoreReadOnly(
                    f"{self.location} has a log that can be read only where its folder can be "
                    "written: make the folder writable"
                ) from error
            self.immutable = True
            return self.connect(read_only=True)
        except apsw.Error:
            connection.close()
            with told(self.location):
                raise
        return connection

    def _create_or_upgrade(self, connection: apsw.Connection) -> None:
        import apsw

        if self._is_empty(connection):
            connection.pragma("page_size", _PAGE_BYTES)
        elif connection.pragma("application_id") == 0:
            raise StoreCorrupt(
                f"{self.location} is an SQLite file of another program: name another file"
            )
        mode = None
        deadline = time.monotonic() + self._busy_ms / 1000
        while mode is None:
            try:
                mode = connection.pragma("journal_mode", "wal")
            except apsw.BusyError:
                # Another process is making the same store; SQLite does not wait here.
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
        if mode != "wal":
            raise StoreUnavailable(
                f"{self.location} is where SQLite cannot keep a write-ahead log: put it on a "
                "local disk"
            )
        connection.execute("BEGIN IMMEDIATE")
        try:
            if self._is_empty(connection) and connection.pragma("application_id") == 0:
                for statement in SCHEMA:
                    connection.execute(statement)
                connection.pragma("application_id", APPLICATION_ID)
                connection.pragma("user_version", SCHEMA_VERSION)
            # Under the lock: of several processes that open an old store one upgrades it.
            for version in range(self._check(connection), SCHEMA_VERSION):
                for statement in UPGRADES[version]:
                    connection.execute(statement)
                connection.pragma("user_version", version + 1)
            self.schema_version = SCHEMA_VERSION
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    @staticmethod
    def _is_empty(connection: apsw.Connection) -> bool:
        return connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone() is None

    def _check(self, connection: apsw.Connection) -> int:
        """The version of the store's schema, which this code can read."""
        if connection.pragma("application_id") != APPLICATION_ID:
            raise StoreCorrupt(f"{self.location} is not a memkit store: name another file")
        version = int(connection.pragma("user_version"))
        check_schema(self.location, version, SCHEMA_VERSION)
        if version < 1 or not connection.table_exists("main", "store"):
            raise StoreCorrupt(f"{self.location} holds no whole memkit store: restore a backup")
        read_state(connection)
        return version

    def connect(self, *, read_only: bool = False, writer: bool = False) -> apsw.Connection:
        """A new connection with the store's settings.

        Raises:
            StoreError: its kinds say why it cannot be made.
        """
        import apsw

        uri = f"file:{quote(str(self.path))}"
        flags = apsw.SQLITE_OPEN_URI
        if read_only:
            uri += "?immutable=1" if self.immutable else "?mode=ro"
            flags |= apsw.SQLITE_OPEN_READONLY
        else:
            flags |= apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
        with told(self.location):
            connection = apsw.Connection(uri, flags=flags, statementcachesize=_STATEMENTS)
        try:
            with told(self.location, connection):
                connection.set_busy_timeout(self._busy_ms)
                connection.pragma("cache_size", -(_WRITE_CACHE_KIB if writer else _READ_CACHE_KIB))
                connection.pragma("temp_store", 2)
                _add_functions(connection)
                if read_only:
                    for statement in VIEWS.get(self.schema_version, ()):
                        connection.execute(statement)
                if not read_only:
                    connection.pragma("synchronous", "FULL" if self._durable else "OFF")
                    connection.pragma("secure_delete", "ON")
                    connection.pragma("journal_size_limit", _LOG_KEPT_BYTES)
                    connection.wal_autocheckpoint(_CHECKPOINT_PAGES)
        except BaseException:
            connection.close()
            raise
        return connection

    def size(self) -> int | None:
        """The bytes of the file and its log, ``None`` if they cannot be told."""
        try:
            total = self.path.stat().st_size
        except OSError:
            return None
        return total + self.log_size()

    def log_size(self) -> int:
        """The bytes of the write-ahead log."""
        try:
            return self.path.with_name(self.path.name + "-wal").stat().st_size
        except OSError:
            return 0
