"""Sending: a record with a channel's tag, for all or for some, perhaps as an answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from memkit.drafts import Draft
from memkit.errors import InvalidInput
from memkit.messaging.names import REPLIES_TO, TO_KEY, addressees, channel_tag
from memkit.scope import Scope
from memkit.types import Link, Remembered
from memkit.validation import check_id, check_tags

if TYPE_CHECKING:
    from memkit.engine import Engine


async def send(
    engine: Engine,
    scope: Scope,
    channel: str,
    content: str,
    *,
    to: str | Iterable[str] | None,
    reply_to: str | None,
    tags: Iterable[str],
    metadata: Mapping[str, Any] | None,
    kind: str,
    ttl: float | timedelta | None,
    idempotency_key: str | None,
) -> Remembered:
    """Store a message; saying the same twice is two messages.

    Raises:
        InvalidInput: an argument cannot be accepted.
        Forbidden: the channel is hidden from the scope.
        RecordNotFound: the scope does not show what is answered.
    """
    engine.require_open()
    tag = channel_tag(channel)
    scope.require_taggable((tag,))
    names = addressees(to)
    if metadata is not None and not isinstance(metadata, Mapping):
        raise InvalidInput(f"metadata must be a mapping, not {type(metadata).__name__}")
    if metadata is not None and TO_KEY in metadata:
        raise InvalidInput(f"metadata {TO_KEY!r} says whom a message is for: give to= instead")
    links: tuple[Link, ...] = ()
    if reply_to is not None:
        await engine.one(scope, check_id(reply_to, "reply_to"))
        links = (Link(REPLIES_TO, reply_to),)
    draft = Draft(
        content=content,
        kind=kind,
        tags=(tag, *check_tags(tags, scope.agent)),
        metadata=metadata if names is None else {**(metadata or {}), TO_KEY: names},
        ttl=ttl,
        idempotency_key=idempotency_key,
    )
    (outcome,) = await engine.remember(scope, (draft,), "off", links=links)
    return outcome
