"""A proxy before a PostgreSQL server that cuts connections at a chosen moment."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Literal, Self

Moment = Literal["before the commit", "after the commit"]


class CuttingProxy:
    """Listens on 127.0.0.1 and passes all on to the socket in ``folder``, until it is to cut."""

    def __init__(self, folder: str) -> None:
        self.cuts = 0
        self._target = f"{folder}/.s.PGSQL.5432"
        self._moment: Moment | None = None
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = [self._listener]
        self.port = int(self._listener.getsockname()[1])
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    def cut_once(self, moment: Moment) -> None:
        """Cut the next connection that commits: before the server sees it, or just after."""
        with self._lock:
            self._moment = moment

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join(10)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._target)
            self._sockets += [client, server]
            for source, sink, moment in (
                (client, server, "before the commit"),
                (server, client, "after the commit"),
            ):
                thread = threading.Thread(
                    target=self._pass_on, args=(source, sink, moment), daemon=True
                )
                self._threads.append(thread)
                thread.start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, moment: Moment) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                # The statement one way, and the server's word that it is done the other.
                if b"COMMIT\0" in data and self._due(moment):
                    break
                sink.sendall(data)
        for each in (source, sink):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _due(self, moment: Moment) -> bool:
        with self._lock:
            if self._moment != moment:
                return False
            self._moment = None
            self.cuts += 1
            return True
