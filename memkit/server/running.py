"""Running the server in this process, until it is told to end."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from memkit.errors import ConfigurationError
from memkit.memory import AsyncMemory
from memkit.providers.requirements import require
from memkit.server.app import make_app, require_authentication
from memkit.server.guarding import listed
from memkit.server.workers import Worker, listening

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from memkit.config import Settings
    from memkit.protocols import Embedder
    from memkit.server.asgi import Receive, Scope, Send

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_KEEP_ALIVE_SECONDS: Final = 75
Announce = Callable[[str, str], None]


@asynccontextmanager
async def opened(
    settings: Settings, *, fixed: bool = False, embedder: Embedder | None = None
) -> AsyncIterator[tuple[Starlette, str | None]]:
    """The application of what settings name, with the first administrator's token if it is new.

    The store and the control store are opened, and closed after everything that was accepted
    is done.

    Args:
        settings: where they are, and how they are served.
        fixed: only the settings' namespace is served.
        embedder: one that is made already; it goes before the settings'.
    """
    from memkit.opening import open_engine
    from memkit.scope import Scope

    if settings.server_auth == "none":
        require_authentication(settings, None)
    scope = Scope(settings.namespace, settings.project, settings.task, settings.agent)
    memory = AsyncMemory(await open_engine(settings, embedder), scope, root=not fixed)
    async with memory:
        if settings.server_auth == "none":
            yield make_app(memory, settings=settings), None
            return
        require("sqlalchemy", "the server", "server")
        from memkit.server.control import Control

        async with await Control.of(settings) as control:
            token = await control.first_admin()
            yield make_app(memory, control, settings=settings), token


class Deferred:
    """An application that opens its stores when an ASGI server starts it.

    For ASGI servers that are told where an application is: ``uvicorn --factory
    memkit.server.running:application``. Stores and settings come from the environment or a file.
    There a first administrator's token is not shown: make one with ``memkit token create``.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings
        self._app: Starlette | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or start and end."""
        if scope["type"] != "lifespan":
            if self._app is None:
                raise ConfigurationError("the server below does not send lifespan events")
            await self._app(scope, receive, send)
            return
        from memkit.config import load_settings

        settings = load_settings().settings if self._settings is None else self._settings
        async with opened(settings) as (self._app, _):
            await self._app(scope, receive, send)


def application() -> Deferred:
    """The application of the environment's settings."""
    return Deferred()


async def serve(
    settings: Settings,
    announce: Announce,
    *,
    fixed: bool = False,
    embedder: Embedder | None = None,
    worker: Worker | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM; then finish what was accepted and close.

    Args:
        settings: what is served, and how.
        announce: called with ``token`` and the first administrator's token, if there is one,
            and with ``address`` and the server's URL once it answers.
        fixed: only the settings' namespace is served.
        embedder: one that is made already; it goes before the settings'.
        worker: which of several processes this is, if it is.

    Raises:
        ConfigurationError: a setting is malformed, the address cannot be listened on, or it is
            not this machine's alone and nobody would be asked who they are.
        StoreError: a store cannot be opened.
    """
    require("uvicorn", "the server", "server")
    async with opened(settings, fixed=fixed, embedder=embedder) as (app, token):
        with listening(settings) if worker is None else worker.listener as listener:
            if token is not None:
                announce("token", token)

            def started() -> None:
                if worker is None or worker.number == 0:
                    announce("address", _url(listener))

            _collect_seldom()
            with _ended_with(worker):
                await _run(app, settings, listener, started)


def _collect_seldom() -> None:
    """Have the collector look at what requests leave, and seldom.

    It would go through all that was loaded to start with again and again, which cost as much
    as the requests themselves; what a request makes is freed without it.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


@contextlib.contextmanager
def _ended_with(worker: Worker | None) -> Iterator[None]:
    """End this process as a signal would once the first process of all is gone."""
    if worker is None:
        yield
        return
    loop = asyncio.get_running_loop()
    lifeline = worker.lifeline

    def end() -> None:
        loop.remove_reader(lifeline)
        os.kill(os.getpid(), signal.SIGTERM)

    loop.add_reader(lifeline, end)
    try:
        yield
    finally:
        loop.remove_reader(lifeline)


async def _run(
    app: Starlette, settings: Settings, listener: socket.socket, started: Callable[[], None]
) -> None:
    import uvicorn

    from memkit.server.protocol import protocol_of

    class Server(uvicorn.Server):
        """Ends streams first: otherwise they would be waited for."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                started()

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            app.state.context.ending.set()
            await super().shutdown(sockets)

        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            # uvicorn would raise them again at the end, before the stores are closed.
            loop = asyncio.get_running_loop()
            for number in _SIGNALS:
                loop.add_signal_handler(number, self.handle_exit, number, None)
            try:
                yield
            finally:
                for number in _SIGNALS:
                    loop.remove_signal_handler(number)

    proxies = listed(settings.server_proxies)
    config = uvicorn.Config(
        app,
        http=protocol_of(settings.server_body_seconds),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=list(proxies),
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=round(settings.server_shutdown_seconds + 0.5),
    )
    await Server(config).serve(sockets=[listener])


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def run(main: Any) -> None:
    """Run a coroutine on the fastest event loop there is."""
    made: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
    # There is none for Windows.
    with contextlib.suppress(ImportError):
        made = import_module("uvloop").new_event_loop
    with asyncio.Runner(loop_factory=made) as runner:
        runner.run(main)
