"""What a caller hands in, checked once at the edge; inside, the types are trusted."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from memkit.errors import InvalidInput, InvalidScope
from memkit.scope import check_label
from memkit.types import State

AGENT_TAG = "agent:"
MESSAGE_TAG = "msg:"
RECALL_LIMIT_MAX = 1000
#: How many characters each part of a fact may have.
FACT_CHARS: Mapping[str, int] = {"subject": 1000, "predicate": 200, "object": 10_000}

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def check_text(value: object, what: str, max_chars: int) -> str:
    """Return ``value`` if it is text that can be stored: not blank, no NUL, not too long.

    Raises:
        InvalidInput: it is not; the message names ``what`` and the limit, not the text.
    """
    if not isinstance(value, str):
        raise InvalidInput(f"{what} must be text, not {type(value).__name__}")
    if not value or value.isspace():
        raise InvalidInput(f"{what} is empty: give at least one visible character")
    if len(value) > max_chars:
        raise InvalidInput(
            f"{what} has {len(value):,} characters, the limit is {max_chars:,}: split it, or "
            "raise max_content_chars"
        )
    found = _UNSTORABLE.search(value)
    if found:
        raise InvalidInput(
            f"{what} holds U+{ord(found.group()):04X} at character {found.start()}: NUL and "
            "lone surrogates cannot be stored; decode the text properly or remove them"
        )
    return value


def check_optional_text(value: object, what: str, max_chars: int = 1000) -> str | None:
    """Return ``value`` if it is ``None`` or storable text."""
    return None if value is None else check_text(value, what, max_chars)


def check_fact_part(value: object, part: str) -> str | None:
    """Return a fact's subject, predicate or object if it is ``None`` or can be one.

    Raises:
        InvalidInput: it is not text that can be stored, or longer than :data:`FACT_CHARS` says.
    """
    limit = FACT_CHARS[part]
    if isinstance(value, str) and len(value) > limit:
        raise InvalidInput(f"a fact's {part} has at most {limit:,} characters, not {len(value):,}")
    return check_optional_text(value, part, limit)


def check_tags(value: object, agent: str | None) -> tuple[str, ...]:
    """Unique valid tags in the order given, with the engine's ``agent:<id>`` last.

    Raises:
        InvalidInput: not a list of labels, or a tag that claims another agent's name.
    """
    if value is None:
        value = ()
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise InvalidInput("tags must be a list of labels")
    own = None if agent is None else AGENT_TAG + agent
    tags: dict[str, None] = {}
    for item in value:
        try:
            tag = check_label(item, "a tag")
        except InvalidScope as error:
            raise InvalidInput(str(error)) from None
        if tag.startswith(AGENT_TAG) and tag != own:
            raise InvalidInput(
                f"tags that start with {AGENT_TAG!r} are stamped from the handle's agent: "
                "bind agent= instead of tagging"
            )
        tags[tag] = None
    if own is not None:
        tags[own] = None
    return tuple(tags)


def check_kind(value: object) -> str:
    """A kind: any valid label.

    Raises:
        InvalidInput: it is not one.
    """
    try:
        return check_label(value, "kind")
    except InvalidScope as error:
        raise InvalidInput(str(error)) from None


def check_time(value: object, what: str) -> datetime | None:
    """Return ``value`` in UTC if it is an aware datetime, or ``None``.

    Raises:
        InvalidInput: it is something else, or has no time zone.
    """
    if value is None:
        return None
    if not isinstance(value, datetime):
        raise InvalidInput(f"{what} must be a datetime, not {type(value).__name__}")
    if value.utcoffset() is None:
        raise InvalidInput(f"{what} has no time zone: use datetime.now(UTC) or set tzinfo")
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise InvalidInput(f"{what} is outside the years 1 to 9999") from None


def check_expiry(ttl: object, expires_at: object, now: datetime) -> datetime | None:
    """When a record expires, from a time to live (seconds or timedelta) or a time.

    Raises:
        InvalidInput: both are given, or one is not a positive span or a future time.
    """
    if ttl is None:
        expires = check_time(expires_at, "expires_at")
        if expires is not None and expires <= now:
            raise InvalidInput("expires_at is in the past: nothing would be stored")
        return expires
    if expires_at is not None:
        raise InvalidInput("give ttl or expires_at, not both")
    if isinstance(ttl, bool) or not isinstance(ttl, int | float | timedelta):
        raise InvalidInput(f"ttl must be seconds or a timedelta, not {type(ttl).__name__}")
    try:
        span = ttl if isinstance(ttl, timedelta) else timedelta(seconds=ttl)
        if span <= timedelta(0):
            raise InvalidInput("ttl must be more than 0 seconds")
        return now + span
    except (OverflowError, ValueError):
        raise InvalidInput("ttl is not a finite span of time within the calendar") from None


def check_span(value: object, what: str, longest: timedelta) -> timedelta:
    """A span of time from seconds or a timedelta, more than 0.

    Raises:
        InvalidInput: it is none, or too long.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | timedelta):
        raise InvalidInput(f"{what} must be seconds or a timedelta, not {type(value).__name__}")
    try:
        span = value if isinstance(value, timedelta) else timedelta(seconds=value)
    except (OverflowError, ValueError):
        raise InvalidInput(f"{what} is not a finite span of time") from None
    if not timedelta(0) < span <= longest:
        raise InvalidInput(f"{what} must be more than 0 and at most {longest}")
    return span


def check_wait(value: object) -> float:
    """Return ``value`` if it is a number of seconds to wait, 0 to 3600.

    Raises:
        InvalidInput: it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInput(f"wait must be a number of seconds, not {type(value).__name__}")
    if not 0 <= value <= 3600:
        raise InvalidInput("wait must lie between 0 and 3,600 seconds")
    return float(value)


def check_unit(value: object, what: str) -> float:
    """Return ``value`` if it is a number from 0 to 1.

    Raises:
        InvalidInput: it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInput(f"{what} must be a number, not {type(value).__name__}")
    if not 0 <= value <= 1:
        raise InvalidInput(f"{what} must lie between 0 and 1")
    return float(value)


def check_count(value: object, what: str, low: int, high: int) -> int:
    """Return ``value`` if it is a whole number from ``low`` to ``high``.

    Raises:
        InvalidInput: it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidInput(f"{what} must be a whole number, not {type(value).__name__}")
    if not low <= value <= high:
        raise InvalidInput(f"{what} must lie between {low:,} and {high:,}")
    return value


def check_flag(value: object, what: str) -> bool:
    """Return ``value`` if it is ``True`` or ``False``.

    Raises:
        InvalidInput: it is not.
    """
    if not isinstance(value, bool):
        raise InvalidInput(f"{what} must be True or False, not {type(value).__name__}")
    return value


def check_id(value: object, what: str = "id") -> str:
    """Return ``value`` if it has the form of a record's id.

    Raises:
        InvalidInput: it has not.
    """
    if not isinstance(value, str) or _ID.fullmatch(value) is None:
        raise InvalidInput(f"{what} is not a record's id: ids look like {'0' * 8}-0000-7000-...")
    return value


def check_states(values: object) -> tuple[str, ...]:
    """Record states, at least one.

    Raises:
        InvalidInput: an unknown state.
    """
    wanted = (values,) if isinstance(values, str) else values
    known = tuple(State)
    if not isinstance(wanted, Iterable) or isinstance(wanted, bytes):
        raise InvalidInput(f"states are some of {', '.join(known)}")
    chosen = tuple(wanted)
    if not chosen or any(state not in known for state in chosen):
        raise InvalidInput(f"states are some of {', '.join(known)}")
    return chosen


def check_metadata(value: object, max_bytes: int) -> dict[str, Any]:
    """A copy of ``value`` if it is a JSON object that can be stored.

    Keys are text, values JSON: text, finite numbers of at most 64 bits, truth values, null,
    lists and objects.

    Raises:
        InvalidInput: it is not; the message names the key.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InvalidInput(f"metadata must be a mapping, not {type(value).__name__}")
    if not value:
        return {}
    copy = {_check_key(key): _check_json(item, str(key), depth=0) for key, item in value.items()}
    size = len(canonical_json(copy).encode())
    if size > max_bytes:
        raise InvalidInput(
            f"metadata takes {size:,} bytes, the limit is {max_bytes:,}: keep large values in "
            "the content or elsewhere, or raise max_metadata_bytes"
        )
    return copy


_canonical = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def canonical_json(value: object) -> str:
    """JSON with sorted keys and no spaces: equal values give equal text."""
    return _canonical.encode(value)


def _check_key(key: object) -> str:
    if not isinstance(key, str):
        raise InvalidInput(f"metadata keys are text, not {type(key).__name__}")
    if not key or len(key) > 200 or _UNSTORABLE.search(key):
        raise InvalidInput("metadata keys have 1 to 200 characters, no NUL, no lone surrogates")
    return key


def _check_json(value: object, key: str, depth: int) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        if _UNSTORABLE.search(value):
            raise InvalidInput(f"metadata {key!r} holds NUL or a lone surrogate")
        return value
    if isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise InvalidInput(f"metadata {key!r} needs more than 64 bits: store it as text")
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidInput(f"metadata {key!r} is not a finite number")
        return value
    if depth >= 16:
        raise InvalidInput(f"metadata {key!r} is nested more than 16 deep")
    if isinstance(value, list | tuple):
        return [_check_json(item, key, depth + 1) for item in value]
    if isinstance(value, Mapping):
        return {_check_key(k): _check_json(item, key, depth + 1) for k, item in value.items()}
    raise InvalidInput(
        f"metadata {key!r} is a {type(value).__name__}: use text, numbers, truth values, lists "
        "or objects (times as ISO 8601 text)"
    )
