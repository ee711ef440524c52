"""Where a store's control data are, and what kind of database that is."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from platformdirs import user_data_path

from memkit.errors import ConfigurationError

if TYPE_CHECKING:
    from memkit.config import Settings

_POSTGRES = ("postgresql", "postgres")
_MEMORY = ":memory:"
_SUFFIX = ".control.db"


@dataclass(frozen=True, slots=True)
class Location:
    """A control store's database: a file, or PostgreSQL.

    Attributes:
        file: the SQLite file; ``None`` with ``url`` of ``None``: one that lasts until it is
            closed.
        url: the PostgreSQL URL.
    """

    file: Path | None = None
    url: str | None = field(default=None, repr=False)


def control_url_for(store_url: str, settings: Settings) -> str:
    """The URL of the control data that belong to a store.

    The setting ``control`` names it. Otherwise it is the same PostgreSQL database; beside an
    embedded store, the file ``<store>.control.db``; for a service of another kind, a file of
    its own in the user's data folder.

    Raises:
        ConfigurationError: a URL is malformed.
    """
    if settings.control is not None:
        return settings.control
    scheme, separator, rest = store_url.partition("://")
    if not separator:
        if store_url == _MEMORY:
            return f"sqlite://{_MEMORY}"
        return str(Path(store_url).expanduser().absolute()) + _SUFFIX
    if scheme.lower() in _POSTGRES:
        return store_url
    place = rest.partition("?")[0]
    if place in (_MEMORY, f"/{_MEMORY}"):
        return f"sqlite://{_MEMORY}"
    if place.startswith("/") and place.strip("/"):
        return unquote(place).rstrip("/") + _SUFFIX
    # Neither user nor password, which may change, and which a file's name must not give away.
    host = place.rpartition("@")[2].rstrip("/")
    name = hashlib.sha256(f"{scheme.lower()}://{host}".encode()).hexdigest()[:16]
    return str(user_data_path("memkit") / f"{name}{_SUFFIX}")


def locate(url: str) -> Location:
    """What a control store's URL names: a path, ``sqlite:///path`` or ``postgresql://…``.

    Raises:
        ConfigurationError: it is none of these.
    """
    if not url.strip():
        raise ConfigurationError("the control store's URL is empty: give a path or a URL")
    if "://" not in url:
        return Location() if url == _MEMORY else Location(Path(url).expanduser().absolute())
    scheme, _, rest = url.partition("://")
    if scheme.lower() in _POSTGRES:
        return Location(url=url)
    if scheme.lower() != "sqlite":
        raise ConfigurationError("control names an SQLite file or a postgresql:// database")
    place = rest.partition("?")[0]
    if place in (_MEMORY, f"/{_MEMORY}"):
        return Location()
    if not place.startswith("/") or place == "/":
        raise ConfigurationError(
            "an SQLite file's URL is sqlite:///path/to/file.db, with three slashes before an "
            "absolute path"
        )
    return Location(Path(unquote(place)))
