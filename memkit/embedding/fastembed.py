"""Embeds with any of FastEmbed's models: ``fastembed:MODEL``."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from memkit.embedding.pooling import checked_rows, halves, pool_parts
from memkit.embedding.requirements import installed, require
from memkit.embedding.urls import EmbedderUrl
from memkit.errors import ConfigurationError, EmbedderError, EmbedderUnavailable
from memkit.protocols import Fingerprint, Role
from memkit.providers.onnxruntime import onnxruntime_failures, quieten_onnxruntime
from memkit.providers.texts import sendable

if TYPE_CHECKING:
    from memkit.protocols import Vector

_OPTIONS: Final = frozenset({"path", "cache", "threads"})

# Texts in one batch. FastEmbed pads a batch to its longest text, and its own default of
# 256 takes memory in proportion.
_BATCH: Final = 8

# Where a model does not say how many tokens it reads: few enough for any.
_MOST_CHARACTERS: Final = 1000


class FastEmbedEmbedder:
    """A model of FastEmbed's list, run by FastEmbed.

    To name a model is to allow FastEmbed to download it, unless its folder is given or it
    lies in FastEmbed's cache already. A text of more tokens than the model reads is cut
    into parts, and their vectors are averaged by length.

    Args:
        model: a name of ``fastembed.TextEmbedding.list_supported_models()``.
        path: a folder that holds the model's files; nothing is downloaded then. Whoever
            gives it vouches that it is this model.
        cache: FastEmbed's cache folder; by default the one FastEmbed uses.
        threads: how many threads share one call's work; by default FastEmbed decides.

    Raises:
        ConfigurationError: the model has no name, or the folder is not there.

    It may be used from several threads at once.
    """

    roles_differ: Final = True

    def __init__(
        self,
        model: str,
        *,
        path: str | os.PathLike[str] | None = None,
        cache: str | os.PathLike[str] | None = None,
        threads: int | None = None,
    ) -> None:
        if not model.strip():
            raise ConfigurationError(
                "fastembed: name a model, as in fastembed:BAAI/bge-small-en-v1.5"
            )
        self.model = model
        self._path = None if path is None else Path(path).expanduser()
        if self._path is not None and not self._path.is_dir():
            raise ConfigurationError(f"fastembed: there is no folder {self._path}")
        self._cache = None if cache is None else str(Path(cache).expanduser())
        self._threads = threads
        self._lock = threading.Lock()
        self._loaded_model: Any = None
        # FastEmbed knows each model's dimension, but importing it takes most of a second.
        self._dimension: int | None = None

    def __repr__(self) -> str:
        return f"FastEmbedEmbedder({self.model!r})"

    @property
    def fingerprint(self) -> Fingerprint:
        """The model's name; its dimension once it is loaded."""
        return Fingerprint(f"fastembed:{self.model}", self._dimension)

    def available(self) -> bool:
        """Whether FastEmbed is installed; the model may still have to be downloaded."""
        return installed("fastembed")

    def load(self) -> None:
        """Load the model, downloading it if need be.

        Raises:
            EmbedderUnavailable: FastEmbed is not installed (then also
                :class:`~memkit.errors.MissingDependency`), does not know the model, or can
                neither find nor download it.
        """
        self._loaded()

    def embed(self, texts: Sequence[str], role: Role = "document") -> Vector:
        """Embed texts, with what the model puts before a query or a passage.

        Returns:
            float32 array of shape ``(len(texts), dimension)``, rows of length 1.

        Raises:
            EmbedderUnavailable: as :meth:`load`.
            EmbedderError: FastEmbed failed, or answered something else.
        """
        model = self._loaded()
        if not texts:
            return np.empty((0, self._dimension or 0), dtype=np.float32)
        parts: list[str] = []
        owners: list[int] = []
        for row, text in enumerate(texts):
            for part in _parts(model, sendable(text)):
                parts.append(part)
                owners.append(row)
        order = sorted(range(len(parts)), key=lambda at: len(parts[at]))
        ask = model.query_embed if role == "query" else model.passage_embed
        try:
            rows = list(ask([parts[at] for at in order], batch_size=_BATCH))
        except _failures() as error:
            raise EmbedderError(f"FastEmbed failed with {self.model}: {error}") from error
        return pool_parts(
            checked_rows(rows, len(parts), self._dimension, "FastEmbed"),
            [owners[at] for at in order],
            [len(parts[at]) for at in order],
            len(texts),
        )

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
                # Under this module's own name the package is another one.
                quieten_onnxruntime()
                fastembed = require("fastembed", type(self).__name__, "fastembed")
                self._loaded_model = self._start(fastembed)
            return self._loaded_model

    def _start(self, fastembed: Any) -> Any:
        options: dict[str, Any] = {}
        if self._path is not None:
            options["specific_model_path"] = str(self._path)
        try:
            self._dimension = int(fastembed.TextEmbedding.get_embedding_size(self.model))
        except ValueError as error:
            raise EmbedderUnavailable(
                f"FastEmbed has no model {self.model}; "
                "fastembed.TextEmbedding.list_supported_models() names those it has"
            ) from error
        try:
            return fastembed.TextEmbedding(
                self.model, cache_dir=self._cache, threads=self._threads, cuda=False, **options
            )
        except _failures() as error:
            raise EmbedderUnavailable(
                f"FastEmbed cannot load {self.model}: {error}. Without a network, name the "
                "folder that holds its files: ?path=/folder"
            ) from error


def from_url(url: str) -> FastEmbedEmbedder:
    """The embedder of ``fastembed:MODEL?path=/folder&cache=/folder&threads=2``.

    Raises:
        ConfigurationError: an option is unknown, or there is no such folder.
    """
    parsed = EmbedderUrl.parse(url, _OPTIONS)
    return FastEmbedEmbedder(
        parsed.target,
        path=parsed.options.get("path"),
        cache=parsed.options.get("cache"),
        threads=parsed.whole("threads"),
    )


def _parts(model: Any, text: str) -> list[str]:
    """The text, halved until the model reads each part whole."""
    # The tokenizer is not in FastEmbed's interface: a model without one is given so little
    # at a time that it cannot be too much.
    tokenizer = getattr(model.model, "tokenizer", None)
    if tokenizer is None or tokenizer.truncation is None:
        fits = len(text) <= _MOST_CHARACTERS
    else:
        fits = not tokenizer.encode(text).overflowing
    if fits or len(text) < 2:
        return [text]
    first, second = halves(text)
    return [*_parts(model, first), *_parts(model, second)]


def _failures() -> tuple[type[Exception], ...]:
    return (OSError, KeyError, TypeError, *onnxruntime_failures())
