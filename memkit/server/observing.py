"""The outermost layer: request ids, counters, logs, spans, and what happens to surprises."""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, Final

from memkit.server.asgi import App, Message, Receive, Scope, Send
from memkit.server.context import Context
from memkit.server.problems import Refused, refuse

logger = logging.getLogger("memkit.server")
_SANE: Final = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Observing:
    """Around everything else: whatever happens inside is answered, counted and told.

    Neither content nor credentials are logged: of a path only the route that it found.
    """

    def __init__(self, app: App, context: Context) -> None:
        self._app = app
        self._context = context
        self._span = _spans()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            # There is nothing here for web sockets.
            await send({"type": "websocket.close", "code": 1008})
            return
        await self._observed(scope, receive, send)

    async def _observed(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = time.perf_counter()
        state: dict[str, Any] = scope.setdefault("state", {})
        request_id = _request_id(scope)
        state["request_id"] = request_id
        state["outcome"] = "ok"
        status = 0

        async def answering(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message.get("headers", ()),
                    (b"x-request-id", request_id.encode()),
                ]
            await send(message)

        self._context.in_flight += 1
        try:
            with self._span(scope, state):
                await self._app(scope, receive, answering)
        except Exception:
            logger.exception("unexpected", extra={"memkit": {"request_id": request_id}})
            state["outcome"] = "unexpected"
            if status == 0:
                told = Refused(
                    500,
                    "unexpected",
                    f"this is a fault of the server, which has logged it as {request_id}",
                )
                await refuse(scope, answering, told)
        except BaseException:
            state["outcome"] = "cancelled"
            raise
        finally:
            self._context.in_flight -= 1
            self._tell(scope, status, time.perf_counter() - begun)

    def _tell(self, scope: Scope, status: int, seconds: float) -> None:
        state = scope["state"]
        operation, outcome = state.get("operation", "none"), state["outcome"]
        if outcome == "ok" and status >= 400:
            outcome = str(status)
        self._context.metrics.answered(operation, outcome, seconds)
        if not logger.isEnabledFor(logging.INFO):
            return
        caller, client = state.get("caller"), scope.get("client")
        told = {
            "request_id": state["request_id"],
            "method": scope["method"],
            "operation": operation,
            "status": status,
            "outcome": outcome,
            "seconds": round(seconds, 6),
            "principal": None if caller is None else caller.author,
            "address": None if client is None else client[0],
        }
        logger.info("request", extra={"memkit": told})


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _SANE.fullmatch(value):
            return str(value.decode("ascii"))
    return secrets.token_hex(8)


def _spans() -> Any:
    """What makes a span around a request; nothing where OpenTelemetry is not installed."""
    try:
        from opentelemetry import trace
        from opentelemetry.propagate import extract
    except ImportError:
        return lambda scope, state: nullcontext()
    tracer = trace.get_tracer("memkit.server")

    @contextmanager
    def span(scope: Scope, state: dict[str, Any]) -> Iterator[None]:
        carrier = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in scope["headers"]
            if name in (b"traceparent", b"tracestate")
        }
        with tracer.start_as_current_span(
            "memkit",
            context=extract(carrier) if carrier else None,
            kind=trace.SpanKind.SERVER,
            attributes={"http.request.method": scope["method"]},
        ) as made:
            yield
            made.update_name(f"memkit {state.get('operation', 'none')}")
            made.set_attribute("memkit.outcome", state["outcome"])

    return span
