"""The public keys of an identity provider: fetched, kept for a while, and fetched again."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
import threading
import time
import warnings
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from memkit.errors import ConfigurationError, StoreUnavailable
from memkit.providers.requirements import require

if TYPE_CHECKING:
    from joserfc.jwk import Key

_log = logging.getLogger(__name__)
# Fetched again after so many seconds, and used for so many if that fails.
_FRESH_SECONDS: Final = 600.0
_USABLE_SECONDS: Final = 3600.0
_TIMEOUT_SECONDS: Final = 5.0
_LARGEST: Final = 1_000_000
_MOST: Final = 200
# Never "oct": a shared secret is no public key.
_TYPES: Final = ("RSA", "EC", "OKP")


class KeysUnavailable(StoreUnavailable):
    """The identity provider's keys cannot be had, so that no token of it can be verified."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key for verifying, and the algorithm it is for; ``None``: any that fits it."""

    key: Key
    algorithm: str | None


class KeySet:
    """The keys at a URL.

    Args:
        url: where they are: https, or http on this machine.
        refresh_seconds: how long after one fetch a key that is not known may cause the next.

    Raises:
        ConfigurationError: the URL cannot be.
        MissingDependency: httpx or joserfc is not installed.
    """

    def __init__(self, url: str, refresh_seconds: float = 10.0) -> None:
        require("httpx", "JwtVerifier", "server")
        require("joserfc", "JwtVerifier", "server")
        self._url = _checked(url)
        self._refresh_seconds = refresh_seconds
        self._lock = threading.Lock()
        self._keys: Mapping[str | None, PublicKey] = {}
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._fetching: Future[None] | None = None

    async def find(self, kid: str | None) -> PublicKey | None:
        """The key of an id; ``None`` if there is none, also after another look.

        Raises:
            KeysUnavailable: there are no keys at hand and they cannot be fetched.
        """
        if self._wanted(kid):
            fetching = self._fetch()
            # What is known is good enough to go on with meanwhile.
            if kid not in self._keys or not self._usable:
                await asyncio.wrap_future(fetching)
        if not self._usable:
            raise KeysUnavailable(
                "the identity provider's keys cannot be fetched: its tokens cannot be verified now"
            )
        return self._keys.get(kid)

    @property
    def _usable(self) -> bool:
        return self._age(self._fetched_at) < _USABLE_SECONDS

    def _wanted(self, kid: str | None) -> bool:
        if self._age(self._tried_at) < self._refresh_seconds:
            # Whoever makes up ids must not make us ask for each of them.
            return False
        return kid not in self._keys or self._age(self._fetched_at) >= _FRESH_SECONDS

    @staticmethod
    def _age(since: float | None) -> float:
        return float("inf") if since is None else time.monotonic() - since

    def _fetch(self) -> Future[None]:
        """Fetch them in a thread; all that ask meanwhile wait for the same."""
        with self._lock:
            if self._fetching is None:
                self._fetching = Future()
                # Whoever is cancelled must not cancel it for the others.
                self._fetching.set_running_or_notify_cancel()
                threading.Thread(
                    target=self._refresh, args=(self._fetching,), name="memkit-jwks", daemon=True
                ).start()
            return self._fetching

    def _refresh(self, fetching: Future[None]) -> None:
        try:
            self._keys = keys_of(_fetched(self._url))
            self._fetched_at = time.monotonic()
        except (OSError, ValueError, RecursionError) as error:
            _log.warning("the identity provider's keys: %s", error)
        finally:
            with self._lock:
                self._tried_at = time.monotonic()
                self._fetching = None
            fetching.set_result(None)


class FixedKeys:
    """Keys that were given, and do not change.

    Args:
        jwks: a JSON Web Key Set.

    Raises:
        ConfigurationError: there is no key in it that verifies anything.
    """

    def __init__(self, jwks: object) -> None:
        require("joserfc", "JwtVerifier", "server")
        try:
            self._keys = keys_of(jwks)
        except ValueError as error:
            raise ConfigurationError(f"jwks: {error}") from None

    async def find(self, kid: str | None) -> PublicKey | None:
        """The key of an id; ``None`` if there is none."""
        return self._keys.get(kid)


def keys_of(jwks: object) -> Mapping[str | None, PublicKey]:
    """The keys of a set by id; under ``None`` the one there is, if there is but one.

    Raises:
        ValueError: it is no key set, or none of its keys can be used.
    """
    from joserfc.errors import JoseError, SecurityWarning
    from joserfc.jwk import JWKRegistry

    listed = jwks.get("keys") if isinstance(jwks, dict) else None
    if not isinstance(listed, list):
        raise ValueError("this is no JSON Web Key Set")
    keys: dict[str | None, PublicKey] = {}
    for item in listed[:_MOST]:
        if not isinstance(item, dict) or item.get("kty") not in _TYPES:
            continue
        if item.get("use", "sig") != "sig" or "verify" not in item.get("key_ops", ["verify"]):
            continue
        public = {name: value for name, value in item.items() if name not in _PRIVATE}
        try:
            with warnings.catch_warnings():
                # It warns of keys that are too short: those are not taken.
                warnings.simplefilter("error", SecurityWarning)
                key = JWKRegistry.import_key(public)
        except (JoseError, SecurityWarning, TypeError, ValueError):
            continue
        kid, algorithm = item.get("kid"), item.get("alg")
        if isinstance(kid, str | None) and isinstance(algorithm, str | None):
            keys.setdefault(kid, PublicKey(key, algorithm))
    if not keys:
        raise ValueError("none of the keys can verify a signature")
    if len(keys) == 1:
        keys.setdefault(None, next(iter(keys.values())))
    elif None in keys:
        # A token without an id must not choose among several.
        del keys[None]
    return keys


_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k", "key_ops"})


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host, parts = "", urlsplit("")
    if not host or parts.username is not None or parts.scheme not in ("https", "http"):
        raise ConfigurationError("jwt_jwks_url is an https:// URL without a user's name")
    if parts.scheme == "http" and not _on_this_machine(host):
        raise ConfigurationError(
            "jwt_jwks_url is not https: anybody in between could put in keys of their own"
        )
    return url


def _on_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _fetched(url: str) -> Any:
    """The JSON at a URL; wherever it sends us instead is not followed.

    Raises:
        OSError: it cannot be had.
        ValueError: it is too large or no JSON.
    """
    import httpx

    try:
        with (
            httpx.Client(timeout=_TIMEOUT_SECONDS, follow_redirects=False) as client,
            client.stream("GET", url, headers={"Accept": "application/json"}) as answer,
        ):
            if answer.status_code != 200:
                raise OSError(f"the answer was {answer.status_code}")
            read = b""
            for part in answer.iter_bytes():
                read += part
                if len(read) > _LARGEST:
                    raise ValueError(f"the answer is larger than {_LARGEST:,} bytes")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise OSError(f"they cannot be fetched ({type(error).__name__})") from None
    return json.loads(read)
