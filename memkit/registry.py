"""From URLs to backends and clients: memkit's own and third parties', found by entry points."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from memkit.errors import ConfigurationError
from memkit.protocols import Backend

GROUP = "memkit.backends"
CLIENTS = "memkit.clients"

# For a source tree that is on the path without being installed: entry points come from the
# installed distribution only.
_OWN = {
    "sqlite": "memkit_sqlite:SqliteBackend",
    "postgresql": "memkit_pgvector:PgvectorBackend",
    "postgres": "memkit_pgvector:PgvectorBackend",
    "postgres-embedded": "memkit_pgvector:PgvectorBackend",
    "qdrant": "memkit_qdrant:QdrantBackend",
    "qdrants": "memkit_qdrant:QdrantBackend",
    "qdrant+edge": "memkit_qdrant:QdrantEdgeBackend",
    "chroma": "memkit_chroma:ChromaBackend",
    "chromas": "memkit_chroma:ChromaBackend",
    "chroma+serve": "memkit_chroma:ChromaBackend",
}

_OWN_CLIENTS = {
    "http": "memkit.client:AsyncClient",
    "https": "memkit.client:AsyncClient",
}


def client_from_url(url: str) -> Any:
    """What opens a memory that a server keeps, where the URL's scheme is a server's.

    The entry point's object (a subclass of ``AsyncMemory``, usually) has a
    ``from_settings(loaded, scope, root=..., read_only=...)``.

    Returns:
        ``None`` for the URL of a store.
    """
    scheme = _scheme(url)
    for point in entry_points(group=CLIENTS, name=scheme):
        return point.load()
    return _own(_OWN_CLIENTS[scheme]) if scheme in _OWN_CLIENTS else None


def backend_from_url(url: str) -> Backend:
    """The backend, not yet open, that a URL names; a bare path is an SQLite file.

    The entry point's object (a class, usually) has a ``from_url(url)``.

    Raises:
        ConfigurationError: no installed backend serves the URL's scheme.
        MissingDependency: the backend's driver is not installed.
    """
    scheme = _scheme(url)
    factory = _load(scheme)
    backend = factory.from_url(url)
    if not isinstance(backend, Backend):
        raise ConfigurationError(f"the entry point {scheme!r} of {GROUP} does not make a Backend")
    return backend


def _scheme(url: str) -> str:
    if not isinstance(url, str) or not url.strip():
        raise ConfigurationError("the store's URL is empty: give a path or sqlite:///path")
    head, separator, _ = url.partition("://")
    return head.lower() if separator else "sqlite"


def _load(scheme: str) -> Any:
    for point in entry_points(group=GROUP, name=scheme):
        return point.load()
    if scheme in _OWN:
        return _own(_OWN[scheme])
    known = {point.name for point in entry_points(group=GROUP)} | set(_OWN)
    raise ConfigurationError(
        f"no installed backend serves {scheme}://: installed are {', '.join(sorted(known))}"
    )


def _own(path: str) -> Any:
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)
