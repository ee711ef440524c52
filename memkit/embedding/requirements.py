"""Optional packages of the embedders: whether they are there, and what to say if not."""

from __future__ import annotations

from types import ModuleType
from typing import ClassVar

from memkit.errors import EmbedderUnavailable, MissingDependency
from memkit.providers import requirements
from memkit.providers.requirements import install_hint, installed

__all__ = ["EmbedderNotInstalled", "installed", "not_installed", "require"]


class EmbedderNotInstalled(EmbedderUnavailable, MissingDependency):
    """The embedder cannot be loaded because a package it needs is not installed.

    It is both errors, so that whoever falls back on words alone when an embedder is
    unavailable does so here too.
    """

    code: ClassVar[str] = "missing_dependency"


def require(module: str, needed_by: str, extra: str) -> ModuleType:
    """Import a package that an embedder needs.

    Args:
        module: the module to import.
        needed_by: the class that needs it, for the message.
        extra: the extra of ``agent-memkit`` that brings it.

    Raises:
        EmbedderNotInstalled: it is not installed, or not usable; the message holds the
            install command.
    """
    return requirements.require(module, needed_by, extra, EmbedderNotInstalled)


def not_installed(package: str, needed_by: str, extra: str) -> EmbedderNotInstalled:
    """The error that says which extra brings ``package``."""
    return EmbedderNotInstalled(install_hint(package, needed_by, extra))
