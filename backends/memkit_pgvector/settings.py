"""What a store's URL says: where it is, and how memkit uses it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

from memkit.backing.locations import Read, count, flag, one_of, seconds
from memkit.errors import ConfigurationError
from memkit_pgvector.driver import require_driver
from memkit_pgvector.schema import check_schema_name

EMBEDDED = "postgres-embedded"
_SCHEMES = ("postgresql", "postgres", EMBEDDED)


@dataclass(frozen=True, slots=True)
class Settings:
    """How a store is reached and used.

    Attributes:
        conninfo: libpq's own parameters, passwords included.
        folder: that of an embedded server, which is started when the store is opened.
        schema: the PostgreSQL schema that holds the tables.
        pool_size: how many connections at most, of each of the pools.
        pool_timeout: seconds that a call waits for one of them.
        timeout: seconds that a statement may take.
        connect_timeout: seconds that a try to connect to a host may take.
        retry_seconds: how long calls go on trying while the server cannot be reached, for
            instance during a fail-over.
        reads: ``primary``, or ``standby``: search and read on a standby that has caught up.
        pooler: there is a transaction pooler, such as PgBouncer, in between.
        vectors: ``halfvec`` or ``vector``, where the store is made.
        partitions: by how many hash partitions, where the store is made; 0: none.
        text_search: ``auto``, ``tsvector`` or ``bm25``, where the store is made.
        exact_rows: up to so many matching records a search is exact.
        revive: starts an embedded server again that was killed.
    """

    conninfo: Mapping[str, Any] = field(repr=False)
    folder: Path | None = None
    schema: str = "memkit"
    pool_size: int = 8
    pool_timeout: float = 30.0
    timeout: float = 60.0
    connect_timeout: float = 3.0
    retry_seconds: float = 15.0
    reads: str = "primary"
    pooler: bool = False
    vectors: str = "halfvec"
    partitions: int = 0
    text_search: str = "auto"
    exact_rows: int = 20_000
    revive: Callable[[], object] | None = field(default=None, repr=False, compare=False)

    @property
    def location(self) -> str:
        """Where the store is, without secrets."""
        if self.folder is not None:
            return f"{EMBEDDED}://{self.folder}"
        hosts = str(self.conninfo.get("host", "") or "").split(",")
        ports = str(self.conninfo.get("port", "") or "").split(",")
        named = [
            host + (f":{port}" if port else "")
            for host, port in zip(hosts, ports * len(hosts), strict=False)
        ]
        place = ",".join(named) if not named[0].startswith("/") else ""
        suffix = f"?host={hosts[0]}" if named[0].startswith("/") else ""
        return f"postgresql://{place}/{self.conninfo.get('dbname') or ''}{suffix}"

    @property
    def hosts(self) -> int:
        """How many servers there are."""
        return len(str(self.conninfo.get("host", "") or "").split(","))


def _schema(text: str) -> str:
    return check_schema_name(text)


#: memkit's own options; every other one is libpq's.
OPTIONS: Mapping[str, Read] = {
    "schema": _schema,
    "pool_size": count(1, 1000),
    "pool_timeout": seconds,
    "timeout": seconds,
    "connect_timeout": seconds,
    "retry_seconds": seconds,
    "reads": one_of("primary", "standby"),
    "pooler": flag,
    "vectors": one_of("halfvec", "vector"),
    "partitions": count(0, 1000),
    "text_search": one_of("auto", "tsvector", "bm25"),
    "exact_rows": count(0, 10_000_000),
}


def settings_from(url: str) -> Settings:
    """The settings of ``postgresql://user:password@host:port,host:port/database?option=value``.

    ``postgres-embedded:///path/to/folder?option=value`` is a server of memkit's own.

    Raises:
        ConfigurationError: it is malformed, or an option cannot be; no message quotes the URL,
            since it may hold a password.
        MissingDependency: the driver is not installed.
    """
    require_driver()
    scheme, separator, rest = url.partition("://")
    scheme = scheme.lower()
    if not separator or scheme not in _SCHEMES:
        raise ConfigurationError("a PostgreSQL store's URL starts with postgresql://")
    place, _, query = rest.partition("?")
    own, others = _options(query, scheme)
    if scheme == EMBEDDED:
        if others:
            raise ConfigurationError(
                f"a {EMBEDDED}:// URL has no option {others[0][0]!r}: it takes "
                f"{', '.join(sorted(OPTIONS))}"
            )
        if not place.startswith("/") or place == "/":
            raise ConfigurationError(
                f"an embedded server's URL is {EMBEDDED}:///path/to/folder, with three slashes "
                "before an absolute path"
            )
        return Settings({}, folder=Path(unquote(place)), **own)
    dsn = "&".join(f"{quote(name)}={quote(value, safe='')}" for name, value in others)
    return Settings(_conninfo(f"postgresql://{place}" + (f"?{dsn}" if dsn else "")), **own)


def _options(query: str, scheme: str) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Memkit's options by name, and libpq's."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError:
        raise ConfigurationError("the store's URL is malformed after its '?'") from None
    own: dict[str, Any] = {}
    others: list[tuple[str, str]] = []
    for name, text in pairs:
        read = OPTIONS.get(name)
        if name in own or any(name == other for other, _ in others):
            raise ConfigurationError(f"the store's URL gives the option {name!r} twice")
        if read is None:
            others.append((name, text))
            continue
        try:
            own[name] = read(text)
        except ValueError as error:
            raise ConfigurationError(
                f"the option {name} of a {scheme}:// URL cannot be that: {error}"
            ) from None
    return own, others


def _conninfo(dsn: str) -> Mapping[str, Any]:
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    try:
        return conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:
        # Its message may quote the password.
        raise ConfigurationError(
            "libpq does not understand the store's URL: it is postgresql://user:password@host:port"
            "/database?option=value, and an option is either libpq's or one of "
            f"{', '.join(sorted(OPTIONS))}"
        ) from None
