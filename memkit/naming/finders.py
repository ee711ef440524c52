"""Finders of names: what a configured model must do, and where it is looked for."""

from __future__ import annotations

import asyncio
import logging
import unicodedata
from collections.abc import Sequence
from typing import Final, Protocol, runtime_checkable

from memkit.errors import ConfigurationError, MissingDependency
from memkit.naming.stamping import distinct
from memkit.providers.factories import factory_of

_log = logging.getLogger("memkit")

#: The group of entry points: each is a callable that takes the setting and gives a finder.
ENTRY_POINTS: Final = "memkit.entities"
#: Settings that need no finder: memkit's own rules, and nothing at all.
RULES: Final = "rules"
OFF: Final = "off"


@runtime_checkable
class Finder(Protocol):
    """Finds the names in texts, better and slower than the rules. Called from worker threads."""

    def find(self, texts: Sequence[str]) -> list[tuple[str, ...]]:
        """The names in each text, in the order of the texts.

        Whatever it raises, the rules find the names instead: a record is never lost for it.
        """
        ...


def finder_of(setting: str) -> Finder | None:
    """The finder that the setting ``entities`` names; ``None`` for ``rules`` and ``off``.

    Args:
        setting: ``rules``, ``off``, or the name of an entry point in the group
            ``memkit.entities``, which may go on after a colon: ``spacy:MODEL``. The entry point
            is called with the whole of it.

    Raises:
        ConfigurationError: nothing of that name is installed, or it makes no finder.
        MissingDependency: it cannot be imported.
    """
    name = setting.partition(":")[0]
    if setting in (RULES, OFF):
        return None
    factory = factory_of(
        name, setting, noun="finder of names", group=ENTRY_POINTS, ours={}, error=MissingDependency
    )
    made = factory(setting)
    if not isinstance(made, Finder):
        raise ConfigurationError(f"the finder of names {name} has no method find(texts)")
    return made


async def found_by(finder: Finder, texts: Sequence[str]) -> list[tuple[str, ...]] | None:
    """What a finder finds in texts; ``None`` if it fails, which costs nothing but its names."""
    task = asyncio.ensure_future(asyncio.to_thread(finder.find, texts))
    try:
        await asyncio.wait({task})
    except asyncio.CancelledError:
        task.cancel()
        raise
    error = task.exception()
    if error is not None:
        # Only its kind: a message may quote what was stored.
        _log.warning("the finder of names failed (%s): rules find them", type(error).__name__)
        return None
    found = [_checked(names) for names in task.result()]
    if len(found) != len(texts):
        _log.warning("the finder of names answered for another number of texts: rules find them")
        return None
    return found


def _checked(names: object) -> tuple[str, ...]:
    if not isinstance(names, list | tuple):
        return ()
    told = (name for name in names if isinstance(name, str))
    flat = (" ".join(unicodedata.normalize("NFC", name).split()) for name in told)
    return distinct(name for name in flat if name.isprintable())
