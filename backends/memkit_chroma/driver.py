"""chromadb: loaded late, silent, without telemetry; its errors told in memkit's own."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from memkit.errors import (
    MemkitError,
    MissingDependency,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreReadOnly,
    StoreUnavailable,
)
from memkit.retrying import PASSING
from memkit_chroma.places import Place

if TYPE_CHECKING:
    from chromadb.api import ServerAPI
    from chromadb.config import System

# More than any one process has threads for: it is the threads that bound what is asked at once.
_MOST_CONNECTIONS = 64
_CONNECT_SECONDS = 5.0
#: What SQLite says through Chroma, and what it means.
_SQLITE = (
    (("readonly database", "read-only", "permission denied"), StoreReadOnly,
     "{} cannot be written: check the rights of its files"),
    (("disk is full", "no space left"), StoreFull, "no space left for {}: free some"),
    (("malformed", "not a database", "corrupt"), StoreCorrupt,
     "{} is damaged: restore a backup"),
    (("locked", "busy"), StoreUnavailable, "{} is locked by another program: try again"),
)  # fmt: skip


def require_driver() -> None:
    """Load chromadb and filelock.

    Raises:
        MissingDependency: one is not installed.
    """
    try:
        import filelock  # noqa: F401

        with _quietly():
            import chromadb  # noqa: F401
    except ImportError as error:
        raise MissingDependency(
            'ChromaBackend needs chromadb: pip install "agent-memkit[chroma]"'
        ) from error


@contextmanager
def _quietly() -> Iterator[None]:
    """Without what chromadb and what it loads warn of: deprecations of their own making."""
    with warnings.catch_warnings():
        for kind in (DeprecationWarning, PendingDeprecationWarning, ImportWarning):
            warnings.simplefilter("ignore", kind)
        warnings.filterwarnings("ignore", category=UserWarning, module=r"pydantic\..*")
        yield


def connect(place: Place) -> tuple[ServerAPI, System]:
    """Chroma's interface to the engine or server at ``place``, and what is to be stopped.

    It is the one below chromadb's clients: those ask a server several things before anybody
    can give them a timeout, and they look for an embedding function of their own.
    """
    with _quietly():
        from chromadb.api import ServerAPI
        from chromadb.config import System

        system = System(_settings(place))
        api: ServerAPI = system.instance(ServerAPI)  # type: ignore[type-abstract]
        if place.folder is not None and not place.serve:
            system.start()
        else:
            _set_timeouts(api, place.timeout)
        return api, system


def _settings(place: Place) -> Any:
    from chromadb.config import Settings

    values: dict[str, Any] = {
        # Nothing is read from a .env file that happens to lie in the working folder.
        "_env_file": None,
        "anonymized_telemetry": False,
        "chroma_product_telemetry_impl": "chromadb.telemetry.product.posthog.Posthog",
        "chroma_otel_collection_endpoint": "",
        "chroma_otel_granularity": None,
        "allow_reset": False,
    }
    if place.folder is not None and not place.serve:
        values |= {
            "chroma_api_impl": "chromadb.api.rust.RustBindingsAPI",
            "is_persistent": True,
            "persist_directory": str(place.folder),
        }
    else:
        values |= {
            "chroma_api_impl": "chromadb.api.fastapi.FastAPI",
            "chroma_server_host": place.host,
            "chroma_server_http_port": place.port,
            "chroma_server_ssl_enabled": place.tls,
            "chroma_server_headers": dict(place.headers),
            "chroma_client_auth_provider": None,
            "chroma_http_max_connections": _MOST_CONNECTIONS,
            "chroma_http_max_keepalive_connections": _MOST_CONNECTIONS,
        }
    return Settings(**values)


def _set_timeouts(api: Any, timeout: float) -> None:
    # chromadb sets none at all: a server that does not answer would be waited for for ever.
    import httpx

    api._session.timeout = httpx.Timeout(timeout, connect=min(timeout, _CONNECT_SECONDS))


def disconnect(api: Any, system: Any) -> None:
    """Free the engine, or the connections."""
    session = getattr(api, "_session", None)
    if session is not None:
        session.close()
    else:
        system.stop()


def is_passing(error: BaseException) -> bool:
    """Whether asking again may help."""
    import httpx
    from chromadb import errors

    if isinstance(error, httpx.TransportError | errors.RateLimitError):
        return True
    # chromadb raises a bare Exception for what a proxy in between says.
    cause = error.__context__
    return isinstance(cause, httpx.HTTPStatusError) and cause.response.status_code in PASSING


@contextmanager
def told(location: str) -> Iterator[None]:
    """Errors of the driver become memkit's; a missing collection stays as it is."""
    from chromadb.errors import NotFoundError

    try:
        yield
    except (MemkitError, NotFoundError):
        raise
    except Exception as error:
        raise store_error(error, location) from error


def store_error(error: Exception, location: str) -> MemkitError:
    """The memkit error that tells what a driver's error means for the store."""
    import httpx
    from chromadb import errors

    if isinstance(error, httpx.TimeoutException):
        return StoreUnavailable(
            f"{location} did not answer in time: see that the server runs, or raise the option "
            "timeout"
        )
    if isinstance(error, httpx.TransportError):
        return StoreUnavailable(f"{location} cannot be reached: see that the server runs")
    cause = error.__context__
    if isinstance(cause, httpx.HTTPStatusError) and cause.response.status_code in PASSING:
        return StoreUnavailable(f"{location} cannot answer at the moment: try again")
    if isinstance(error, errors.ChromaAuthError | errors.AuthorizationError):
        return StoreUnavailable(f"{location} refuses the token: check the URL")
    if isinstance(error, errors.RateLimitError | errors.QuotaError):
        return StoreUnavailable(f"{location} takes no more requests now: a quota is used up")
    if isinstance(error, errors.VersionMismatchError):
        return StoreUnavailable(f"{location} runs another version of Chroma: use 1.5 or newer")
    text = str(error).lower()
    for signs, kind, message in _SQLITE:
        if any(sign in text for sign in signs):
            return kind(message.format(location))
    # The text may hold stored content: the name of the error has to do.
    return StoreError(f"{location} failed: Chroma raised {type(error).__name__}")
