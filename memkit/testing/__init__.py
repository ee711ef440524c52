"""What a backend's author proves a backend with, and stand-ins for what costs money.

Subclass :class:`BackendConformance` in a test module, say how a backend is made, and run
pytest::

    from memkit.testing import BackendConformance

    class TestMine(BackendConformance):
        backend_factory = "my_package:MyBackend"  # called with a pathlib.Path

pytest comes with the extra ``testing``. It is imported only when the suite is.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from memkit.errors import MissingDependency

if TYPE_CHECKING:
    from memkit.testing.conformance import BackendConformance

__all__ = ["BackendConformance"]


def __getattr__(name: str) -> Any:
    # Late, so that memkit.testing.embedders can be used without pytest.
    if name != "BackendConformance":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        import pytest
    except ModuleNotFoundError as error:
        raise MissingDependency(
            'BackendConformance needs pytest: pip install "agent-memkit[testing]"'
        ) from error
    # pytest warns of a module that was imported before it could be rewritten.
    pytest.register_assert_rewrite(
        *(
            f"{__name__}.{theme}"
            for theme in (
                "changes",
                "concurrency",
                "crowding",
                "durability",
                "events",
                "facts",
                "filtering",
                "isolation",
                "keys",
                "lexical",
                "messages",
                "opening",
                "ordering",
                "reembedding",
                "searching",
                "samples",
                "storage",
                "suite",
                "tokens",
                "upkeep",
                "writing",
            )
            if f"{__name__}.{theme}" not in sys.modules
        )
    )
    suite = import_module(f"{__name__}.conformance").BackendConformance
    globals()[name] = suite
    return suite
