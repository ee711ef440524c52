"""A connection to a server: requests, retries, and the loop that they run in."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from concurrent.futures import CancelledError
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from memkit.client.addresses import Address
from memkit.client.refusals import error_of, is_passing
from memkit.errors import InvalidInput, MemkitError, StoreClosed, StoreError, StoreUnavailable
from memkit.loops import LoopThread
from memkit.providers.requirements import require
from memkit.retrying import Patience, retry_after

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")

_CONNECT_SECONDS = 10.0
_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of a server.

    Attributes:
        method, path: where in REST; the path's parts are quoted already.
        params: the query.
        body: JSON text, or lines of it.
        media: the body's type.
        repeatable: whether asking twice is asking once.
        key: by which the server knows a second try from a second request.
        patient: seconds that the server may take on purpose before it answers.
    """

    method: str
    path: str
    params: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    media: str = _JSON
    repeatable: bool = True
    key: str | None = None
    patient: float = 0.0


class Connection:
    """Speaks to one server for all handles on it.

    Everything runs in one event loop of its own, in a thread, so that connections are reused
    whatever loop or thread a call comes from, and outlive it.
    """

    def __init__(
        self,
        address: Address,
        token: str | None,
        *,
        timeout: float,
        patience: Patience | None = None,
    ) -> None:
        require("httpx", "memkit.Client", "client")
        self.address = address
        self.loop = LoopThread()
        self._token = token
        self._timeout = timeout
        self._patience = Patience() if patience is None else patience
        self._client: httpx.AsyncClient | None = None
        self._process = os.getpid()
        self._closing = threading.Lock()
        self._closed = False

    def __repr__(self) -> str:
        return f"<connection to {self.address.base}>"

    def require_open(self) -> None:
        """Refuse to go on once closed.

        Raises:
            StoreClosed: it is closed.
        """
        if self._closed:
            raise StoreClosed("this memory is closed: open it again with Memory.open(...)")

    async def run(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Do ``work`` in the connection's own loop, wherever this is awaited."""
        self.require_open()
        loop = self._own_loop()
        if asyncio.get_running_loop() is loop.running:
            return await work()
        future = loop.submit(work())
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or not task.cancelling():
                # Not the caller's doing: the connection was closed meanwhile.
                self.require_open()
            raise

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Do ``work`` in the connection's own loop, and wait for it in this thread."""
        try:
            self.require_open()
        except StoreClosed:
            work.close()
            raise
        try:
            return self._own_loop().run(work)
        except CancelledError:
            self.require_open()
            raise

    def _own_loop(self) -> LoopThread:
        if self._process != os.getpid():
            # A child has neither the thread nor the right to its parent's sockets.
            self._process, self.loop, self._client = os.getpid(), LoopThread(), None
        return self.loop

    async def ask(self, request: Request) -> Any:
        """The JSON of an answer; call it in :meth:`run`.

        What did not arrive, or was put off, is asked again; what may have been done already
        only if it can be done twice.

        Raises:
            MemkitError: what the server refused with, as the error it stands for.
            StoreUnavailable: it cannot be reached, or answers nothing.
        """
        response = await self._answered(request)
        if not response.content:
            return None
        try:
            return response.json()
        except ValueError:
            raise StoreError(
                "the server answered what is no JSON: does the URL lead to memkit?"
            ) from None

    @asynccontextmanager
    async def stream(
        self, request: Request, headers: Mapping[str, str], *, read_seconds: float
    ) -> AsyncIterator[httpx.Response]:
        """An answer that is read while it comes; call it in :meth:`run`.

        Raises:
            MemkitError: as for :meth:`ask`; nothing is tried again.
        """
        import httpx

        timeout = httpx.Timeout(self._timeout, connect=self._connect_seconds, read=read_seconds)
        client = self._own_client()
        built = client.build_request(
            request.method,
            self.address.base + request.path,
            params=list(request.params),
            headers=dict(headers),
            timeout=timeout,
        )
        try:
            response = await client.send(built, stream=True)
        except httpx.TransportError as error:
            raise self._unreachable(error) from error
        try:
            if response.status_code >= 300:
                await response.aread()
                raise error_of(response)
            yield response
        except httpx.TransportError as error:
            raise self._unreachable(error) from error
        finally:
            await response.aclose()

    async def close(self) -> None:
        """End all connections; called again, it does nothing."""
        await asyncio.to_thread(self.close_from_outside)

    def close_from_outside(self) -> None:
        """As :meth:`close`, waiting in this thread."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            loop = self._own_loop()
            if self._client is not None:
                loop.run(self._client.aclose())
            loop.stop()

    async def _answered(self, request: Request) -> httpx.Response:
        import httpx

        headers = {} if request.body is None else {"Content-Type": request.media}
        if request.key is not None:
            headers["Idempotency-Key"] = request.key
        read = self._timeout + request.patient
        timeout = httpx.Timeout(self._timeout, connect=self._connect_seconds, read=read)
        attempt = 0
        while True:
            asked: float | None = None
            try:
                response = await self._own_client().request(
                    request.method,
                    self.address.base + request.path,
                    params=list(request.params),
                    content=request.body,
                    headers=headers,
                    timeout=timeout,
                )
            except httpx.TransportError as cause:
                error: MemkitError = self._unreachable(cause)
                error.__cause__ = cause
                unsent = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
                if not (request.repeatable or isinstance(cause, unsent)):
                    raise error from cause
            else:
                if response.status_code < 300:
                    return response
                error = error_of(response)
                if not is_passing(response, repeatable=request.repeatable):
                    raise error
                asked = retry_after(response.headers.get("retry-after"))
            wait = self._patience.wait(attempt, asked)
            if wait is None:
                raise error
            await asyncio.sleep(wait)
            attempt += 1

    @property
    def _connect_seconds(self) -> float:
        return min(self._timeout, _CONNECT_SECONDS)

    def _own_client(self) -> httpx.AsyncClient:
        import httpx

        if self._client is None:
            headers = {"Accept": _JSON, "User-Agent": "memkit"}
            if self._token is not None:
                headers["Authorization"] = f"Bearer {self._token}"
            self._client = httpx.AsyncClient(
                headers=headers,
                # Certificates take a while to load, and nobody reads them here.
                verify=self.address.encrypted,
                # What goes to this machine goes through no proxy.
                trust_env=not self.address.local,
                limits=httpx.Limits(max_connections=100, max_keepalive_connections=20),
            )
        return self._client

    def _unreachable(self, error: httpx.TransportError) -> StoreUnavailable:
        why = str(error) or type(error).__name__
        return StoreUnavailable(
            f"the server at {self.address.base} cannot be reached ({why}): is it running, and is "
            "the URL right?"
        )


def path_of(path: str, **parts: str) -> str:
    """A route's path with its parts filled in, quoted."""
    return path.format(**{name: quote(value, safe="") for name, value in parts.items()})


def body_of(value: object) -> bytes:
    """JSON for a body.

    Raises:
        InvalidInput: it holds text that is no Unicode.
    """
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError:
        raise InvalidInput("a text holds lone surrogates, which cannot be sent") from None
    except (TypeError, ValueError):
        raise InvalidInput("an argument is not JSON, or not finite") from None
