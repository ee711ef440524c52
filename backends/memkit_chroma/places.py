"""Where a store is: what a ``chroma://``, ``chromas://`` or ``chroma+serve://`` URL says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from memkit.backing.locations import Read, count, parse_store_url, read_options, seconds
from memkit.errors import ConfigurationError

DEFAULT_TENANT = "default_tenant"
DEFAULT_DATABASE = "default_database"
DEFAULT_PREFIX = "memkit"
DEFAULT_TIMEOUT = 30.0
#: Rows that are kept in memory before the namespaces that nobody used lately are let go.
DEFAULT_MEMORY_ROWS = 500_000
TOKEN_HEADERS = ("authorization", "x-chroma-token")
_PREFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,40}[A-Za-z0-9]")


def prefix(text: str) -> str:
    """What the names of a store's collections begin with."""
    if _PREFIX.fullmatch(text) is None:
        raise ValueError("3 to 42 letters, digits, '.', '_' or '-', no sign at either end")
    return text


def name(text: str) -> str:
    """The name of a tenant."""
    if not text:
        raise ValueError("a name that is not empty")
    return text


_COMMON: Mapping[str, Read] = {
    "timeout": seconds,
    "prefix": prefix,
    "memory_rows": count(1_000, 1_000_000_000),
}
_SERVER: Mapping[str, Read] = {**_COMMON, "tenant": name, "token_header": str.lower}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a store is and how it is reached.

    Attributes:
        folder: that of an embedded store, ``None`` if a server has it.
        serve: the folder is served to several processes by a server of its own.
        host, port, tls: those of the server.
        token: what the server is shown, ``None`` if it asks for nothing.
        token_header: in which header.
        tenant, database: where on the server.
        prefix: what the names of the store's collections begin with.
        timeout: the seconds that one request, with all its retries, may take.
        memory_rows: how many rows are kept in memory at most, unless one namespace has more.
    """

    folder: Path | None = None
    serve: bool = False
    host: str = ""
    port: int = 8000
    tls: bool = False
    token: str | None = field(default=None, repr=False)
    token_header: str = TOKEN_HEADERS[0]
    tenant: str = DEFAULT_TENANT
    database: str = DEFAULT_DATABASE
    prefix: str = DEFAULT_PREFIX
    timeout: float = DEFAULT_TIMEOUT
    memory_rows: int = DEFAULT_MEMORY_ROWS

    def __post_init__(self) -> None:
        if self.token_header not in TOKEN_HEADERS:
            raise ConfigurationError(
                f"the option token_header of a Chroma URL is one of {', '.join(TOKEN_HEADERS)}"
            )

    @property
    def shared(self) -> bool:
        """Whether other processes may write to the store too."""
        return self.folder is None or self.serve

    @property
    def location(self) -> str:
        """What messages call the store; it holds no secret."""
        if self.folder is not None:
            return f"{'chroma+serve' if self.serve else 'chroma'}://{quote(str(self.folder))}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        scheme = "chromas" if self.tls else "chroma"
        return f"{scheme}://{host}:{self.port}/{quote(self.database)}"

    @property
    def headers(self) -> dict[str, str]:
        """The headers that show the token."""
        if self.token is None:
            return {}
        if self.token_header == "authorization":
            return {"Authorization": f"Bearer {self.token}"}
        return {"X-Chroma-Token": self.token}


def place_of(url: str) -> Place:
    """The place that a URL names.

    Raises:
        ConfigurationError: it is no such URL; the message holds nothing secret of it.
    """
    parsed = parse_store_url(url)
    if parsed.scheme == "chroma+serve" or (parsed.scheme == "chroma" and not parsed.host):
        if parsed.host or parsed.port or parsed.user or parsed.password:
            raise ConfigurationError(
                f"a {parsed.scheme}:// URL of a folder is {parsed.scheme}:///absolute/path, with "
                "three slashes"
            )
        if not parsed.path.startswith("/") or parsed.path.strip("/") == "":
            raise ConfigurationError(
                "a Chroma store is chroma://host:port/database, chroma:///absolute/path or "
                "chroma+serve:///absolute/path"
            )
        options: dict[str, Any] = read_options(parsed, _COMMON)
        return Place(Path(parsed.path), parsed.scheme == "chroma+serve", **options)
    if parsed.scheme not in ("chroma", "chromas") or not parsed.host:
        raise ConfigurationError(
            "a Chroma store is chroma://host:port/database or chromas://token@host:port/database"
        )
    if parsed.password is not None:
        raise ConfigurationError(
            "a Chroma URL takes a token, chromas://token@host:port/database, and no password"
        )
    if parsed.path.strip("/").count("/"):
        raise ConfigurationError("a Chroma URL ends with one database: chroma://host:port/database")
    options = read_options(parsed, _SERVER)
    tls = parsed.scheme == "chromas"
    return Place(
        host=parsed.host,
        port=parsed.port or (443 if tls else 8000),
        tls=tls,
        token=parsed.user,
        database=parsed.path.strip("/") or DEFAULT_DATABASE,
        **options,
    )
