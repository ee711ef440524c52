"""The server as one ASGI application: the table's routes behind the layers that guard them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from memkit.errors import ConfigurationError
from memkit.providers.requirements import require
from memkit.server.context import Context
from memkit.server.guarding import is_loopback, listed
from memkit.service import Service

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.routing import BaseRoute

    from memkit.config import Settings
    from memkit.memory import AsyncMemory
    from memkit.server.control import Control

#: Answers' headers that a page of another origin may read.
_EXPOSED = ("ETag", "Link", "Retry-After", "X-Request-ID", "Mcp-Session-Id")


def make_app(
    memory: AsyncMemory, control: Control | None = None, *, settings: Settings | None = None
) -> Starlette:
    """The server as an application for any ASGI server.

    It neither opens nor closes what it is given. When its lifespan ends, or before that with
    ``app.state.context.ending.set()``, streams of events end.

    Args:
        memory: what is served, as ``open`` returned it.
        control: who may do what; needed unless the setting ``server_auth`` is ``none``.
        settings: by default the memory's own.

    Raises:
        ConfigurationError: a setting is malformed, or would leave the server open to others.
        MissingDependency: the extra ``server`` is not installed.
    """
    require("starlette", "the server", "server")
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException

    from memkit.server.metrics import Metrics
    from memkit.server.scheduling import Schedule

    settings = memory.settings if settings is None else settings
    require_authentication(settings, control)
    context = Context(_service(memory, control), settings, Metrics(), control)
    context.metrics.follow(context)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with _entered(app.state.lifespans):
            try:
                yield
            finally:
                context.ending.set()

    mounted, lifespans = _mounted(context)
    lifespans.append(Schedule(context).lifespan)
    app = Starlette(
        routes=[*_routes(context), *mounted],
        middleware=_layers(context),
        exception_handlers={HTTPException: _refused},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    app.state.context = context
    app.state.lifespans = lifespans
    return app


def require_authentication(settings: Settings, control: Control | None) -> None:
    """Refuse to serve others whoever they are.

    Raises:
        ConfigurationError: nobody would be asked, and not this machine alone could call.
    """
    if settings.server_auth == "none":
        if not is_loopback(settings.server_host):
            raise ConfigurationError(
                f"without authentication the server listens on 127.0.0.1 or ::1 alone, not on "
                f"{settings.server_host}: leave --no-auth out, or --host"
            )
    elif control is None:
        raise ConfigurationError(
            "with authentication the server needs a control store: give control=, or set "
            "server_auth to none for this machine alone"
        )


def _service(memory: AsyncMemory, control: Control | None) -> Service:
    if control is None:
        return Service(memory)
    from memkit.server.trails import Trails

    return Service(memory, control, Trails(control.audit))


def _routes(context: Context) -> list[BaseRoute]:
    from starlette.routing import Route

    from memkit.server import probes, projection
    from memkit.server.events import Events
    from memkit.server.transfers import Exporting, Importing

    streams = [
        Route(app.operation.route.path, app, methods=[app.operation.route.method], name=name)
        for name, app in (
            ("watch", Events(context)),
            ("export", Exporting(context)),
            ("import", Importing(context)),
        )
    ]
    # The most used come first: routes are looked through in order.
    return [*projection.routes(context), *streams, *probes.routes(context)]


def _mounted(context: Context) -> tuple[list[BaseRoute], list[Any]]:
    """The routes of MCP, if it is installed, and what they need to have entered."""
    from memkit.server.buffering import Buffering

    if find_spec("mcp") is None or find_spec("memkit.server.mcp") is None:
        return [], []
    module = import_module("memkit.server.mcp")
    if not hasattr(module, "mount"):
        return [], []
    routes = list(module.mount(context.service, context.settings))
    lifespans = []
    for route in routes:
        entered = getattr(route.app, "lifespan", None)
        if entered is not None:
            lifespans.append(entered)
        route.app = Buffering(route.app, context.settings)
    return routes, lifespans


@asynccontextmanager
async def _entered(lifespans: list[Any]) -> AsyncIterator[None]:
    from contextlib import AsyncExitStack

    async with AsyncExitStack() as stack:
        for lifespan in lifespans:
            await stack.enter_async_context(lifespan())
        yield


def _layers(context: Context) -> list[Any]:
    """What a request passes on its way in, from the outside."""
    from starlette.middleware import Middleware
    from starlette.middleware.cors import CORSMiddleware

    from memkit.server.authentication import Authentication
    from memkit.server.guarding import Guarding
    from memkit.server.limiting import Bounded, Limits
    from memkit.server.lingering import Lingering
    from memkit.server.observing import Observing

    settings = context.settings
    layers: list[Any] = [
        Middleware(Observing, context),
        Middleware(Lingering),
        Middleware(Bounded, context),
        Middleware(Guarding, settings),
    ]
    origins = listed(settings.server_cors_origins)
    if origins:
        layers.append(
            Middleware(
                CORSMiddleware,
                allow_origins=origins,
                allow_methods=("GET", "POST", "PUT", "PATCH", "DELETE"),
                allow_headers=("*",),
                expose_headers=_EXPOSED,
            )
        )
    return [*layers, Middleware(Authentication, context, Limits(settings))]


async def _refused(request: Any, error: Any) -> Any:
    """The answer to a path or a method that is none."""
    from starlette.responses import Response

    from memkit.server.probes import no_such
    from memkit.server.problems import MEDIA_TYPE, document_of

    refused = no_such(error.status_code, error.headers or {})
    request.scope["state"]["outcome"] = refused.code
    return Response(
        document_of(refused),
        refused.status,
        {**refused.headers, "cache-control": "no-store"},
        MEDIA_TYPE.decode(),
    )
