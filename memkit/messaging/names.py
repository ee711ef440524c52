"""The names of channels and consumers, and what says for whom a message is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from memkit.errors import InvalidInput, InvalidScope
from memkit.scope import LABEL_MAX, Scope, check_label
from memkit.types import MemoryRecord
from memkit.validation import MESSAGE_TAG

#: The key of a message's metadata that lists the agents whom it is for.
TO_KEY = "msg:to"
#: The type of the link from an answer to what it answers.
REPLIES_TO = "replies_to"


def channel_tag(channel: object) -> str:
    """The tag of the messages on a channel.

    Raises:
        InvalidInput: it cannot be a channel's name.
    """
    name = _label(channel, "a channel")
    longest = LABEL_MAX - len(MESSAGE_TAG)
    if len(name) > longest:
        raise InvalidInput(f"a channel's name has {len(name)} characters: at most {longest}")
    return MESSAGE_TAG + name


def channel_of(tag: str) -> str | None:
    """The channel of a tag, ``None`` if it is that of none."""
    return tag[len(MESSAGE_TAG) :] or None if tag.startswith(MESSAGE_TAG) else None


def channels_of(record: MemoryRecord) -> list[str]:
    """The channels that a record is a message on."""
    return [name for tag in record.tags if (name := channel_of(tag)) is not None]


def consumer_name(consumer: object, scope: Scope) -> str:
    """Who reads: the consumer that is named, or the handle's agent.

    Raises:
        InvalidInput: neither is there, or it is no label.
    """
    if consumer is None:
        if scope.agent is None:
            raise InvalidInput("who reads? name a consumer=, or bind agent= on the handle")
        return scope.agent
    return _label(consumer, "a consumer")


def addressees(to: object) -> list[str] | None:
    """The agents whom a message is for; ``None``: for all.

    Raises:
        InvalidInput: there is none, or one is no label.
    """
    if to is None:
        return None
    names = (to,) if isinstance(to, str) else to
    if isinstance(names, bytes) or not isinstance(names, Iterable):
        raise InvalidInput("to is an agent's id or a list of them")
    found = list(dict.fromkeys(_label(name, "each of to") for name in names))
    if not found:
        raise InvalidInput("to is empty: leave it out to tell all")
    return found


def addressed(record: MemoryRecord) -> tuple[Any, ...]:
    """Whom a message is for; empty: all."""
    to = record.metadata.get(TO_KEY)
    if isinstance(to, str):
        return (to,)
    return tuple(to) if isinstance(to, list | tuple) else ()


def _label(value: object, what: str) -> str:
    try:
        return check_label(value, what)
    except InvalidScope as error:
        raise InvalidInput(str(error)) from None
