"""Reranks with any of FastEmbed's cross-encoders: ``fastembed:MODEL``."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from memkit.errors import ConfigurationError, RerankerError, RerankerUnavailable
from memkit.providers.onnxruntime import onnxruntime_failures, quieten_onnxruntime
from memkit.providers.requirements import installed, require
from memkit.providers.texts import sendable
from memkit.reranking.errors import RerankerNotInstalled
from memkit.reranking.relevance import finite_scores, sigmoid
from memkit.reranking.urls import RerankerUrl

#: The least of FastEmbed's cross-encoders: 80 MB, English, Apache-2.0, reads 512 tokens.
DEFAULT_MODEL: Final = "Xenova/ms-marco-MiniLM-L-6-v2"

_OPTIONS: Final = frozenset({"path", "cache", "threads"})

# Texts in one batch. FastEmbed pads a batch to its longest text.
_BATCH: Final = 8


class FastEmbedReranker:
    """A cross-encoder of FastEmbed's list, run by FastEmbed on this machine.

    To name this reranker is to allow FastEmbed to download its model, unless the model's
    folder is given or lies in FastEmbed's cache already. A relevance is the sigmoid of the
    model's logit. Of a query and a text that together are longer than the model reads, the
    longer one is cut off at its end.

    Args:
        model: a name of ``fastembed.rerank.cross_encoder.TextCrossEncoder
            .list_supported_models()``.
        path: a folder that holds the model's files, laid out as on its hub (for the default
            model ``onnx/model.onnx``, ``tokenizer.json``, ``tokenizer_config.json``);
            nothing is downloaded then. Whoever gives it vouches that it is this model.
        cache: FastEmbed's cache folder; by default the one FastEmbed uses.
        threads: how many threads share one call's work; by default FastEmbed decides.

    Raises:
        ConfigurationError: the folder is not there.

    It may be used from several threads at once.
    """

    def __init__(
        self,
        model: str = DEFAULT_MODEL,
        *,
        path: str | os.PathLike[str] | None = None,
        cache: str | os.PathLike[str] | None = None,
        threads: int | None = None,
    ) -> None:
        self.model = model.strip() or DEFAULT_MODEL
        self._path = None if path is None else Path(path).expanduser()
        if self._path is not None and not self._path.is_dir():
            raise ConfigurationError(f"fastembed: there is no folder {self._path}")
        self._cache = None if cache is None else str(Path(cache).expanduser())
        self._threads = threads
        self._lock = threading.Lock()
        self._loaded_model: Any = None

    def __repr__(self) -> str:
        return f"FastEmbedReranker({self.model!r})"

    @property
    def name(self) -> str:
        """Scheme and model."""
        return f"fastembed:{self.model}"

    def available(self) -> bool:
        """Whether FastEmbed is installed; the model may still have to be downloaded."""
        return installed("fastembed")

    def load(self) -> None:
        """Load the model, downloading it if need be.

        Raises:
            RerankerUnavailable: FastEmbed is not installed (then also
                :class:`~memkit.errors.MissingDependency`), does not know the model, or can
                neither find nor download it.
        """
        self._loaded()

    def rerank(self, query: str, texts: Sequence[str]) -> list[float]:
        """The sigmoid of each text's logit.

        Raises:
            RerankerUnavailable: as :meth:`load`.
            RerankerError: FastEmbed failed, or answered something else than numbers.
        """
        model = self._loaded()
        # Texts of like length share a batch, so that little of it is padding.
        order = sorted(range(len(texts)), key=lambda at: len(texts[at]))
        ordered = [sendable(texts[at]) for at in order]
        try:
            logits = list(model.rerank(sendable(query), ordered, batch_size=_BATCH))
        except _failures() as error:
            raise RerankerError(f"FastEmbed failed with {self.model}: {error}") from error
        found = finite_scores(logits, len(texts), "FastEmbed")
        relevance = [0.0] * len(texts)
        for at, logit in zip(order, found, strict=True):
            relevance[at] = sigmoid(logit)
        return relevance

    def close(self) -> None:
        """Let go of the model; the next call loads it again."""
        with self._lock:
            self._loaded_model = None

    def _loaded(self) -> Any:
        model = self._loaded_model
        if model is not None:
            return model
        with self._lock:
            if self._loaded_model is None:
                self._loaded_model = self._start()
            return self._loaded_model

    def _start(self) -> Any:
        name = type(self).__name__
        # Under this module's own name the package is another one.
        quieten_onnxruntime()
        require("fastembed", name, "fastembed", RerankerNotInstalled)
        package = require("fastembed.rerank.cross_encoder", name, "fastembed", RerankerNotInstalled)
        encoders = package.TextCrossEncoder
        known = [model["model"].lower() for model in encoders.list_supported_models()]
        if self.model.lower() not in known:
            raise RerankerUnavailable(
                f"FastEmbed has no cross-encoder {self.model}; fastembed.rerank.cross_encoder"
                ".TextCrossEncoder.list_supported_models() names those it has"
            )
        options = {} if self._path is None else {"specific_model_path": str(self._path)}
        try:
            return encoders(
                self.model, cache_dir=self._cache, threads=self._threads, cuda=False, **options
            )
        except _failures() as error:
            raise RerankerUnavailable(
                f"FastEmbed cannot load {self.model}: {error}. Without a network, name the "
                "folder that holds its files: ?path=/folder"
            ) from error


def from_url(url: str) -> FastEmbedReranker:
    """The reranker of ``fastembed:MODEL?path=/folder&cache=/folder&threads=2``.

    Without a model it is :data:`DEFAULT_MODEL`.

    Raises:
        ConfigurationError: an option is unknown, or there is no such folder.
    """
    parsed = RerankerUrl.parse(url, _OPTIONS)
    return FastEmbedReranker(
        parsed.target,
        path=parsed.options.get("path"),
        cache=parsed.options.get("cache"),
        threads=parsed.whole("threads"),
    )


def _failures() -> tuple[type[Exception], ...]:
    return (OSError, LookupError, TypeError, *onnxruntime_failures())
