"""Extraction as memories are stored, where the settings want it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from memkit.engine import Engine
    from memkit.scope import Scope
    from memkit.types import Remembered


async def extract_stored(engine: Engine, scope: Scope, outcomes: Sequence[Remembered]) -> None:
    """Extract from what was just stored, as the settings say; it never fails what was stored."""
    if engine.settings.extraction != "off":
        # The rules and their tables wait until they are wanted.
        from memkit.extraction.queueing import take

        await take(engine, scope, outcomes)
