"""The errors of a language model that are told apart inside this package."""

from __future__ import annotations

from typing import ClassVar

from memkit.errors import LanguageModelError, LanguageModelUnavailable, MissingDependency


class LanguageModelNotInstalled(LanguageModelUnavailable, MissingDependency):
    """The language model cannot be asked because a package it needs is not installed."""

    code: ClassVar[str] = "missing_dependency"


class RequestRefused(LanguageModelError):
    """The service does not take the request as it stands."""


class TooLong(LanguageModelError):
    """The prompt is too long for the model, or its answer for us."""
