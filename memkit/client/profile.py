"""The methods about what is known of a user or a project, on a server."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from memkit.client import answers
from memkit.client.asker import Asker
from memkit.profiles.adding import section_named
from memkit.profiles.making import CHARS, CHARS_MAX, ENTRIES, ENTRIES_MAX
from memkit.profiles.shape import Entry, Profile
from memkit.types import MemoryRecord, Remembered
from memkit.validation import (
    check_count,
    check_flag,
    check_id,
    check_optional_text,
    check_text,
)


class ProfileCalls(Asker):
    """:class:`~memkit.methods.profile.ProfileMethods` on a server."""

    async def profile(
        self, *, subject: str | None = None, limit: int = ENTRIES, max_chars: int = CHARS
    ) -> Profile:
        """As AsyncMemory's."""
        given: dict[str, Any] = {
            "limit": check_count(limit, "limit", 1, ENTRIES_MAX),
            "max_chars": check_count(max_chars, "max_chars", 1, CHARS_MAX),
        }
        if check_optional_text(subject, "subject", 2**62) is not None:
            given["subject"] = subject
        return await self._ask("profile", profile_of, given)

    async def add_to_profile(
        self,
        text: str,
        *,
        section: str = "preferences",
        pinned: bool = True,
        private: bool = False,
    ) -> Remembered:
        """As AsyncMemory's."""
        given = {
            "text": check_text(text, "text", 2**62),
            "section": section_named(section).value,
            "pinned": check_flag(pinned, "pinned"),
            "private": check_flag(private, "private"),
        }
        return await self._ask("add_to_profile", answers.remembered_of, given)

    async def remove_from_profile(self, id: str) -> MemoryRecord:
        """As AsyncMemory's."""
        return await self._ask("remove_from_profile", answers.record_of, {"id": check_id(id)})


def profile_of(told: Any) -> Profile:
    """A profile as a server tells it."""
    return Profile(
        _entries(told["constraints"]),
        _entries(told["preferences"]),
        _entries(told["decisions"]),
        {predicate: _entries(held) for predicate, held in told["facts"].items()},
        _entries(told["notes"]),
        told["text"],
        told["left_out"],
    )


def _entries(told: Any) -> tuple[Entry, ...]:
    return tuple(Entry(**{**each, "since": datetime.fromisoformat(each["since"])}) for each in told)
