"""Optional packages: whether they are there, and what to say if not."""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from types import ModuleType

from memkit.errors import MissingDependency


def installed(*modules: str) -> bool:
    """Whether all these top-level modules can be found; none of them is imported."""
    return all(find_spec(module) is not None for module in modules)


def require(
    module: str, needed_by: str, extra: str, error: type[MissingDependency] = MissingDependency
) -> ModuleType:
    """Import an optional package.

    Args:
        module: the module to import.
        needed_by: the class that needs it, for the message.
        extra: the extra of ``agent-memkit`` that brings it.
        error: what to raise.

    Raises:
        MissingDependency: as ``error`` says; it is not installed, or not usable; the message
            holds the install command.
    """
    try:
        return importlib.import_module(module)
    except ImportError as cause:
        raise error(install_hint(module, needed_by, extra)) from cause


def install_hint(package: str, needed_by: str, extra: str) -> str:
    """The message that says which extra brings ``package``."""
    return f'{needed_by} needs {package}: pip install "agent-memkit[{extra}]"'
