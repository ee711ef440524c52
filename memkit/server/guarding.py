"""By what names the server may be called, and by which web pages."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from memkit.server.asgi import App, Receive, Scope, Send
from memkit.server.problems import Refused, refuse
from memkit.server.reading import headers_of

if TYPE_CHECKING:
    from memkit.config import Settings

LOOPBACK: Final = ("localhost", "127.0.0.1", "[::1]", "::1")
# Whoever looks after the server calls it by its address.
_ANY_HOST: Final = ("/healthz", "/readyz")
URL_MAX: Final = 16_384


def listed(text: str | None) -> tuple[str, ...]:
    """The parts of a setting that has several, with commas between them."""
    return tuple(part.strip().lower() for part in (text or "").split(",") if part.strip())


def is_loopback(host: str) -> bool:
    """Whether an address is reached from this machine alone; a name other than localhost is not."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]").partition("%")[0]).is_loopback
    except ValueError:
        return False


class Guarding:
    """Refuses requests that came to a wrong name, or from a page that has no business here.

    A page on the web can make a visitor's browser call this machine. It cannot choose the
    ``Host`` of a name that its own owner rebinds, nor hide its ``Origin``.
    """

    def __init__(self, app: App, settings: Settings) -> None:
        self._app = app
        named = listed(settings.server_allowed_hosts)
        self._origins = frozenset(listed(settings.server_cors_origins))
        self._any_host = "*" in named
        self._any_origin = "*" in self._origins
        own = settings.server_host.lower()
        self._hosts = frozenset((*LOOPBACK, own, f"[{own}]", *named))
        self._endings = tuple(name[1:] for name in named if name.startswith("*."))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http":
            try:
                self._check(scope)
            except Refused as error:
                await refuse(scope, send, error)
                return
        await self._app(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        if len(scope["raw_path"]) + len(scope["query_string"]) > URL_MAX:
            raise Refused(414, "too_long", f"a URL has at most {URL_MAX} characters here")
        headers = headers_of(scope)
        host = headers.get(b"host", b"").decode("latin-1").lower()
        if scope["path"] not in _ANY_HOST and not self._known(host):
            raise Refused(
                421,
                "unknown_host",
                "the server is not called by this name: add it to server_allowed_hosts",
            )
        origin = headers.get(b"origin")
        if origin is not None and not self._welcome(origin.decode("latin-1").lower(), host):
            raise Refused(
                403,
                "unknown_origin",
                "pages of this origin may not call: add it to server_cors_origins",
            )

    def _known(self, host: str) -> bool:
        if self._any_host:
            return True
        name = _name_of(host)
        return name in self._hosts or (bool(self._endings) and name.endswith(self._endings))

    def _welcome(self, origin: str, host: str) -> bool:
        if self._any_origin or origin in self._origins:
            return True
        # Its own pages: the same name and port that the request came to.
        try:
            return bool(host) and urlsplit(origin).netloc == host and origin.startswith("http")
        except ValueError:
            return False


def _name_of(host: str) -> str:
    """A host without its port."""
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]
