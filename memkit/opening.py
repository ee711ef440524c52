"""Opening: from settings to an engine on an open store with its embedder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memkit.engine import Engine
from memkit.naming import finder_of
from memkit.protocols import Embedder, StoreSpec
from memkit.registry import backend_from_url
from memkit.vectorizer import GIVEN, NO_EMBEDDER, WORDS_ONLY, Vectorizer

if TYPE_CHECKING:
    from memkit.config import Settings
    from memkit.protocols import LanguageModel
    from memkit.reranking.runner import RerankRunner


async def open_engine(
    settings: Settings,
    embedder: Embedder | None = None,
    *,
    migrating: bool = False,
    read_only: bool = False,
) -> Engine:
    """An engine on the store that the settings name.

    The embedder starts loading in the background.

    Args:
        settings: where the store is and what embeds.
        embedder: one that is made already; it goes before ``settings.embedder``.
        migrating: open in spite of another embedder's vectors, to replace them.
        read_only: refuse every write.

    Raises:
        ConfigurationError: a URL names nothing that is installed.
        StoreError: the store cannot be opened; its kinds say why.
    """
    from memkit.retrieval.analysis import ANALYZER

    vectorizer = _vectorizer(settings, embedder)
    reranker = _reranker(settings)
    language_model = _language_model(settings)
    finder = finder_of(settings.entities)
    backend = backend_from_url(settings.url)
    spec = StoreSpec(vectorizer.fingerprint, ANALYZER, migrating=migrating, read_only=read_only)
    try:
        info = await backend.open(spec)
    except BaseException:
        await vectorizer.close()
        raise
    vectorizer.warm_up()
    if reranker is not None:
        reranker.warm_up()
    return Engine(backend, vectorizer, settings, info, reranker, language_model, finder)


def _language_model(settings: Settings) -> LanguageModel | None:
    if settings.language_model is None:
        return None
    from memkit.language import language_model_from_url

    key = settings.language_model_api_key
    return language_model_from_url(
        settings.language_model,
        api_key=None if key is None else key.get_secret_value(),
        timeout=settings.language_model_timeout_seconds,
    )


def _reranker(settings: Settings) -> RerankRunner | None:
    if settings.reranker is None:
        return None
    from memkit.reranking import reranker_from_url
    from memkit.reranking.runner import RerankRunner

    key = settings.reranker_api_key
    made = reranker_from_url(
        settings.reranker, api_key=None if key is None else key.get_secret_value()
    )
    if made is None:
        return None
    return RerankRunner(made, settings.rerank_deadline_seconds, settings.rerank_candidates)


def _vectorizer(settings: Settings, embedder: Embedder | None) -> Vectorizer:
    from memkit.embedding.cache import CachedEmbedder
    from memkit.embedding.given import GivenVectors
    from memkit.embedding.urls import embedder_from_url

    if embedder is None:
        key = settings.openai_api_key
        embedder = embedder_from_url(
            settings.embedder,
            openai_api_key=None if key is None else key.get_secret_value(),
        )
        if embedder is None:
            return Vectorizer(None, why_none=WORDS_ONLY)
        if settings.embedder is None and not CachedEmbedder(embedder).available():
            # Nobody asked for it and it is not installed: words alone are no error.
            return Vectorizer(None, why_none=NO_EMBEDDER)
    if isinstance(embedder, GivenVectors):
        return Vectorizer(None, why_none=GIVEN, given=embedder)
    return Vectorizer(CachedEmbedder(embedder, settings.embedding_cache_size))
