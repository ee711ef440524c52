"""HTTP/1.1 by uvicorn, with the limits that it does not have: on headers, in bytes and time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: A request's line and headers.
HEAD_BYTES_MAX: Final = 65_536

if TYPE_CHECKING:
    from collections.abc import Callable

    Base: Callable[..., Any]


def protocol_of(seconds: float) -> type[HttpToolsProtocol]:
    """A protocol that waits so long for the headers of a request once it has begun."""

    class Protocol(HttpToolsProtocol):
        """Ends connections whose requests do not come to their point."""

        _head = 0
        _deadline: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._wait()

        def connection_lost(self, exc: Exception | None) -> None:
            self._go_on()
            super().connection_lost(exc)

        def on_message_begin(self) -> None:
            super().on_message_begin()
            self._head = 0
            self._wait()

        def on_url(self, url: bytes) -> None:
            super().on_url(url)
            self._count(len(url))

        def on_header(self, name: bytes, value: bytes) -> None:
            super().on_header(name, value)
            self._count(len(name) + len(value))

        def on_headers_complete(self) -> None:
            self._go_on()
            if self._head <= HEAD_BYTES_MAX:
                super().on_headers_complete()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self._head > HEAD_BYTES_MAX and not self.transport.is_closing():
                self.send_400_response("The request's line and headers are too long.")

        def _count(self, length: int) -> None:
            self._head += length + 4

        def _wait(self) -> None:
            self._go_on()
            self._deadline = self.loop.call_later(seconds, self._too_slow)

        def _go_on(self) -> None:
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

        def _too_slow(self) -> None:
            self._deadline = None
            if not self.transport.is_closing():
                self.transport.close()

    return Protocol
