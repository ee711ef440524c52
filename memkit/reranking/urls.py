"""From a reranker's URL to the reranker that it names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

from memkit.errors import ConfigurationError
from memkit.protocols import Reranker
from memkit.providers.factories import NONE, factory_of
from memkit.providers.urls import ProviderUrl
from memkit.reranking.errors import RerankerNotInstalled

ENTRY_POINTS: Final = "memkit.rerankers"

#: Schemes whose rerankers send the query and the texts to a service.
REMOTE: Final = frozenset({"cohere", "jina", "voyage", "tei"})

# Ours are entry points too. They are also listed here so that a checkout works, and so
# that another package cannot take their names.
_OURS: Final[Mapping[str, str]] = {
    "fastembed": "memkit.reranking.fastembed",
    **dict.fromkeys(sorted(REMOTE), "memkit.reranking.http"),
}


class RerankerUrl(ProviderUrl):
    """A reranker URL's parts: ``scheme:target?option=value&…``."""

    __slots__ = ()

    noun: ClassVar[str] = "reranker"


def reranker_from_url(url: str | None, *, api_key: str | None = None) -> Reranker | None:
    """The reranker that a URL names; it is not loaded yet.

    Args:
        url: ``fastembed:MODEL?…``, ``cohere:MODEL?base_url=…``, ``jina:MODEL``,
            ``voyage:MODEL``, ``tei:?base_url=…``, or a URL whose scheme is an entry point of
            the group ``memkit.rerankers``: a callable that takes the URL.
        api_key: the key of a service's reranker, before any in the environment.

    Returns:
        the reranker; ``None`` for ``none``, and for ``None``: nothing is asked unless it is
        named.

    Raises:
        ConfigurationError: the URL is malformed or names no reranker that is installed.
        MissingDependency: the package of that reranker cannot be imported.
    """
    given = NONE if url is None else url.strip()
    scheme = RerankerUrl.parse(given).scheme
    if scheme == NONE:
        return None
    if scheme in REMOTE:
        from memkit.reranking import http

        return http.from_url(given, api_key=api_key)
    factory = factory_of(
        scheme,
        given,
        noun=RerankerUrl.noun,
        group=ENTRY_POINTS,
        ours=_OURS,
        error=RerankerNotInstalled,
    )
    reranker = factory(given)
    if not isinstance(reranker, Reranker):
        raise ConfigurationError(
            f"the entry point {scheme} of {ENTRY_POINTS} returned {type(reranker).__name__}, "
            "which is not a Reranker (name, available, load, rerank, close)"
        )
    return reranker
