"""From an embedder's URL to the embedder that it names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

from memkit.embedding.requirements import EmbedderNotInstalled
from memkit.errors import ConfigurationError
from memkit.protocols import Embedder
from memkit.providers.factories import NONE, factory_of
from memkit.providers.urls import ProviderUrl, masked

__all__ = ["DEFAULT", "ENTRY_POINTS", "NONE", "EmbedderUrl", "embedder_from_url", "masked"]

ENTRY_POINTS: Final = "memkit.embedders"
DEFAULT: Final = "local"

# Ours are entry points too. They are also listed here so that a checkout works, and so
# that another package cannot take their names.
_OURS: Final[Mapping[str, str]] = {
    "local": "memkit.embedding.local",
    "fastembed": "memkit.embedding.fastembed",
    "openai": "memkit.embedding.openai",
    "given": "memkit.embedding.given",
}


class EmbedderUrl(ProviderUrl):
    """An embedder URL's parts: ``scheme:target?option=value&…``."""

    __slots__ = ()

    noun: ClassVar[str] = "embedder"


def embedder_from_url(
    url: str | None = None, *, openai_api_key: str | None = None
) -> Embedder | None:
    """The embedder that a URL names; it is not loaded yet.

    Args:
        url: ``local`` (also if ``None``), ``local:/folder``, ``fastembed:MODEL?…``,
            ``openai:MODEL?base_url=…``, ``given:MODEL?dimensions=N``, a URL whose
            scheme is an entry point of the group ``memkit.embedders``, or ``none`` for recall
            by words alone.
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
    factory = factory_of(
        scheme,
        given,
        noun=EmbedderUrl.noun,
        group=ENTRY_POINTS,
        ours=_OURS,
        error=EmbedderNotInstalled,
    )
    embedder = factory(given)
    if not isinstance(embedder, Embedder):
        raise ConfigurationError(
            f"the entry point {scheme} of {ENTRY_POINTS} returned {type(embedder).__name__}, "
            "which is not an Embedder (fingerprint, load, embed, close)"
        )
    return embedder
