"""Refusals of requests, as ``application/problem+json`` (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from pydantic_core import to_json

from memkit.errors import MemkitError, RateLimited
from memkit.server.asgi import Headers, Scope, Send, respond
from memkit.service.failures import failure_of, problem_of

MEDIA_TYPE = b"application/problem+json"
#: Where each code is explained; a relative reference, as the server has no name of its own.
TYPE = "about:blank"
_RETRY_SECONDS = 1


class Refused(Exception):
    """A request that is refused before it is an operation's.

    Args:
        status: the HTTP status.
        code: a stable name.
        detail: what is wrong, and what would be right.
        headers: further headers of the answer.
    """

    def __init__(
        self, status: int, code: str, detail: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.headers = dict(headers or {})


def closing(refused: Refused) -> Refused:
    """The same, and the connection ends: what is left of the request is not read."""
    refused.headers["connection"] = "close"
    return refused


def answer_to(error: MemkitError | Refused) -> tuple[int, dict[str, Any], dict[str, str]]:
    """The status, the JSON and the headers that tell of an error."""
    if isinstance(error, Refused):
        title = HTTPStatus(error.status).phrase
        told = {"code": error.code, "title": title, "detail": str(error)}
        return error.status, told, error.headers
    failure = failure_of(error)
    headers = {}
    if isinstance(error, RateLimited):
        headers["retry-after"] = str(max(1, round(error.retry_after + 0.5)))
    elif failure.status == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = 'Bearer realm="memkit"'
    elif failure.passing:
        headers["retry-after"] = str(_RETRY_SECONDS)
    return failure.status, problem_of(error), headers


def document_of(error: MemkitError | Refused, status: int | None = None) -> bytes:
    """The JSON that tells of an error."""
    usual, told, _ = answer_to(error)
    return to_json({"type": TYPE, "status": usual if status is None else status, **told})


async def refuse(
    scope: Scope, send: Send, error: MemkitError | Refused, *, status: int | None = None
) -> None:
    """Answer a request with what an error means.

    Args:
        scope: the request.
        send: where the answer goes.
        error: what is wrong.
        status: instead of the error's own.
    """
    usual, told, more = answer_to(error)
    status = usual if status is None else status
    scope["state"]["outcome"] = told["code"]
    headers: Headers = [(name.encode(), value.encode()) for name, value in more.items()]
    await respond(send, status, document_of(error, status), MEDIA_TYPE, headers)
