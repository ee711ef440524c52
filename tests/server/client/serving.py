"""A real server in a thread, for tests that call it over real sockets."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import uvicorn

from memkit import AsyncMemory
from memkit.server.app import make_app

if TYPE_CHECKING:
    from memkit.server.control import Control


class Serving:
    """A server that answers at :attr:`url` until it is stopped; it can be started again there."""

    def __init__(self, store: str, *, control: str | None = None, **settings: Any) -> None:
        self._store, self._control, self._settings = store, control, settings
        self._port = _free_port()
        self._stop: Callable[[], object] | None = None
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        assert ready.wait(60)
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        if self._stop is not None and self._thread is not None:
            self._stop()
            self._thread.join(60)
            assert not self._thread.is_alive()

    def _run(self, ready: threading.Event) -> None:
        try:
            asyncio.run(self._main(ready))
        except BaseException as error:
            self._failure = error
            ready.set()
            raise

    async def _main(self, ready: threading.Event) -> None:
        auth = "none" if self._control is None else "token"
        opening = AsyncMemory.open(self._store, server_auth=auth, **self._settings)
        async with opening as memory:
            if self._control is None:
                await self._serve(memory, None, ready)
            else:
                from memkit.server.control import Control

                async with await Control.open(self._control) as control:
                    await self._serve(memory, control, ready)

    async def _serve(
        self, memory: AsyncMemory, control: Control | None, ready: threading.Event
    ) -> None:
        app = make_app(memory, control)
        config = uvicorn.Config(
            app, port=self._port, log_config=None, timeout_graceful_shutdown=1, ws="none"
        )

        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()

        class Told(uvicorn.Server):
            async def main_loop(self) -> None:
                # At once, not when it next looks.
                await stopping.wait()

            async def startup(self, sockets: Any = None) -> None:
                await super().startup(sockets)
                ready.set()

            async def shutdown(self, sockets: Any = None) -> None:
                app.state.context.ending.set()
                await super().shutdown(sockets)

        self._stop = partial(loop.call_soon_threadsafe, stopping.set)
        await Told(config).serve()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@contextmanager
def serving(store: str, **settings: Any) -> Iterator[Serving]:
    server = Serving(store, **settings)
    server.start()
    try:
        yield server
    finally:
        server.stop()
