"""What the client library raises, as memkit's errors: what is wrong, and what to do."""

from __future__ import annotations

from typing import Any, NamedTuple

from memkit.errors import InvalidInput, MemkitError, StoreError, StoreFull, StoreUnavailable
from memkit.retrying import PASSING
from memkit_qdrant.server_options import KEY_VARIABLE, ServerOptions

_DONE = frozenset({"completed", "green", "yellow", "grey", "red"})
_PASSING_CODES = frozenset({"UNAVAILABLE", "DEADLINE_EXCEEDED", "ABORTED", "CANCELLED"})


class Failure(NamedTuple):
    """A failed request: what to raise, whether it may succeed later, and when it is to be tried.

    ``asked`` are the seconds that the server asks to wait.
    """

    error: MemkitError
    passing: bool = False
    asked: float | None = None


class Failures:
    """Tells what has failed.

    Args:
        options: the settings of the store that the messages name.
    """

    def __init__(self, options: ServerOptions) -> None:
        self._options = options

    def not_applied(self) -> Failure:
        """Of a write that the server accepted only."""
        return self._unavailable(
            "accepted a write but did not carry it out in time: raise the option timeout",
            passing=True,
        )

    def of(self, error: Exception) -> Failure:
        """Of what the library raised."""
        from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
        from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

        if isinstance(error, ResourceExhaustedResponse):
            slow = self._unavailable("asks to slow down", passing=True)
            return slow._replace(asked=float(error.retry_after_s))
        if isinstance(error, ResponseHandlingException):
            return self._unreached(error.source)
        if isinstance(error, UnexpectedResponse):
            return self._refused(error.status_code or 0, error.content)
        if isinstance(error, UnicodeEncodeError):
            return Failure(InvalidInput("a text holds a lone surrogate, which is no character"))
        if isinstance(error, ValueError | TypeError | KeyError):
            return Failure(
                StoreError(f"the Qdrant client refused a request ({type(error).__name__})")
            )
        return self._by_grpc(error)

    def _unavailable(self, what: str, *, passing: bool = False) -> Failure:
        return Failure(StoreUnavailable(f"{self._options.location} {what}"), passing)

    def _unreached(self, source: Exception) -> Failure:
        import httpx

        if isinstance(source, httpx.PoolTimeout):
            return self._unavailable(
                f"has all {self._options.pool_size} connections in use: raise the option pool_size"
            )
        if isinstance(source, httpx.TimeoutException):
            return self._unavailable(
                f"did not answer within {self._options.timeout:g} seconds: see whether the "
                "server is well, or raise the option timeout",
                passing=True,
            )
        if isinstance(source, httpx.TransportError):
            return self._unavailable(
                "cannot be reached: see that the server runs, and that host, port and TLS are "
                "what it serves",
                passing=True,
            )
        if isinstance(source, UnicodeEncodeError):
            return self.of(source)
        return Failure(
            StoreError(f"{self._options.location} answered with what is no answer of Qdrant's")
        )

    def _refused(self, status: int, content: bytes) -> Failure:
        if status in (401, 403):
            return self._no_entry()
        said = content[:2000].lower()
        if status == 507 or b"no space left" in said or b"out of disk" in said:
            return Failure(
                StoreFull(f"{self._options.location} has no space left: free some on the server")
            )
        if status == 404:
            return self._unavailable(
                "has no such collection: see the URL's path, or open the store anew"
            )
        if status in PASSING:
            return self._unavailable(f"has trouble of its own (HTTP {status})", passing=True)
        return Failure(StoreError(f"{self._options.location} refused a request (HTTP {status})"))

    def _no_entry(self) -> Failure:
        given = "refused the API key" if self._options.api_key else "wants an API key"
        return self._unavailable(
            f"{given}: give one that may read and write, as qdrants://KEY@host or in {KEY_VARIABLE}"
        )

    def _by_grpc(self, error: Exception) -> Failure:
        code: Any = getattr(error, "code", None)
        name = str(getattr(code() if callable(code) else None, "name", "UNKNOWN"))
        if name in ("UNAUTHENTICATED", "PERMISSION_DENIED"):
            return self._no_entry()
        if name == "RESOURCE_EXHAUSTED":
            return self._unavailable("asks to slow down", passing=True)
        if name in _PASSING_CODES:
            return self._unavailable(
                f"cannot be reached by gRPC ({name}): see that port {self._options.grpc_port} "
                "is open, or leave the option grpc out",
                passing=True,
            )
        return Failure(StoreError(f"{self._options.location} refused a request ({name})"))


def is_applied(answer: Any) -> bool:
    """Whether a write was carried out, not merely accepted; true of what is no write."""
    if isinstance(answer, list):
        return all(map(is_applied, answer))
    status = getattr(answer, "status", None)
    return status is None or str(getattr(status, "value", status)) in _DONE


def driver_errors() -> tuple[type[Exception], ...]:
    """What the library raises: by HTTP, by gRPC, and as its in-memory stand-in."""
    import grpc  # type: ignore[import-untyped]
    from qdrant_client.common.client_exceptions import QdrantException
    from qdrant_client.http.exceptions import ApiException

    return (ApiException, QdrantException, grpc.RpcError, ValueError, TypeError, KeyError)
