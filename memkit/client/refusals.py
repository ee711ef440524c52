"""What a server refuses, as the library's own errors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from memkit.errors import (
    ConfigurationError,
    Forbidden,
    MemkitError,
    RateLimited,
    RecordNotFound,
    StoreClosed,
    StoreError,
    StoreUnavailable,
    Unauthenticated,
)
from memkit.retrying import retry_after
from memkit.service.failures import FAILURES

if TYPE_CHECKING:
    import httpx

_PASSING_STATUSES = frozenset({408, 425, 429, 503})
# What stands before the server has lost it, with or without an answer.
_LOST_STATUSES = frozenset({502, 504})
_BY_STATUS: dict[int, type[MemkitError]] = {
    401: Unauthenticated,
    403: Forbidden,
    404: RecordNotFound,
}


def _kinds(base: type[MemkitError]) -> Iterator[type[MemkitError]]:
    yield base
    for kind in base.__subclasses__():
        yield from _kinds(kind)


def is_passing(response: httpx.Response, *, repeatable: bool) -> bool:
    """Whether asking again may help, and does no harm."""
    told = _problem(response)
    failure = None if told is None else FAILURES.get(str(told.get("code")))
    if failure is not None:
        return failure.passing
    status = response.status_code
    return status in _PASSING_STATUSES or (repeatable and status in _LOST_STATUSES)


def error_of(response: httpx.Response) -> MemkitError:
    """The error that an answer tells of, with its message."""
    status, told = response.status_code, _problem(response)
    if told is None or not isinstance(told.get("code"), str):
        return _unknown(status)
    message = str(told.get("detail") or told.get("title") or f"the server answered {status}")
    code = told["code"]
    if code == StoreClosed.code:
        # Not this handle is closed: the server is about to be.
        return StoreUnavailable(message)
    if code == RateLimited.code:
        return RateLimited(message, retry_after(response.headers.get("retry-after")) or 1.0)
    # Read anew each time: backends and others have errors of their own, some imported late.
    kind = next((kind for kind in _kinds(MemkitError) if kind.__dict__.get("code") == code), None)
    if kind is None:
        kind = _BY_STATUS.get(status, StoreError if status >= 500 else MemkitError)
    return kind(message)


def _unknown(status: int) -> MemkitError:
    if status == 429:
        return RateLimited("too many requests: wait, then try again", 1.0)
    if status in (401, 403):
        return _BY_STATUS[status](f"the server, or what stands before it, answered {status}")
    if status >= 500:
        return StoreUnavailable(f"the server answered {status}: see its log")
    if 300 <= status < 400:
        return ConfigurationError(
            f"the server answered {status}, a redirect: give the URL that it leads to"
        )
    return ConfigurationError(
        f"what answered {status} is no memkit server: does the URL lead to one?"
    )


def _problem(response: httpx.Response) -> dict[str, Any] | None:
    if "json" not in response.headers.get("content-type", ""):
        return None
    try:
        told = response.json()
    except ValueError:
        return None
    return told if isinstance(told, dict) else None
