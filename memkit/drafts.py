"""Drafts: memories as a caller hands them in, and the records they become."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import UUID

from memkit.clock import new_id
from memkit.errors import InvalidInput
from memkit.naming import OFF, named
from memkit.places import place_of
from memkit.policy import DEFAULT_POLICY, Policy
from memkit.scope import Scope
from memkit.types import DEFAULT_KIND, MemoryRecord, Visibility
from memkit.validation import (
    MESSAGE_TAG,
    canonical_json,
    check_count,
    check_expiry,
    check_flag,
    check_kind,
    check_metadata,
    check_optional_text,
    check_tags,
    check_text,
    check_time,
    check_unit,
)

if TYPE_CHECKING:
    from memkit.config import Settings

CONTENT_KEY = "c:"
IDEMPOTENCY_KEY = "i:"
REQUEST_KEY = "r:"
#: The longest key of a record, in characters.
KEY_MAX = 1000
NO_OWNER = "a private memory needs an owner: bind agent= on the handle"


@dataclass(frozen=True, slots=True)
class Draft:
    """A memory that is to be remembered: the arguments of ``remember``, as a value.

    Attributes:
        content: the text; not blank, stored verbatim.
        kind: what sort of memory; its defaults apply. See :data:`memkit.types.KINDS`.
        tags: free labels; ``msg:<channel>`` makes it a message on that channel.
        metadata: JSON values by key, for filters.
        private: readable by the handle's agent alone.
        confidence: 0 to 1; ``None`` takes the kind's.
        pinned: held up in recall.
        occurred_at: when it happened (aware).
        ttl: seconds or a timedelta until it expires.
        expires_at: when it expires (aware); instead of ``ttl``.
        conversation_id: the conversation it is a turn of; turns are never taken for copies.
        sequence: its position in the conversation, from 0.
        speaker: who said it.
        source: where it came from.
        idempotency_key: handing in the same key again stores nothing new.
        key: the caller's own name for the record, for ``put``.
        vector: the vector of the text, where it is there already: ``dimension`` numbers that
            the store's own embedder would give; they are normalised.
    """

    content: str
    kind: str = DEFAULT_KIND
    tags: Iterable[str] = ()
    metadata: Mapping[str, Any] | None = None
    private: bool = False
    confidence: float | None = None
    pinned: bool = False
    occurred_at: datetime | None = None
    ttl: float | timedelta | None = None
    expires_at: datetime | None = None
    conversation_id: str | None = None
    sequence: int | None = None
    speaker: str | None = None
    source: str | None = None
    idempotency_key: str | None = None
    key: str | None = None
    vector: Sequence[float] | None = None


DraftLike: TypeAlias = Draft | str | Mapping[str, Any]

_FIELDS = frozenset(field.name for field in fields(Draft))


def as_draft(item: object) -> Draft:
    """A draft from a draft, a text, or a mapping of ``remember``'s arguments.

    Raises:
        InvalidInput: it is none of them, or the mapping has an unknown or missing key.
    """
    if isinstance(item, Draft):
        return item
    if isinstance(item, str):
        return Draft(item)
    if isinstance(item, Mapping):
        unknown = sorted(str(key) for key in item if key not in _FIELDS)
        if unknown:
            raise InvalidInput(
                f"a memory has no {', '.join(unknown)}: it has {', '.join(sorted(_FIELDS))}"
            )
        if "content" not in item:
            raise InvalidInput("a memory needs content")
        return Draft(**item)
    raise InvalidInput(f"a memory is text, a Draft or a mapping, not {type(item).__name__}")


def record_from(
    draft: Draft,
    scope: Scope,
    now: datetime,
    settings: Settings,
    policy: Policy = DEFAULT_POLICY,
) -> MemoryRecord:
    """The record that a draft becomes in a scope: checked, stamped, with its kind's defaults.

    Those are what ``policy`` says.

    Raises:
        InvalidInput: a field of the draft cannot be accepted.
        Forbidden: a tag is hidden from this scope.
    """
    kind = DEFAULT_KIND if draft.kind == DEFAULT_KIND else check_kind(draft.kind)
    private = check_flag(draft.private, "private")
    if private and scope.agent is None:
        raise InvalidInput(NO_OWNER)
    sequence = draft.sequence
    if sequence is not None:
        sequence = check_count(sequence, "sequence", 0, 2**63 - 1)
        if draft.conversation_id is None:
            raise InvalidInput("a sequence is a place in a conversation: give conversation_id")
    tags = check_tags(draft.tags, scope.agent)
    scope.require_taggable(tags)
    record = MemoryRecord(
        id=new_id(),
        content=check_text(draft.content, "content", settings.max_content_chars),
        namespace=scope.namespace,
        project=scope.project,
        task=scope.task,
        agent=scope.agent,
        created_at=now,
        updated_at=now,
        kind=kind,
        tags=tags,
        metadata=check_metadata(draft.metadata, settings.max_metadata_bytes),
        visibility=Visibility.PRIVATE.value if private else Visibility.SHARED.value,
        confidence=(
            policy.of(kind).confidence
            if draft.confidence is None
            else check_unit(draft.confidence, "confidence")
        ),
        pinned=check_flag(draft.pinned, "pinned"),
        occurred_at=check_time(draft.occurred_at, "occurred_at"),
        expires_at=check_expiry(draft.ttl, draft.expires_at, now),
        conversation_id=check_optional_text(draft.conversation_id, "conversation_id"),
        sequence=sequence,
        speaker=check_optional_text(draft.speaker, "speaker"),
        source=check_optional_text(draft.source, "source", 10_000),
        author=scope.author,
    )
    return record if settings.entities == OFF else named(record)


def keyed_id(scope: Scope, key: str, *, private: bool = False) -> str:
    """The id of the record that a place keeps under a caller's key; private ones are an agent's.

    It is a UUIDv8 (RFC 9562, section 5.8) of a digest. The namespace is no part of it: ids are
    unique in one, and a client need not know which one a server gives it.

    Raises:
        InvalidInput: the key is not text of 1 to 1,000 characters, or nobody owns it.
    """
    check_text(key, "key", KEY_MAX)
    if private and scope.agent is None:
        raise InvalidInput(NO_OWNER)
    owner = scope.agent if private else None
    value = int(_digest([scope.project, scope.task, owner, key]), 16)
    value = value & ~(0xF << 76) | 0x8 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return str(UUID(int=value))


def is_event(record: MemoryRecord) -> bool:
    """Whether saying the same twice is two things: a turn of a conversation, a message."""
    return record.conversation_id is not None or any(
        tag.startswith(MESSAGE_TAG) for tag in record.tags
    )


def content_key(record: MemoryRecord) -> str | None:
    """The key that exact copies share; ``None`` for a record that can have no copies.

    Copies have the same text (but for white space and Unicode composition), kind, metadata,
    speaker and time, in the same place.
    """
    if is_event(record):
        return None
    text = record.content
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    occurred = None if record.occurred_at is None else record.occurred_at.isoformat()
    parts = [
        place_of(record),
        record.kind,
        " ".join(text.split()),
        record.speaker,
        occurred,
        record.metadata,
    ]
    return CONTENT_KEY + _digest(parts)


def unique_keys(record: MemoryRecord, key: str | None, *, deduplicate: bool) -> tuple[str, ...]:
    """The unique keys under which a new record is stored.

    The idempotency key comes first: a repeated request is recognised as one, rather than as
    a copy of what it stored. It is its own for each place and agent. A digest of the request
    goes with it, to tell a repetition from another memory under the same key, even after the
    first one was updated.
    """
    keys = []
    if key is not None:
        check_text(key, "idempotency_key", 1000)
        own = _digest([place_of(record), record.agent, key])
        request = _digest([own, record.content, record.kind, record.metadata])
        keys += [IDEMPOTENCY_KEY + own, REQUEST_KEY + request]
    content = content_key(record) if deduplicate else None
    if content is not None:
        keys.append(content)
    return tuple(keys)


def without_content_key(keys: Iterable[str]) -> tuple[str, ...]:
    """The unique keys of a record that no longer stands for its text."""
    return tuple(key for key in keys if not key.startswith(CONTENT_KEY))


def _digest(value: object) -> str:
    return blake2b(canonical_json(value).encode(), digest_size=16).hexdigest()
