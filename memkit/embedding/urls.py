"""Embedder URLs: read, masked for display, and turned into the embedder they name."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, unquote

from memkit.embedding.requirements import EmbedderNotInstalled
from memkit.errors import ConfigurationError
from memkit.protocols import Embedder

ENTRY_POINTS: Final = "memkit.embedders"
DEFAULT: Final = "local"
NONE: Final = "none"

# Ours are entry points too. They are also listed here so that a checkout works, and so
# that another package cannot take their names.
_OURS: Final[Mapping[str, str]] = {
    "local": "memkit.embedding.local",
    "fastembed": "memkit.embedding.fastembed",
    "openai": "memkit.embedding.openai",
}

_SECRET_OPTION = re.compile(
    r"(?i)((?:^|[?&;])[^=&?]*(?:key|token|secret|passw(?:or)?d|auth)[^=&?]*=)([^&]*)"
)
_NO_SECRET = re.compile(r"(?i)(?:_env|_tokens?|_file)=$")
_CREDENTIALS = re.compile(r"(?i)(//|%2f%2f)(?:(?!%2f|%40)[^/@\s?&])+(@|%40)")
_KEY = re.compile(r"\b(?:sk|pk|hf|gsk)[-_][A-Za-z0-9_-]{8,}")


@dataclass(frozen=True, slots=True)
class EmbedderUrl:
    """An embedder URL's parts: ``scheme:target?option=value&…``.

    Attributes:
        scheme: names the embedder: ``local``, ``fastembed``, ``openai`` or an entry point.
        target: what it embeds with: a model's name or a folder; empty if not given.
        options: the rest; each option may be given once.
    """

    scheme: str
    target: str = ""
    options: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, url: str, known: frozenset[str] | None = None) -> EmbedderUrl:
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
                f"embedder {masked(url)}: options are written ?name=value&name=value"
            ) from error
        options = dict(pairs)
        if len(options) != len(pairs):
            raise ConfigurationError(f"embedder {masked(url)}: an option is given twice")
        if known is not None and (unknown := sorted(set(options) - known)):
            raise ConfigurationError(
                f"embedder {scheme}: unknown option {', '.join(unknown)}; there are: "
                f"{', '.join(sorted(known))}"
            )
        return cls(scheme.lower(), unquote(target), options)

    def whole(self, option: str, least: int = 1) -> int | None:
        """An option that is a whole number of at least ``least``; ``None`` if not given."""
        value = self.options.get(option)
        if value is None:
            return None
        if not (value.isascii() and value.isdigit()) or int(value) < least:
            raise ConfigurationError(
                f"embedder {self.scheme}: {option} must be a whole number from {least}"
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
            raise ConfigurationError(f"embedder {self.scheme}: {option} must be a positive number")
        return number

    def switch(self, option: str) -> bool:
        """An option that is ``1`` or ``0``; false if not given."""
        value = self.options.get(option, "0").lower()
        if value not in {"0", "1", "true", "false"}:
            raise ConfigurationError(f"embedder {self.scheme}: {option} must be 1 or 0")
        return value in {"1", "true"}


def embedder_from_url(
    url: str | None = None, *, openai_api_key: str | None = None
) -> Embedder | None:
    """The embedder that a URL names; it is not loaded yet.

    Args:
        url: ``local`` (also if ``None``), ``local:/folder``, ``fastembed:MODEL?…``,
            ``openai:MODEL?base_url=…``, a URL whose scheme is an entry point of the group
            ``memkit.embedders``, or ``none`` for recall by words alone.
        openai_api_key: the key of an ``openai:`` embedder, before any in the environment.

    Returns:
        the embedder; ``None`` for ``none``.

    Raises:
        ConfigurationError: the URL is malformed or names no embedder that is installed.
        MissingDependency: the package of that embedder cannot be imported.
    """
    given = DEFAULT if url is None else url.strip()
    scheme = EmbedderUrl.parse(given).scheme
    if scheme == NONE:
        return None
    if scheme == "openai" and openai_api_key is not None:
        from memkit.embedding import openai

        return openai.from_url(given, api_key=openai_api_key)
    embedder = _factory(scheme, given)(given)
    if not isinstance(embedder, Embedder):
        raise ConfigurationError(
            f"the entry point {scheme} of {ENTRY_POINTS} returned {type(embedder).__name__}, "
            "which is not an Embedder (fingerprint, load, embed, close)"
        )
    return embedder


def masked(url: str) -> str:
    """The URL with keys, tokens and passwords replaced by ``***``, fit to be shown."""

    def hide(match: re.Match[str]) -> str:
        named = match[1]
        return match[0] if _NO_SECRET.search(named) else f"{named}***"

    return _KEY.sub("***", _SECRET_OPTION.sub(hide, _CREDENTIALS.sub(r"\1***\2", url)))


def _factory(scheme: str, url: str) -> Callable[[str], object]:
    if scheme in _OURS:
        ours: Callable[[str], object] = importlib.import_module(_OURS[scheme]).from_url
        return ours
    from importlib.metadata import entry_points

    found = entry_points(group=ENTRY_POINTS)
    if scheme not in found.names:
        there = ", ".join(sorted({*_OURS, *found.names, NONE}))
        raise ConfigurationError(f"there is no embedder for {masked(url)!r}; there are: {there}")
    point = found[scheme]
    try:
        factory = point.load()
    except (ImportError, AttributeError) as error:
        raise EmbedderNotInstalled(
            f"the embedder {scheme} ({point.value}) cannot be imported: {error}"
        ) from error
    if not callable(factory):
        raise ConfigurationError(f"the embedder {scheme} ({point.value}) is not callable")
    return factory  # type: ignore[no-any-return]
