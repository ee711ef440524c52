"""Providers' URLs: read, and masked for display."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final, Self
from urllib.parse import parse_qsl, unquote

from memkit.errors import ConfigurationError

_SECRET_OPTION: Final = re.compile(
    r"(?i)((?:^|[?&;])[^=&?]*(?:key|token|secret|passw(?:or)?d|auth)[^=&?]*=)([^&]*)"
)
_NO_SECRET: Final = re.compile(r"(?i)(?:_env|_tokens?|_file)=$")
_CREDENTIALS: Final = re.compile(r"(?i)(//|%2f%2f)(?:(?!%2f|%40)[^/@\s?&])+(@|%40)")
_KEY: Final = re.compile(r"\b(?:sk|pk|hf|gsk)[-_][A-Za-z0-9_-]{8,}")
_KEY_OPTIONS: Final = frozenset({"api_key", "apikey", "key", "token"})


@dataclass(frozen=True, slots=True)
class ProviderUrl:
    """A provider URL's parts: ``scheme:target?option=value&…``.

    Attributes:
        scheme: names the provider: ``local``, ``fastembed``, ``openai`` or an entry point.
        target: what it works with: a model's name or a folder; empty if not given.
        options: the rest; each option may be given once.
    """

    #: What the URL names, for messages.
    noun: ClassVar[str] = "provider"

    scheme: str
    target: str = ""
    options: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, url: str, known: frozenset[str] | None = None) -> Self:
        """Read a URL.

        Args:
            url: the URL; ``%`` escapes are decoded.
            known: the options that are accepted; ``None`` accepts any.

        Raises:
            ConfigurationError: it is malformed or has an option that is not ``known``.
        """
        head, _, query = url.strip().partition("?")
        scheme, _, target = head.partition(":")
        try:
            pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
        except ValueError as error:
            raise ConfigurationError(
                f"{cls.noun} {masked(url)}: options are written ?name=value&name=value"
            ) from error
        options = dict(pairs)
        if len(options) != len(pairs):
            raise ConfigurationError(f"{cls.noun} {masked(url)}: an option is given twice")
        if known is not None and (unknown := sorted(set(options) - known)):
            raise ConfigurationError(
                f"{cls.noun} {scheme}: unknown option {', '.join(unknown)}; there are: "
                f"{', '.join(sorted(known))}"
            )
        return cls(scheme.lower(), unquote(target), options)

    @classmethod
    def of_service(cls, url: str, known: frozenset[str]) -> Self:
        """Read a service's URL, which may not hold a key: it ends in files and logs.

        Raises:
            ConfigurationError: as :meth:`parse`, or it holds a key.
        """
        anything = cls.parse(url)
        if {option.lower() for option in anything.options} & _KEY_OPTIONS:
            raise ConfigurationError(
                f"{anything.scheme}: a key does not belong in the URL; put it into an "
                "environment variable and name that: api_key_env=MY_KEY"
            )
        return cls.parse(url, known)

    def whole(self, option: str, least: int = 1) -> int | None:
        """An option that is a whole number of at least ``least``; ``None`` if not given."""
        value = self.options.get(option)
        if value is None:
            return None
        if not (value.isascii() and value.isdigit()) or int(value) < least:
            raise ConfigurationError(
                f"{self.noun} {self.scheme}: {option} must be a whole number from {least}"
            )
        return int(value)

    def number(self, option: str) -> float | None:
        """An option that is a positive number; ``None`` if not given."""
        value = self.options.get(option)
        if value is None:
            return None
        try:
            number = float(value)
        except ValueError:
            number = 0.0
        if not 0.0 < number < float("inf"):
            raise ConfigurationError(
                f"{self.noun} {self.scheme}: {option} must be a positive number"
            )
        return number

    def switch(self, option: str) -> bool:
        """An option that is ``1`` or ``0``; false if not given."""
        value = self.options.get(option, "0").lower()
        if value not in {"0", "1", "true", "false"}:
            raise ConfigurationError(f"{self.noun} {self.scheme}: {option} must be 1 or 0")
        return value in {"1", "true"}


def masked(url: str) -> str:
    """The URL with keys, tokens and passwords replaced by ``***``, fit to be shown."""

    def hide(match: re.Match[str]) -> str:
        named = match[1]
        return match[0] if _NO_SECRET.search(named) else f"{named}***"

    return _KEY.sub("***", _SECRET_OPTION.sub(hide, _CREDENTIALS.sub(r"\1***\2", url)))
