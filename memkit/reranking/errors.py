"""The rerankers' errors."""

from __future__ import annotations

from typing import ClassVar

from memkit.errors import MemkitError, MissingDependency


class RerankerError(MemkitError):
    """Reranking failed; the fused order stands."""

    code: ClassVar[str] = "reranker"


class RerankerUnavailable(RerankerError):
    """The reranker cannot be loaded or its service does not answer."""

    code: ClassVar[str] = "reranker_unavailable"


class RerankerNotInstalled(RerankerUnavailable, MissingDependency):
    """The reranker cannot be loaded because a package it needs is not installed."""

    code: ClassVar[str] = "missing_dependency"
