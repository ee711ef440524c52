"""Optional packages of the embedders: whether they are there, and what to say if not."""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from types import ModuleType
from typing import ClassVar

from memkit.errors import EmbedderUnavailable, MissingDependency


class EmbedderNotInstalled(EmbedderUnavailable, MissingDependency):
    """The embedder cannot be loaded because a package it needs is not installed.

    It is both errors, so that whoever falls back on words alone when an embedder is
    unavailable does so here too.
    """

    code: ClassVar[str] = "missing_dependency"


def installed(*modules: str) -> bool:
    """Whether all these top-level modules can be found; none of them is imported."""
    return all(find_spec(module) is not None for module in modules)


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
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise not_installed(module, needed_by, extra) from error


def not_installed(package: str, needed_by: str, extra: str) -> EmbedderNotInstalled:
    """The error that says which extra brings ``package``."""
    return EmbedderNotInstalled(f'{needed_by} needs {package}: pip install "agent-memkit[{extra}]"')
