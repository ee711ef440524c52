"""Importing CrewAI: late, and without the warnings that its own import gives."""

from __future__ import annotations

import warnings

from memkit.providers.requirements import require


def load(needed_by: str) -> None:
    """Import CrewAI, whose packages replace their own submodules and are warned for it.

    Raises:
        MissingDependency: it is not installed.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        require("crewai", needed_by, "crewai")
        require("crewai.memory.unified_memory", needed_by, "crewai")
