"""What the change feed keeps of a change besides its id: what happened, and to whose eyes.

It is short JSON without anything that a record says, so that an event can be told, and kept from
those who may not see it, even when the record is gone.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from memkit.types import EventType, MemoryRecord
from memkit.validation import MESSAGE_TAG, canonical_json

#: A change that nobody who reads a record can see, of its vector or words.
UNSEEN = '{"event":null}'
_FIELDS = ("project", "task", "agent", "visibility")


def event_hint(event: EventType) -> str:
    """What is kept of a change whose event its record would not tell later."""
    return canonical_json({"event": event.value})


def message_hint(before: Sequence[str], after: Sequence[str]) -> str | None:
    """What is kept of a change of tags that put a record on channels; ``None``: it did not."""
    new = [tag for tag in after if tag.startswith(MESSAGE_TAG) and tag not in before]
    if not new:
        return None
    # In ASCII: every store keeps it as it is.
    held = {"event": EventType.MESSAGE.value, "channels": new}
    return json.dumps(held, separators=(",", ":"))


def newly_on(about: str | None, tag: str) -> bool:
    """Whether a patch may have put its record on the channel of this tag, or back on it."""
    held = _parsed(about)
    if held.get("event") == EventType.RESTORED.value:
        return True
    channels = held.get("channels")
    return isinstance(channels, list) and tag in channels


def erasure_hint(record: MemoryRecord) -> str:
    """What is kept of an erased record: where it was, whose it was, its tags."""
    held: dict[str, Any] = {name: getattr(record, name) for name in _FIELDS}
    return json.dumps({**held, "tags": list(record.tags)}, separators=(",", ":"))


def hinted_event(about: str | None, otherwise: EventType) -> EventType | None:
    """The event of a patch; ``None``: there is none to be seen."""
    held = _parsed(about)
    if "event" not in held:
        return otherwise
    known = {event.value: event for event in EventType}
    return None if held["event"] is None else known.get(held["event"], otherwise)


def erased_fields(about: str | None) -> dict[str, Any] | None:
    """The fields of an erased record that are known still; ``None`` if none are."""
    held = _parsed(about)
    tags = held.get("tags")
    if not isinstance(held.get("visibility"), str) or not isinstance(tags, list):
        return None
    return {**{name: held.get(name) for name in _FIELDS}, "tags": tuple(map(str, tags))}


def is_message(tags: Sequence[str]) -> bool:
    """Whether a record with these tags is a message on some channel."""
    return any(tag.startswith(MESSAGE_TAG) for tag in tags)


def _parsed(about: str | None) -> dict[str, Any]:
    try:
        held = json.loads(about) if about is not None else None
    except ValueError:
        held = None
    return held if isinstance(held, dict) else {}
