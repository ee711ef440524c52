"""Who calls: found out in one place, for every path, before anything else is looked at."""

from __future__ import annotations

from typing import Final

from memkit.errors import MemkitError, StoreClosed, Unauthenticated
from memkit.server.asgi import App, Receive, Scope, Send
from memkit.server.callers import Known
from memkit.server.context import Context
from memkit.server.limiting import Limits
from memkit.server.problems import Refused, refuse
from memkit.server.reading import headers_of
from memkit.service.calling import Embedded

#: What needs no credential; everything else does, what is added later too.
PUBLIC: Final = frozenset({"/", "/healthz", "/readyz", "/openapi.json"})
#: It also asks for a token, but not always: it looks for itself.
_OWN_RULE: Final = "/metrics"
_TOKEN_MAX: Final = 8_192
_MISSING: Final = "send a token: Authorization: Bearer mk_..."


class Authentication:
    """Puts the caller into ``scope["state"]["caller"]``, or answers 401.

    Without authentication the caller is whoever can reach this machine's own address: it may
    do everything.
    """

    def __init__(self, app: App, context: Context, limits: Limits) -> None:
        self._app = app
        self._context = context
        self._limits = limits
        self._asks = context.settings.server_auth != "none"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http":
            try:
                await self._find_out(scope)
            except (MemkitError, Refused) as error:
                await refuse(scope, send, error)
                return
        await self._app(scope, receive, send)

    async def _find_out(self, scope: Scope) -> None:
        state = scope["state"]
        if not self._asks:
            state["caller"] = Embedded()
            return
        if scope["path"] in PUBLIC:
            return
        token = bearer_of(scope)
        if token is None and scope["path"] == _OWN_RULE:
            return
        address = address_of(scope)
        self._limits.require_trusted(address)
        try:
            if token is None:
                raise Unauthenticated(_MISSING)
            caller = await caller_of(self._context, token)
        except Unauthenticated:
            self._limits.note_refusal(address)
            raise
        state["caller"], state["token"] = caller, token
        self._limits.admit(caller.identity.principal.id)


async def caller_of(context: Context, token: str) -> Known:
    """Whom a token belongs to, as of now.

    Raises:
        Unauthenticated: to nobody.
    """
    if context.control is None:
        raise StoreClosed("the server is not running: nobody can be authenticated")
    return Known(await context.control.authenticate(token))


def bearer_of(scope: Scope) -> str | None:
    """The token of a request; ``None``: it has none.

    Raises:
        Unauthenticated: what is there cannot be one.
    """
    held = headers_of(scope).get(b"authorization")
    if held is None:
        return None
    kind, _, token = held.partition(b" ")
    token = token.strip()
    if kind.lower() != b"bearer" or not token or len(token) > _TOKEN_MAX:
        raise Unauthenticated(_MISSING)
    try:
        return str(token.decode("ascii"))
    except UnicodeDecodeError:
        raise Unauthenticated(_MISSING) from None


def address_of(scope: Scope) -> str:
    """The address of a client; of IPv6 the network, as each client has a whole one."""
    client = scope.get("client")
    if client is None:
        return "unknown"
    host = str(client[0])
    if ":" not in host:
        return host
    import ipaddress

    try:
        whole = ipaddress.IPv6Address(host.partition("%")[0])
    except ValueError:
        return host
    return str(ipaddress.IPv6Network((int(whole) >> 64 << 64, 64)))
