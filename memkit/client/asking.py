"""Arguments of the library's methods as requests for the operations of the table.

Types are checked here, by the library's own checks, since JSON cannot carry what is wrong with
them; rules and limits are the server's.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from math import isfinite
from typing import Any

from memkit.client.connection import Request, body_of, path_of
from memkit.clock import utc_now
from memkit.drafts import KEY_MAX, Draft
from memkit.errors import InvalidInput
from memkit.filters import Filter
from memkit.lifecycle.revisions import UNSET
from memkit.scope import Reach, Scope
from memkit.selection import Labels, selection
from memkit.service.calling import checked
from memkit.service.filters import filter_form
from memkit.service.operation import Operation, Permission
from memkit.validation import (
    AGENT_TAG,
    check_count,
    check_expiry,
    check_flag,
    check_kind,
    check_metadata,
    check_optional_text,
    check_states,
    check_tags,
    check_text,
    check_time,
    check_unit,
)

# The limits are the server's settings.
_NO_LIMIT = 2**62
_IN_QUERY = frozenset({"GET", "DELETE", "HEAD"})


def request_of(
    operation: Operation, given: Mapping[str, Any], place: Iterable[tuple[str, str]]
) -> Request:
    """The request that asks for an operation.

    Args:
        operation: which.
        given: its arguments, by the names of its input; what is absent is left to the server.
        place: the scope, as parameters of the query.

    Raises:
        InvalidInput: the arguments do not fit the operation's input.
    """
    asked = checked(operation, given)
    fields = asked.model_dump(mode="json", exclude_unset=True)
    route = operation.route
    parts = {name: fields.pop(name) for name in tuple(fields) if f"{{{name}}}" in route.path}
    # Administration is of the server, not of a place in it.
    params = [] if operation.permission is Permission.SERVER else list(place)
    names = operation.input.model_fields
    key = None
    if ("idempotency_key" in names or "items" in names) and "idempotency_key" not in fields:
        # Its own, for this call alone: nothing else that is stored has it.
        key = str(uuid.uuid4())
    keyed = key is not None or "idempotency_key" in fields
    in_query = route.method in _IN_QUERY
    if in_query:
        params += _query(fields)
    return Request(
        route.method,
        path_of(route.path, **parts),
        tuple(params),
        None if in_query else body_of(fields),
        repeatable=keyed or (operation.idempotent and "expect_version" not in fields),
        key=key,
        patient=float(fields.get("wait") or 0),
    )


def _query(fields: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    for name, value in fields.items():
        if isinstance(value, list):
            yield from ((name, str(item)) for item in value)
        elif isinstance(value, bool):
            yield name, "true" if value else "false"
        elif isinstance(value, dict):
            yield name, json.dumps(value, ensure_ascii=False)
        elif value is not None:
            yield name, str(value)


def place_of(scope: Scope, *, namespace: bool) -> tuple[tuple[str, str], ...]:
    """A scope as parameters; without its namespace, the server chooses it."""
    names = ("project", "task", "agent")
    told = [("namespace", scope.namespace)] if namespace else []
    told += [(name, value) for name in names if (value := getattr(scope, name)) is not None]
    return tuple(told)


def draft_form(draft: Draft, scope: Scope) -> dict[str, Any]:
    """A draft as an operation's input has it.

    Raises:
        InvalidInput: a field is of a wrong type.
    """
    optional = ("conversation_id", "speaker", "source", "idempotency_key")
    told: dict[str, Any] = {
        "content": check_text(draft.content, "content", _NO_LIMIT),
        "kind": check_kind(draft.kind),
        "tags": tags_form(draft.tags, scope),
        "metadata": check_metadata(draft.metadata, _NO_LIMIT),
        "private": check_flag(draft.private, "private"),
        "confidence": (
            None if draft.confidence is None else check_unit(draft.confidence, "confidence")
        ),
        "pinned": check_flag(draft.pinned, "pinned"),
        "occurred_at": check_time(draft.occurred_at, "occurred_at"),
        "ttl": span_form(draft.ttl),
        "expires_at": check_time(draft.expires_at, "expires_at"),
        "sequence": (
            None
            if draft.sequence is None
            else check_count(draft.sequence, "sequence", 0, _NO_LIMIT)
        ),
        **{name: check_optional_text(getattr(draft, name), name, _NO_LIMIT) for name in optional},
        "key": None if draft.key is None else check_text(draft.key, "key", KEY_MAX),
        "vector": vector_form(draft.vector),
    }
    if draft.ttl is not None and draft.expires_at is not None:
        raise InvalidInput("give ttl or expires_at, not both")
    return {name: value for name, value in told.items() if value is not None}


def vector_form(vector: Sequence[float] | None) -> list[float] | None:
    """A vector as it is sent.

    Raises:
        InvalidInput: it is no list of finite numbers.
    """
    if vector is None:
        return None
    try:
        numbers = [float(number) for number in vector]
    except (TypeError, ValueError):
        raise InvalidInput("vector must be a list of numbers") from None
    if not all(map(isfinite, numbers)):
        raise InvalidInput("vector must be of finite numbers, not all of them 0")
    return numbers


def tags_form(tags: object, scope: Scope) -> list[str]:
    """Tags as they are sent: the server stamps the agent's."""
    found = check_tags(tags, scope.agent)
    return [tag for tag in found if not tag.startswith(AGENT_TAG)]


def span_form(ttl: object) -> float | None:
    """A time to live in seconds."""
    check_expiry(ttl, None, utc_now())
    return ttl.total_seconds() if isinstance(ttl, timedelta) else ttl  # type: ignore[return-value]


def selected_form(
    *,
    reach: Reach | str,
    states: Labels,
    kinds: Labels = None,
    tags: Labels = None,
    filter: Filter | None = None,
) -> dict[str, Any]:
    """What says which records are meant.

    Raises:
        InvalidInput, InvalidFilter: an argument is of a wrong type.
    """
    kinds, tags = labels_form(kinds), labels_form(tags)
    selection(kinds=kinds, tags=tags, filter=filter)
    told = {"reach": reach_form(reach), "states": list(check_states(states))}
    return told | given(
        kinds=kinds, tags=tags, filter=None if filter is None else filter_form(filter)
    )


def labels_form(labels: Labels) -> list[str] | None:
    """Labels as a list; what is none is left for the checks to refuse."""
    if labels is None or isinstance(labels, str):
        return None if labels is None else [labels]
    if isinstance(labels, bytes) or not isinstance(labels, Iterable):
        raise InvalidInput("labels are given as a label or a list of labels")
    return list(labels)


def reach_form(reach: object) -> str:
    """How far to look.

    Raises:
        InvalidInput: it is none of the reaches.
    """
    try:
        return Reach(reach).value  # type: ignore[arg-type]
    except ValueError:
        raise InvalidInput(f"reach is one of {', '.join(Reach)}") from None


def given(**values: Any) -> dict[str, Any]:
    """The arguments that are not ``None``."""
    return {name: value for name, value in values.items() if value is not None}


def changes_form(changes: Mapping[str, Any]) -> dict[str, Any]:
    """What ``update`` changes: unset stays, ``None`` clears what can be absent.

    Raises:
        InvalidInput: a value is of a wrong type.
    """
    told = {name: value for name, value in changes.items() if value is not UNSET}
    optional = {"speaker", "source"}
    for name, value in told.items():
        told[name] = _CHANGES[name](value) if name not in optional else _text(value, name)
    return told


def _text(value: object, what: str) -> str | None:
    return check_optional_text(value, what, _NO_LIMIT)


_CHANGES: Mapping[str, Any] = {
    "content": lambda value: check_text(value, "content", _NO_LIMIT),
    "kind": check_kind,
    # The record's author is not known here; the server keeps its stamp.
    "tags": lambda value: list(_given_tags(value)),
    "metadata": lambda value: check_metadata(value, _NO_LIMIT),
    "private": lambda value: check_flag(value, "private"),
    "confidence": lambda value: check_unit(value, "confidence"),
    "occurred_at": lambda value: check_time(value, "occurred_at"),
    "ttl": span_form,
    "expires_at": lambda value: check_time(value, "expires_at"),
}


def _given_tags(value: object) -> Iterable[str]:
    if value is None:
        return []
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise InvalidInput("tags must be a list of labels")
    tags = list(value)
    check_tags([tag for tag in tags if not str(tag).startswith(AGENT_TAG)], None)
    return tags
