"""Chroma for the tests: its embedded engine in a folder, and one server for a whole session."""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from memkit_chroma import ChromaBackend
from memkit_chroma.places import Place
from memkit_chroma.serving import Served, join

# The server's port travels to the processes that tests start in this variable.
_PORT = "TEST_ENGINE_CHROMA"
_server: Served | None = None
_folder = ""


def persistent_backend_at(place: Path) -> ChromaBackend:
    """A backend on an embedded store in this folder."""
    return ChromaBackend(Place(place))


def served_backend_at(place: Path) -> ChromaBackend:
    """A backend on a folder that a server of its own shares among processes."""
    return ChromaBackend(Place(place, serve=True))


def server_backend_at(place: Path) -> ChromaBackend:
    """A backend on the session's server: the same place is the same database."""
    return ChromaBackend.from_url(server_url_at(place))


def server_url_at(place: Path) -> str:
    """The URL of the database that belongs to a place."""
    name = "t" + hashlib.sha256(str(place).encode()).hexdigest()[:20]
    return f"chroma://127.0.0.1:{_port()}/{name}"


def _port() -> int:
    global _server, _folder
    if _PORT not in os.environ:
        _folder = tempfile.mkdtemp(prefix="chroma-")
        # It ends with this process, however that ends.
        _server = join(Path(_folder), "the tests' Chroma")
        os.environ[_PORT] = str(_server.port)
    return int(os.environ[_PORT])


@atexit.register
def _end() -> None:
    global _server
    if _server is not None:
        _server.release()
        shutil.rmtree(_folder, ignore_errors=True)
    _server = None
