"""A memory as a block of text: a header that memkit vouches for, then what was stored."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

from memkit.rendering.defusing import quoted, word
from memkit.types import MemoryRecord

#: A record, or one as the service's JSON tells it.
Told: TypeAlias = MemoryRecord | Mapping[str, Any]

#: More tags than these are counted.
TAGS_MAX = 12

# What a model needs to know of a record, and by what name.
_SHOWN = (
    ("id", "id"),
    ("kind", "kind"),
    ("occurred_at", "happened"),
    ("created_at", "stored"),
    ("author", "author"),
    ("agent", "agent"),
    ("speaker", "speaker"),
    ("source", "source"),
    ("project", "project"),
    ("task", "task"),
)
_BRIEF = frozenset({"id", "author", "agent", "project", "task"})


def block(
    record: Told,
    *,
    lead: str = "",
    id_: str | None = None,
    relevance: float | None = None,
    chars: int | None = None,
    more: str = "",
    brief: bool = False,
) -> str:
    """A memory as lines: one that says what it is, then its text behind bars.

    Args:
        record: the memory.
        lead: what stands before the header, on its line.
        id_: what to show for its id.
        relevance: how likely it answers, 0 to 1, if that is known.
        chars: how many characters of its text to show; all of them if not given.
        more: what the mark of a text that was cut adds.
        brief: say of it only which it is, and whose.
    """
    said = [
        f"{name}={_value(value)}"
        for key, name in _SHOWN
        if (not brief or key in _BRIEF) and (value := _shown(record, key, id_))
    ]
    stamp = f"agent:{_of(record, 'agent')}"
    tags = [tag for tag in _of(record, "tags") or () if tag != stamp and not brief]
    if tags:
        hidden = [f"+{len(tags) - TAGS_MAX}"] if len(tags) > TAGS_MAX else []
        said.append("tags=" + ",".join([*map(word, tags[:TAGS_MAX]), *hidden]))
    if (_of(record, "version") or 1) != 1 and not brief:
        said.append(f"version={word(_of(record, 'version'))}")
    if (_of(record, "state") or "active") != "active":
        said.append(f"state={word(_of(record, 'state'))}")
    if _of(record, "pinned"):
        said.append("pinned")
    if relevance is not None:
        said.append(f"relevance={relevance:.2f}")
    text = content_of(record)
    shown = text if chars is None else text[:chars]
    lines = [f"{lead}[{' '.join(said)}]", quoted(shown)]
    if len(shown) < len(text):
        left = len(text) - len(shown)
        mark = f"{left} more character{'s' if left > 1 else ''}"
        lines.append(f"({mark}: {more})" if more else f"({mark})")
    return "\n".join(lines)


def content_of(record: Told) -> str:
    """A memory's text."""
    return str(_of(record, "content") or "")


def id_of(record: Told) -> str:
    """A memory's id."""
    return str(_of(record, "id") or "")


def _of(record: Told, name: str) -> Any:
    return record.get(name) if isinstance(record, Mapping) else getattr(record, name)


def _shown(record: Told, key: str, id_: str | None) -> Any:
    return id_ if key == "id" and id_ is not None else _of(record, key)


def _value(value: object) -> str:
    return _time(value) if isinstance(value, datetime) else word(_minute(value))


def _minute(value: object) -> object:
    """A time as JSON tells it, to the minute; anything else as it is."""
    if isinstance(value, str) and len(value) >= len("2026-11-21T10:00") and value[10] == "T":
        try:
            return _time(datetime.fromisoformat(value))
        except ValueError:
            return value
    return value


def _time(time: datetime) -> str:
    if time.tzinfo is None:
        return time.isoformat(timespec="minutes")
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ")
