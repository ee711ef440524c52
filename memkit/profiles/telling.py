"""A profile as a short text for a prompt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from memkit.profiles.shape import Entry, Section
from memkit.rendering import CONSTRAINTS, listed

_HEADINGS: Final[Mapping[Section, str]] = {
    Section.CONSTRAINTS: CONSTRAINTS,
    Section.PREFERENCES: "Preferences:",
    Section.DECISIONS: "Decisions:",
    Section.FACTS: "Facts:",
    Section.NOTES: "Notes:",
}


def told(entries: Mapping[Section, Sequence[Entry]], max_chars: int) -> tuple[str, int]:
    """The text, and how many entries it has no room for.

    Constraints come first, but leave half of it to the rest; then comes what is pinned, then the
    surest and newest of all sections.
    """
    ranked = [
        ((at, place), entry)
        for at, section in enumerate(_HEADINGS)
        for place, entry in enumerate(entries[section])
    ]
    ranked.sort(key=lambda each: _urgency(each[1]))
    return listed(
        [(heading, [entry.text for entry in entries[at]]) for at, heading in _HEADINGS.items()],
        [which for which, _ in ranked],
        max_chars=max_chars,
    )


def _urgency(entry: Entry) -> tuple[object, ...]:
    return not entry.pinned, -entry.confidence, -entry.since.timestamp(), entry.id
