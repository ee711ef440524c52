"""The control store's database: connections, transactions, and its errors as memkit's own."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar, cast
from urllib.parse import parse_qsl, urlencode

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from memkit.backing.locks import alone
from memkit.errors import (
    ConfigurationError,
    StoreClosed,
    StoreCorrupt,
    StoreReadOnly,
)
from memkit.providers.requirements import require
from memkit.server.control.failures import BUSY_SECONDS, memkit_error, translated
from memkit.server.control.locations import Location
from memkit.server.control.migrating import HEAD, check_known, migrate, version

T = TypeVar("T")

#: The PostgreSQL schema that holds the tables.
SCHEMA: Final = "memkit_control"
_WRITE: Final = "memkit_write"
_CONNECT_SECONDS = 5
_STATE = "SELECT revision, channels_revision FROM {table} WHERE id = 1"
# A lock of PostgreSQL for those who migrate; the number means nothing.
_MIGRATION_LOCK = 0x6D656D6B6974
# The first whose WAL cannot be damaged by two connections that write at the same instant.
_SAFE_WAL = (3, 51, 3)


class Database:
    """A control store's database. All its calls block.

    Args:
        location: where it is.

    Raises:
        ConfigurationError: the URL is malformed.
        MissingDependency: PostgreSQL's driver is not installed.
    """

    def __init__(self, location: Location) -> None:
        self._folder: str | None = None
        self._gate: Path | None = None
        self._watching: Any = None
        self._watch_lock = threading.Lock()
        self.schema: str | None = None
        self.closed = False
        self._engine: Engine
        if location.url is not None:
            self.schema = SCHEMA
            self._engine = _postgres(location.url).execution_options(
                schema_translate_map={None: SCHEMA}
            )
        else:
            file = location.file
            if file is None:
                self._folder = tempfile.mkdtemp(prefix="memkit-control-")
                file = Path(self._folder) / "control.db"
            self._file = file
            self._engine = _sqlite(file)
            # Older ones write one at a time in all processes, which the fault cannot survive.
            if _old_sqlite(self._engine) and os.name == "posix":
                self._gate = file.with_name(file.name + "-lock")

    def open(self) -> None:
        """Connect, and bring the tables to this version's form.

        Raises:
            StoreError: that cannot be done; its kinds say why.
        """
        if self.schema is None:
            with translated():
                _prepare(self._file)
        if self._version() != HEAD:
            with self.writing() as connection:
                if self.schema is not None:
                    connection.execute(text(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})"))
                    connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {self.schema}"))
                migrate(connection, self.schema)

    def _version(self) -> str | None:
        with self.reading() as connection:
            held = version(connection, self.schema)
        check_known(held)
        return held

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one state of the data."""
        self._check_open()
        with translated(), self._engine.connect() as connection:
            if self.schema is not None:
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that is on disk when it is over; an error undoes it."""
        self._check_open()
        with translated(), alone(self._gate), self._engine.connect() as connection:
            options: dict[str, Any] = {_WRITE: True}
            connection = connection.execution_options(**options)
            with connection.begin():
                yield connection

    def revisions(self) -> tuple[int, int]:
        """How many changes there were by now, and the number of the last one of channels.

        It has a connection of its own, without a transaction: the least that a read can cost.
        """
        self._check_open()
        with translated(), self._watch_lock:
            try:
                return self._revisions()
            except SQLAlchemyError:
                raise
            except self._driver_error as error:
                self._drop_watch()
                raise memkit_error(error) from error

    def _revisions(self) -> tuple[int, int]:
        if self._watching is None:
            self._watching = self._engine.raw_connection()
            driver: Any = self._watching.driver_connection
            if self.schema is not None:
                driver.autocommit = True
        cursor = self._watching.driver_connection.cursor()
        try:
            table = "state" if self.schema is None else f"{self.schema}.state"
            cursor.execute(_STATE.format(table=table))
            row = cursor.fetchone()
        finally:
            cursor.close()
        if row is None:
            raise StoreCorrupt("the control store has lost its state: restore it from a copy")
        return int(row[0]), int(row[1])

    @property
    def _driver_error(self) -> type[Exception]:
        dialect: Any = self._engine.dialect
        return cast("type[Exception]", dialect.loaded_dbapi.Error)

    def _drop_watch(self) -> None:
        watching, self._watching = self._watching, None
        if watching is not None:
            watching.invalidate()

    def close(self) -> None:
        """Disconnect; called again, nothing."""
        if self.closed:
            return
        self.closed = True
        with self._watch_lock:
            self._drop_watch()
        self._engine.dispose()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _check_open(self) -> None:
        if self.closed:
            raise StoreClosed("the control store has been closed")


def _sqlite(file: Path) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(file)),
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
    )
    wal = not _old_sqlite(engine) or os.name == "posix"

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _: object) -> None:
        # SQLAlchemy's own word for it: the driver begins no transactions by itself.
        connection.isolation_level = None
        cursor = connection.cursor()
        _set_journal(cursor, "wal" if wal else "truncate")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A writer that began as a reader could not wait for its turn.
        writes = connection.get_execution_options().get(_WRITE)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _set_journal(cursor: Any, mode: str) -> None:
    """Change to a journal mode, which SQLite does not wait for while another process is there."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            cursor.execute(f"PRAGMA journal_mode = {mode}")
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorname.startswith("SQLITE_BUSY")
            if not busy or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def _old_sqlite(engine: Engine) -> bool:
    dialect: Any = engine.dialect
    found: tuple[int, ...] = dialect.loaded_dbapi.sqlite_version_info
    return found < _SAFE_WAL


def _prepare(file: Path) -> None:
    """Make the file, for its owner's eyes only."""
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if os.name == "posix" and os.fstat(descriptor).st_mode & 0o077:
                os.fchmod(descriptor, 0o600)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise StoreReadOnly(
            f"the control store's file cannot be written: {error.strerror}: {file}"
        ) from error


def _postgres(url: str) -> Engine:
    driver: Any = require("psycopg", "Control", "pgvector")
    require("psycopg.pq", "Control", "pgvector")
    known = {item.keyword.decode() for item in driver.pq.Conninfo.get_defaults()}
    head, _, query = url.partition("?")
    # The store's own options are the store's.
    pairs = [pair for pair in parse_qsl(query, keep_blank_values=True) if pair[0] in known]
    given = dict(pairs)
    defaults = {
        "connect_timeout": str(_CONNECT_SECONDS),
        "tcp_user_timeout": "15000",
        "application_name": "memkit",
        "target_session_attrs": "read-write",
    }
    given = {**defaults, **given, "connect_timeout": defaults["connect_timeout"]}
    conninfo = f"postgresql://{head.partition('://')[2]}?{urlencode(given)}"
    engine = create_engine(
        "postgresql+psycopg://", pool_size=4, max_overflow=4, pool_recycle=1800, pool_timeout=30
    )

    @event.listens_for(engine, "do_connect")
    def _connect(*_: object) -> Any:
        # Not by parts: SQLAlchemy's URLs do not have several hosts. Nothing is prepared, since
        # a pooler in between may change the server's end of the connection.
        try:
            return driver.connect(conninfo, prepare_threshold=None)
        except driver.ProgrammingError:
            # Its message may quote the password.
            raise ConfigurationError(
                "libpq does not understand the control store's URL: it is "
                "postgresql://user:password@host:port/database?option=value"
            ) from None

    return engine
