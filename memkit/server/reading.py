"""Reading requests: their headers, query and body, within limits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import parse_qsl

from memkit.errors import InvalidInput
from memkit.server.asgi import Receive, Scope
from memkit.server.problems import Refused, closing
from memkit.service.failures import InvalidArguments

_FIELDS_MAX: Final = 1_000
# What decides who calls or what is done must not be said twice.
_ONCE: Final = (
    b"authorization",
    b"content-type",
    b"host",
    b"idempotency-key",
    b"if-match",
    b"origin",
    b"x-agent-id",
)


def headers_of(scope: Scope) -> dict[bytes, bytes]:
    """The headers of a request, by their names in lower case.

    Raises:
        Refused: one that must stand alone stands twice.
    """
    held: list[tuple[bytes, bytes]] = scope["headers"]
    found = dict(held)
    if len(found) != len(held):
        names = [name for name, _ in held]
        for name in _ONCE:
            if names.count(name) > 1:
                raise Refused(400, "malformed", f"the header {name.decode()} stands there twice")
    return found


def text_of(value: bytes, what: str) -> str:
    """A header's value as text.

    Raises:
        InvalidInput: it is not UTF-8.
    """
    try:
        return value.decode("utf-8").strip()
    except UnicodeDecodeError:
        raise InvalidInput(f"the header {what} is not UTF-8") from None


def query_of(scope: Scope) -> dict[str, list[str]]:
    """The parameters of a request's query; each may stand there more than once.

    Raises:
        InvalidArguments: it is not UTF-8, or holds too many.
    """
    text: bytes = scope["query_string"]
    if not text:
        return {}
    try:
        pairs = parse_qsl(
            text.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_FIELDS_MAX,
        )
    except ValueError:
        what = f"should be UTF-8, percent-encoded, of at most {_FIELDS_MAX} parameters"
        raise InvalidArguments((("the query", what),)) from None
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def declared(headers: Mapping[bytes, bytes], most: int) -> None:
    """Refuse a body that says of itself that it is too long.

    Raises:
        Refused: it does.
    """
    length = headers.get(b"content-length")
    # The server below has checked that it is a number.
    if (length is not None and len(length) > 19) or int(length or b"0") > most:
        raise too_large(most)


def too_large(most: int) -> Refused:
    """The refusal of a body that is too long."""
    return closing(Refused(413, "too_large", f"the body of this request may have {most} bytes"))


async def chunks(receive: Receive, most: int) -> AsyncIterator[bytes]:
    """The parts of a request's body, as they come.

    Raises:
        Refused: there are more bytes than allowed, or the client has gone.
    """
    seen = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise Refused(400, "disconnected", "the client has gone")
        part: bytes = message.get("body", b"")
        seen += len(part)
        if seen > most:
            raise too_large(most)
        if part:
            yield part
        if not message.get("more_body", False):
            return


@asynccontextmanager
async def in_time(seconds: float) -> AsyncIterator[None]:
    """A block that reads a body, which must not take longer.

    Raises:
        Refused: it does.
    """
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        detail = f"the body did not come within {seconds:g} seconds"
        raise closing(Refused(408, "too_slow", detail)) from None


async def body_of(receive: Receive, most: int, seconds: float) -> bytes:
    """A request's whole body.

    Raises:
        Refused: it is too long or takes too long.
    """
    async with in_time(seconds):
        # Nearly always there is one.
        parts = [part async for part in chunks(receive, most)]
    return parts[0] if len(parts) == 1 else b"".join(parts)
