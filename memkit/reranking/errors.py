"""The error of a reranker whose package is missing."""

from __future__ import annotations

from typing import ClassVar

from memkit.errors import MissingDependency, RerankerUnavailable


class RerankerNotInstalled(RerankerUnavailable, MissingDependency):
    """The reranker cannot be loaded because a package it needs is not installed."""

    code: ClassVar[str] = "missing_dependency"
