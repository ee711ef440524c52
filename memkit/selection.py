"""Which of a scope's records a call is about: its arguments, checked, as one filter."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from memkit.errors import InvalidInput, InvalidScope
from memkit.filters import (
    And,
    ContainsAll,
    Exists,
    Filter,
    Gt,
    In,
    Not,
    Or,
    check_filter,
)
from memkit.scope import check_label

Labels = str | Iterable[str] | None


def selection(*, kinds: Labels = None, tags: Labels = None, filter: Filter | None = None) -> Filter:
    """The filter of records of any of the kinds, with all of the tags, that match.

    Raises:
        InvalidInput: a kind or tag is not a label.
        InvalidFilter: ``filter`` is not a filter.
    """
    parts: list[Filter] = []
    if kinds is not None:
        parts.append(In("kind", _labels(kinds, "kinds")))
    if tags is not None:
        parts.append(ContainsAll("tags", _labels(tags, "tags")))
    if filter is not None:
        parts.append(check_filter(filter))
    return parts[0] if len(parts) == 1 else And(tuple(parts))


def living(now: datetime) -> Filter:
    """The filter of what has not expired."""
    return Or((Not(Exists("expires_at")), Gt("expires_at", now)))


def _labels(values: str | Iterable[str], what: str) -> tuple[str, ...]:
    chosen = (values,) if isinstance(values, str) else values
    if isinstance(chosen, bytes) or not isinstance(chosen, Iterable):
        raise InvalidInput(f"{what} must be a label or a list of labels")
    try:
        labels = tuple(check_label(value, f"each of {what}") for value in chosen)
    except InvalidScope as error:
        raise InvalidInput(str(error)) from None
    if not labels:
        raise InvalidInput(f"{what} is empty: leave it out to take all")
    return labels
