"""The operations about what is known of a user or a project."""

from __future__ import annotations

from typing import Final, Literal, cast

from pydantic import Field
from typing_extensions import TypedDict

from memkit.profiles.making import CHARS, CHARS_MAX, ENTRIES, ENTRIES_MAX
from memkit.profiles.shape import TAG, Entry, Profile
from memkit.service.calling import Call
from memkit.service.inputs import ById
from memkit.service.operation import Effect, Input, Operation, Permission, row
from memkit.service.outputs import (
    RecordJson,
    RememberedJson,
    record_json,
    remembered_json,
)

SectionName = Literal["constraints", "preferences", "decisions", "facts", "notes"]


class AskedProfile(Input):
    """Of whom, and how much."""

    subject: str | None = Field(None, description="facts about this one alone")
    limit: int = Field(ENTRIES, ge=1, le=ENTRIES_MAX, description="at most so many of each section")
    max_chars: int = Field(CHARS, ge=1, le=CHARS_MAX, description="the longest the text may be")


class AddToProfile(Input):
    """What is known."""

    text: str = Field(description="what is known")
    section: SectionName = Field("preferences", description="where it belongs")
    pinned: bool = Field(True, description="held up in the profile and in recall")
    private: bool = Field(False, description="for its agent alone")


class EntryJson(TypedDict):
    """What one record says."""

    id: str
    text: str
    confidence: float
    since: str
    pinned: bool
    manual: bool
    subject: str | None
    predicate: str | None
    object: str | None


class ProfileJson(TypedDict):
    """What is known: sections of entries, facts by predicate, and a short text for a prompt."""

    text: str
    left_out: int
    constraints: list[EntryJson]
    preferences: list[EntryJson]
    decisions: list[EntryJson]
    facts: dict[str, list[EntryJson]]
    notes: list[EntryJson]


def entry_json(entry: Entry) -> EntryJson:
    """An entry as JSON."""
    told = {name: getattr(entry, name) for name in EntryJson.__annotations__}
    return cast(EntryJson, {**told, "since": entry.since.isoformat()})


def profile_json(profile: Profile) -> ProfileJson:
    """A profile as JSON."""
    return {
        "text": profile.text,
        "left_out": profile.left_out,
        "constraints": [entry_json(entry) for entry in profile.constraints],
        "preferences": [entry_json(entry) for entry in profile.preferences],
        "decisions": [entry_json(entry) for entry in profile.decisions],
        "facts": {
            predicate: [entry_json(entry) for entry in held]
            for predicate, held in profile.facts.items()
        },
        "notes": [entry_json(entry) for entry in profile.notes],
    }


async def profile(call: Call, given: AskedProfile) -> ProfileJson:
    """What is known."""
    found = await call.memory.profile(
        subject=given.subject, limit=given.limit, max_chars=given.max_chars
    )
    call.touched += [entry.id for entry in found.entries()]
    return profile_json(found)


async def add_to_profile(call: Call, given: AddToProfile) -> RememberedJson:
    """Add what is known."""
    call.require_sendable((TAG,))
    outcome = await call.memory.add_to_profile(
        given.text, section=given.section, pinned=given.pinned, private=given.private
    )
    call.touched.append(outcome.id)
    return remembered_json(outcome)


async def remove_from_profile(call: Call, given: ById) -> RecordJson:
    """Take an entry out."""
    record = await call.memory.remove_from_profile(given.id)
    call.touched.append(record.id)
    return record_json(record)


#: The rows of the table.
ROWS: Final[tuple[Operation, ...]] = (
    row(
        "profile", "Tell what is known of a user or project.",
        profile, AskedProfile, ProfileJson, Permission.READ, Effect.READS,
        ("GET", "/api/profile"), "list", "profile show",
    ),
    row(
        "add_to_profile", "Add to what is known of a user or project.",
        add_to_profile, AddToProfile, RememberedJson, Permission.WRITE, Effect.ADDS,
        ("POST", "/api/profile", 201), "remember", "profile add", repeatable=True,
    ),
    row(
        "remove_from_profile", "Take an entry out of a profile: it is forgotten.",
        remove_from_profile, ById, RecordJson, Permission.WRITE, Effect.CHANGES,
        ("POST", "/api/profile/{id}/remove"), "forget", "profile remove", repeatable=True,
    ),
)  # fmt: skip
