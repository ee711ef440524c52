"""What the first recall of a session brings along: what stands, is known, and waits unread."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from memkit.errors import MemkitError
from memkit.rendering import listed
from memkit.service.operation import Operation
from memkit.service.table import OPERATIONS

#: At most so many of each, and so many characters of stored text altogether.
RECORDS_MAX = 20
MESSAGES_MAX = 10
CHARS_MAX = 8_000
#: The longest that the text may be of what else is known.
PROFILE_CHARS = 1_200

_KINDS = ("constraint", "preference")
_STANDING = {
    "filter": {
        "or": [
            *({"field": "kind", "op": "eq", "value": kind} for kind in _KINDS),
            {"field": "pinned", "op": "eq", "value": True},
        ]
    },
    "limit": 5 * RECORDS_MAX,
}

#: Carries out an operation for whoever recalls.
Calling = Callable[[Operation, dict[str, Any]], Awaitable[Any]]


async def briefing(calling: Calling, *, read_only: bool) -> dict[str, Any]:
    """The constraints, preferences and pinned memories of the scope, the rest of its profile,
    and unread messages.

    Args:
        calling: carries out an operation for whoever recalls, within what they may do.
        read_only: look for no messages: reading them moves the reader on.

    Returns:
        ``records``, constraints before pinned ones before preferences and the newest first,
        ``profile``, a text of what is known besides, ``messages`` in order, and ``notices`` of
        what was left out.
    """
    left = CHARS_MAX
    notices: list[str] = []
    found = await _tried(calling, "list", _STANDING, notices)
    records = sorted(found.get("records", ()), key=_urgency)
    kept, left = _fitting(records, RECORDS_MAX, left, lambda record: len(record["content"]))
    if len(kept) < len(records):
        notices.append("there are more standing memories: list those of kind constraint")
    messages: list[Any] = []
    if not read_only:
        waiting: list[str] = []
        unread = await _tried(calling, "inbox", {"limit": MESSAGES_MAX}, waiting)
        messages, _ = _fitting(
            unread.get("messages", []),
            MESSAGES_MAX,
            left,
            lambda each: len(each["message"]["content"]),
        )
    known = await _tried(calling, "profile", {}, notices)
    profile = _profile(known, {record["id"] for record in kept})
    return {"records": kept, "profile": profile, "messages": messages, "notices": notices}


def _profile(known: dict[str, Any], told: set[str]) -> str:
    """What is known of decisions, facts and others, as a text, but what is told already."""
    if not known:
        return ""
    facts = [entry for held in known["facts"].values() for entry in held]
    sections = [
        (heading, [entry["text"] for entry in entries if entry["id"] not in told])
        for heading, entries in (
            ("Facts:", facts),
            ("Decisions:", known["decisions"]),
            ("Preferences:", known["preferences"]),
            ("Notes:", known["notes"]),
        )
    ]
    ranked = [(at, place) for at, (_, texts) in enumerate(sections) for place in range(len(texts))]
    return listed(sections, ranked, max_chars=PROFILE_CHARS)[0]


async def _tried(
    calling: Calling, name: str, given: dict[str, Any], notices: list[str]
) -> dict[str, Any]:
    try:
        found: dict[str, Any] = await calling(OPERATIONS[name], given)
    except MemkitError as error:
        # The recall itself was answered: what comes along must not take it away.
        notices.append(f"standing memories could not be read ({error.code})")
        return {}
    return found


def _urgency(record: Any) -> int:
    if record["kind"] == "constraint":
        return 0
    return 1 if record["pinned"] else 2


def _fitting(
    items: list[Any], most: int, chars: int, size: Callable[[Any], int]
) -> tuple[list[Any], int]:
    """The first items that fit, and how many characters are left."""
    kept: list[Any] = []
    for item in items:
        taken = size(item)
        if len(kept) < most and taken <= chars:
            kept.append(item)
            chars -= taken
    return kept, chars
