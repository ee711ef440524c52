"""Stores' URLs taken apart: hosts, credentials, path and typed options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from memkit.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class StoreURL:
    """A store's URL.

    Attributes:
        scheme: in lower case.
        host, port: of the first host; empty and ``None`` where there is none.
        user, password: percent-decoded, ``None`` where missing.
        path: percent-decoded, with its leading slash.
        options: what follows ``?``; each name occurs once.
    """

    scheme: str
    host: str
    port: int | None
    user: str | None
    password: str | None = field(repr=False)
    path: str
    options: Mapping[str, str]

    @property
    def location(self) -> str:
        """The URL without its secrets and options."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port is None else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}"


def parse_store_url(url: str) -> StoreURL:
    """Take a URL apart.

    Raises:
        ConfigurationError: it is malformed; the message does not quote it, since it may hold a
            password.
    """
    try:
        parts: SplitResult = urlsplit(url)
        port = parts.port
        pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        raise ConfigurationError(
            "the store's URL is malformed: it is scheme://user:password@host:port/path?name=value"
        ) from None
    if parts.fragment:
        raise ConfigurationError("the store's URL holds a '#': write it as %23")
    options = dict(pairs)
    if len(options) != len(pairs):
        raise ConfigurationError("the store's URL gives an option twice")
    return StoreURL(
        scheme=parts.scheme.lower(),
        host=parts.hostname or "",
        port=port,
        user=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
        path=unquote(parts.path),
        options=options,
    )


Read = Callable[[str], Any]


def seconds(text: str) -> float:
    """A number of seconds greater than 0 and at most 3600."""
    value = float(text)
    if not 0 < value <= 3600:
        raise ValueError("more than 0 and at most 3600 seconds")
    return value


def count(least: int, most: int) -> Read:
    """A reader of whole numbers in these bounds."""

    def read(text: str) -> int:
        value = int(text)
        if not least <= value <= most:
            raise ValueError(f"{least} to {most}")
        return value

    return read


def flag(text: str) -> bool:
    """``true`` or ``false``."""
    found = {"true": True, "1": True, "false": False, "0": False}.get(text.lower())
    if found is None:
        raise ValueError("true or false")
    return found


def one_of(*words: str) -> Read:
    """A reader of one of these words."""

    def read(text: str) -> str:
        if text not in words:
            raise ValueError(", ".join(words))
        return text

    return read


def read_options(url: StoreURL, known: Mapping[str, Read]) -> dict[str, Any]:
    """The options of a URL by name, each through its reader, which raises ``ValueError``.

    Raises:
        ConfigurationError: an option is unknown, or its value cannot be.
    """
    values: dict[str, Any] = {}
    for name, text in url.options.items():
        read = known.get(name)
        if read is None:
            raise ConfigurationError(
                f"a {url.scheme}:// URL has no option {name!r}: it takes "
                f"{', '.join(sorted(known)) or 'none'}"
            )
        try:
            values[name] = read(text)
        except ValueError as error:
            raise ConfigurationError(
                f"the option {name} of a {url.scheme}:// URL cannot be that: {error}"
            ) from None
    return values
