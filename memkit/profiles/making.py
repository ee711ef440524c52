"""Making a profile out of what is kept of a scope."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from memkit.facts.deriving import begins
from memkit.profiles.constraints import constraints
from memkit.profiles.reading import held, holding, newest
from memkit.profiles.shape import KINDS, Entry, Profile, Section, entry_of, section_of
from memkit.profiles.telling import told
from memkit.scope import Scope
from memkit.types import MemoryRecord

if TYPE_CHECKING:
    from memkit.engine import Engine

#: Entries of each section, and characters of the text: where nothing else is said, and at most.
ENTRIES: Final = 20
ENTRIES_MAX: Final = 100
CHARS: Final = 1_200
CHARS_MAX: Final = 100_000
_SAME = 0.8
_WORD = re.compile(r"\w+")


async def profile(
    engine: Engine, scope: Scope, *, subject: str | None, limit: int, max_chars: int
) -> Profile:
    """What is known in a scope; see ``AsyncMemory.profile``."""
    engine.require_open()
    records = {
        record.id: record
        for found in (
            await constraints(engine, scope, limit),
            await newest(engine, scope, Section.PREFERENCES),
            await newest(engine, scope, Section.DECISIONS),
            await held(engine, scope),
            await holding(engine, scope, subject),
        )
        for record in found
    }
    chosen: dict[Section, list[MemoryRecord]] = {section: [] for section in Section}
    seen = _Seen()
    for record in sorted(records.values(), key=_urgency):
        section = chosen[section_of(record)]
        if len(section) < limit and seen.is_new(record.content):
            section.append(record)
    return _made({section: [*map(entry_of, chosen[section])] for section in Section}, max_chars)


def _made(entries: Mapping[Section, Sequence[Entry]], max_chars: int) -> Profile:
    by_predicate: dict[str, list[Entry]] = {}
    for entry in entries[Section.FACTS]:
        by_predicate.setdefault(entry.predicate or "", []).append(entry)
    text, left = told(entries, max_chars)
    return Profile(
        tuple(entries[Section.CONSTRAINTS]),
        tuple(entries[Section.PREFERENCES]),
        tuple(entries[Section.DECISIONS]),
        {predicate: tuple(held) for predicate, held in by_predicate.items()},
        tuple(entries[Section.NOTES]),
        text,
        left,
    )


def _urgency(record: MemoryRecord) -> tuple[object, ...]:
    """What comes first: constraints, what is pinned, the surest, the newest."""
    return (
        record.kind != KINDS[Section.CONSTRAINTS],
        not record.pinned,
        -record.confidence,
        -begins(record).timestamp(),
        record.id,
    )


class _Seen:
    """The texts that stand already: what says the same in the same words is no news."""

    def __init__(self) -> None:
        self._texts: list[tuple[frozenset[str], str]] = []

    def is_new(self, text: str) -> bool:
        """Whether nothing that stands says this; from now on it stands."""
        words = frozenset(_WORD.findall(text.casefold()))
        for other, said in self._texts:
            if _alike(words, other) and (text == said or _agree(text, said)):
                return False
        self._texts.append((words, text))
        return True


def _agree(one: str, other: str) -> bool:
    # It loads numpy, and is seldom asked.
    from memkit.retrieval.near import agrees

    return agrees(one, other)


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    if len(one) < _SAME * len(other) or len(other) < _SAME * len(one):
        return False
    shared = len(one & other)
    return shared >= _SAME * (len(one) + len(other) - shared)
