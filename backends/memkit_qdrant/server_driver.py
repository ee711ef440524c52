"""The server's client library: found, or named; made; and its errors as ours."""

from __future__ import annotations

import asyncio
import math
import warnings
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from memkit.errors import MissingDependency
from memkit.retrying import Patience
from memkit_qdrant.server_failures import Failures, driver_errors, is_applied
from memkit_qdrant.server_options import ServerOptions

if TYPE_CHECKING:
    from qdrant_client import AsyncQdrantClient

T = TypeVar("T")
#: The first server that counts terms for each tenant apart and has updates with conditions.
OLDEST_SERVER = (1, 19)


def require_client() -> None:
    """See that the client library is installed.

    Raises:
        MissingDependency: it is not.
    """
    from importlib.util import find_spec

    if find_spec("qdrant_client") is None:
        raise MissingDependency(
            'QdrantBackend needs qdrant-client: pip install "agent-memkit[qdrant]"'
        )


def connect(options: ServerOptions) -> AsyncQdrantClient:
    """A client of the server, which belongs to the running loop; it connects when it is used."""
    from qdrant_client import AsyncQdrantClient

    known: dict[str, Any] = {}
    if options.grpc:
        known["pool_size"] = min(options.pool_size, 8)
    else:
        import httpx

        known["limits"] = httpx.Limits(
            max_connections=options.pool_size, max_keepalive_connections=options.pool_size
        )
    with warnings.catch_warnings():
        # That a key goes over plain HTTP is what the URL says; docs/backends.md warns of it.
        warnings.filterwarnings("ignore", "Api key is used with an insecure connection")
        return AsyncQdrantClient(
            host=options.host,
            port=options.port,
            grpc_port=options.grpc_port,
            prefer_grpc=options.grpc,
            https=options.tls,
            api_key=options.api_key,
            timeout=math.ceil(options.timeout),
            # It would ask in a thread of its own and warn; the version is checked at opening.
            check_compatibility=False,
            **known,
        )


class Caller:
    """Makes requests: again where they failed in passing, with errors as memkit's.

    Every request that is made is safe to repeat: points are written under ids and conditions
    of their own, and what a write came to is read back.

    Args:
        options: the store's settings.
        patience: when to try again.
    """

    def __init__(self, options: ServerOptions, patience: Patience | None = None) -> None:
        self._patience = patience or Patience(options.retries, 0.1, 5.0)
        self._failures = Failures(options)

    async def __call__(self, request: Callable[[], Awaitable[T]]) -> T:
        """The request's answer."""
        attempt = 0
        while True:
            try:
                answer = await request()
                if is_applied(answer):
                    return answer
                failure = self._failures.not_applied()
            except driver_errors() as error:
                failure = self._failures.of(error)
                failure.error.__cause__ = error
            wait = self._patience.wait(attempt, failure.asked) if failure.passing else None
            if wait is None:
                raise failure.error
            attempt += 1
            await asyncio.sleep(wait)
