"""The methods about what is known of a user or a project."""

from __future__ import annotations

from memkit.methods.bound import Bound, Face, documented_by
from memkit.profiles import adding
from memkit.profiles.making import CHARS, CHARS_MAX, ENTRIES, ENTRIES_MAX, profile
from memkit.profiles.shape import Profile
from memkit.types import MemoryRecord, Remembered
from memkit.validation import check_count, check_flag, check_id, check_optional_text


class ProfileMethods(Bound):
    """What a handle does about what is known of a user or a project."""

    async def profile(
        self, *, subject: str | None = None, limit: int = ENTRIES, max_chars: int = CHARS
    ) -> Profile:
        """What is known in this scope and those above: of a user, or of a project.

        It is put together from constraints, preferences, decisions, facts that hold, what is
        pinned and what was added by hand. No model is asked, and nothing is searched for: of each
        kind the newest are looked at, and of what is pinned or added by hand the older too.

        Args:
            subject: only facts about this one, by the name that is given or another that the
                predicate ``also_known_as`` joins to it; whatever else is known stays.
            limit: at most so many entries in each section, 1 to 100.
            max_chars: the longest that the text may be, 1 to 100,000.

        Returns:
            the entries by section, and a short text for a prompt.

        Raises:
            InvalidInput: an argument cannot be accepted.
        """
        return await profile(
            self._engine,
            self._scope,
            subject=check_optional_text(subject, "subject", 2**62),
            limit=check_count(limit, "limit", 1, ENTRIES_MAX),
            max_chars=check_count(max_chars, "max_chars", 1, CHARS_MAX),
        )

    async def add_to_profile(
        self,
        text: str,
        *,
        section: str = "preferences",
        pinned: bool = True,
        private: bool = False,
    ) -> Remembered:
        """Add something to the profile by hand.

        It is stored as any memory is, with the kind of its section and the tag ``profile``. What
        is stored already is not stored again.

        Args:
            text: what is known.
            section: ``constraints``, ``preferences``, ``decisions``, ``facts`` or ``notes``.
            pinned: whether it is held up in the profile and in recall.
            private: for this handle's agent alone.

        Returns:
            what happened, as for ``remember``.

        Raises:
            InvalidInput: an argument cannot be accepted; nothing was written.
        """
        return await adding.add(
            self._engine,
            self._scope,
            text,
            adding.section_named(section),
            pinned=check_flag(pinned, "pinned"),
            private=check_flag(private, "private"),
        )

    async def remove_from_profile(self, id: str) -> MemoryRecord:
        """Take an entry out of the profile: its record is forgotten, until ``restore``.

        Raises:
            RecordNotFound: this scope shows no such record.
        """
        return await adding.remove(self._engine, self._scope, check_id(id))


class ProfileFace(Face):
    """:class:`ProfileMethods`, synchronous: one line a method."""

    @documented_by(ProfileMethods)
    def profile(
        self, *, subject: str | None = None, limit: int = ENTRIES, max_chars: int = CHARS
    ) -> Profile:
        return self._run(self._memory.profile(subject=subject, limit=limit, max_chars=max_chars))

    @documented_by(ProfileMethods)
    def add_to_profile(
        self,
        text: str,
        *,
        section: str = "preferences",
        pinned: bool = True,
        private: bool = False,
    ) -> Remembered:
        return self._run(
            self._memory.add_to_profile(text, section=section, pinned=pinned, private=private)
        )

    @documented_by(ProfileMethods)
    def remove_from_profile(self, id: str) -> MemoryRecord:
        return self._run(self._memory.remove_from_profile(id))
