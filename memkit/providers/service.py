"""Asks a service over HTTP: connection, key, retries."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from memkit.errors import ConfigurationError
from memkit.providers.kinds import ServiceKind
from memkit.providers.refusals import error_code, refusal
from memkit.providers.requirements import require
from memkit.retrying import PASSING, Patience, retry_after

if TYPE_CHECKING:
    import httpx

_CONNECT_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Credentials:
    """Where a service's key is found; the key itself is never shown.

    Attributes:
        key: the key itself.
        variable: otherwise, the environment variable that holds it.
    """

    key: str | None = field(default=None, repr=False)
    variable: str | None = None

    def headers(self, kind: ServiceKind, base_url: str) -> dict[str, str]:
        """The header that carries the key; none if there is no key and none is needed.

        The key is read anew each time, so that one that was changed is found. A vendor's
        own variable is read for that vendor alone: a key is not to be sent elsewhere
        because it happens to be set.

        Raises:
            MemkitError: ``kind.unavailable``: there should be a key but is none, or it is
                malformed.
        """
        key = self.key or self._from_environment(kind, base_url)
        if not key:
            return {}
        if not key.isascii() or not key.isprintable() or " " in key:
            raise kind.unavailable("the API key holds characters that no key has")
        return {"Authorization": f"Bearer {key}"}

    def _from_environment(self, kind: ServiceKind, base_url: str) -> str:
        if self.variable:
            key = os.environ.get(self.variable, "").strip()
            if not key:
                raise kind.unavailable(
                    f"the environment variable {self.variable}, named as holding the API key, "
                    "is not set"
                )
            return key
        own = os.environ.get(kind.key_variable, "").strip()
        vendor = next((vendor for vendor in kind.vendors if vendor.base_url == base_url), None)
        if own or vendor is None:
            return own
        key = os.environ.get(vendor.variable, "").strip()
        if not key:
            raise kind.unavailable(
                f"{vendor.name} wants a key: set {vendor.variable}, or name another service with "
                "?base_url=http://host/v1"
            )
        return key


class Service:
    """One path of one service. It may be asked from several threads at once.

    Args:
        kind: what it is asked for, and how its failing is told.
        scheme: the scheme of the URL that named it, for messages.
        base_url: what ``kind.path`` is appended to.
        credentials: where the key is.
        timeout: seconds that one answer may take.
        patience: how often to ask again.
        most_bytes: how long an answer may be; by default as long as it likes.

    Raises:
        ConfigurationError: the URL is malformed or carries a password or options.
    """

    def __init__(
        self,
        kind: ServiceKind,
        scheme: str,
        base_url: str,
        credentials: Credentials,
        timeout: float,
        patience: Patience,
        most_bytes: int | None = None,
    ) -> None:
        self.base_url, host = _checked(scheme, base_url, kind.example)
        self.name = f"the {kind.work} service at {host}"
        self._kind = kind
        self._credentials = credentials
        self._timeout = timeout
        self._patience = patience
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._client: httpx.Client | None = None
        self._closing = threading.Event()

    def ready(self) -> None:
        """Check all that can be checked without asking: httpx and the key.

        Raises:
            MemkitError: as :meth:`ask`.
        """
        self._opened()
        self._credentials.headers(self._kind, self.base_url)

    def ask(self, body: Mapping[str, object]) -> bytes:
        """Send a request; the body of the answer.

        Raises:
            MemkitError: ``kind.unavailable`` (it cannot be reached, refuses the key, or stays
                overloaded), ``kind.error`` or ``kind.too_long`` (it refuses the request
                itself), ``kind.not_installed`` (httpx is missing).
        """
        client, closing = self._opened()
        attempt = 0
        while True:
            answer, trouble, cause = self._try(client, body)
            asked: float | None = None
            if answer is not None:
                if answer.is_success:
                    return answer.content
                code = error_code(answer.content)
                if answer.status_code not in PASSING or code == "insufficient_quota":
                    raise refusal(self._kind, self.name, answer.status_code, code, answer.content)
                asked = retry_after(answer.headers.get("retry-after"))
            wait = self._patience.wait(attempt, asked)
            if wait is None:
                longer = f" and asks to wait {asked:.0f} seconds" if asked else ""
                raise self._kind.unavailable(
                    f"{trouble}{longer}, at attempt {attempt + 1}; try again later"
                ) from cause
            if closing.wait(wait):
                raise self._closed() from cause
            attempt += 1

    def close(self) -> None:
        """Close the connections and end all waiting; the next request opens new ones."""
        with self._lock:
            client, self._client = self._client, None
            closing, self._closing = self._closing, threading.Event()
        closing.set()
        if client is not None:
            client.close()

    def _try(
        self, client: httpx.Client, body: Mapping[str, object]
    ) -> tuple[httpx.Response | None, str, Exception | None]:
        """The answer, or what stood in its way and may pass."""
        import httpx

        headers = self._credentials.headers(self._kind, self.base_url)
        url = f"{self.base_url}{self._kind.path}"
        try:
            answer = self._post(client, url, body, headers)
        except httpx.TimeoutException as error:
            # Not tried again: whoever waits has waited long enough.
            raise self._late() from error
        except httpx.RequestError as error:
            return None, f"{self.name} cannot be reached ({type(error).__name__})", error
        except RuntimeError as error:
            # What httpx raises for a client that another thread has closed.
            raise self._closed() from error
        return answer, f"{self.name} answered {answer.status_code}", None

    def _post(
        self,
        client: httpx.Client,
        url: str,
        body: Mapping[str, object],
        headers: Mapping[str, str],
    ) -> httpx.Response:
        """The answer; where its length is limited, it must also be whole within the time."""
        import httpx

        if self._most_bytes is None:
            return client.post(url, json=dict(body), headers=headers)
        until = time.monotonic() + self._timeout
        content = bytearray()
        with client.stream("POST", url, json=dict(body), headers=headers) as answer:
            for some in answer.iter_bytes():
                content += some
                if len(content) > self._most_bytes:
                    raise self._kind.too_long(
                        f"{self.name} answered more than {self._most_bytes:,} bytes"
                    )
                if time.monotonic() > until:
                    raise self._late()
        # The content is decoded already: headers that say how it was encoded must not stay.
        kept = {name: answer.headers[name] for name in ("retry-after",) if name in answer.headers}
        return httpx.Response(answer.status_code, headers=kept, content=bytes(content))

    def _late(self) -> Exception:
        return self._kind.unavailable(
            f"{self.name} did not answer within {self._timeout:g} seconds"
        )

    def _closed(self) -> Exception:
        return self._kind.unavailable(f"the {self._kind.noun} was closed meanwhile")

    def _opened(self) -> tuple[httpx.Client, threading.Event]:
        with self._lock:
            if self._client is None:
                kind = self._kind
                httpx = require("httpx", kind.client, kind.extra, kind.not_installed)
                connect = min(self._timeout, _CONNECT_SECONDS)
                timeout = httpx.Timeout(self._timeout, connect=connect)
                self._client = httpx.Client(timeout=timeout)
            return self._client, self._closing


def _checked(scheme: str, base_url: str, example: str) -> tuple[str, str]:
    """The base URL without a slash at its end, and its host for messages."""
    malformed = ConfigurationError(
        f"{scheme}: base_url must be an http or https URL, as in {example}"
    )
    try:
        parts = urlsplit(base_url)
        port = parts.port
    except ValueError as error:
        raise malformed from error
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise malformed
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ConfigurationError(
            f"{scheme}: base_url may hold neither a password nor options; a key belongs into the "
            "environment variable that api_key_env names"
        )
    return base_url.rstrip("/"), parts.netloc
