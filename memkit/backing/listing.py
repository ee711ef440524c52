"""Listings: which orders and counts there are, cursors, and pages of what is sorted here."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable
from typing import Any

from memkit.backing.packing import as_json
from memkit.errors import InvalidInput
from memkit.filters import FieldType, field_type
from memkit.protocols import Order

_ORDERABLE = frozenset({FieldType.TEXT, FieldType.NUMBER, FieldType.TIME})
_COUNTABLE = frozenset({FieldType.TEXT, FieldType.LABELS, FieldType.JSON})


def check_order(order: Order, limit: int) -> None:
    """See that a listing can be in this order and of this length.

    Raises:
        InvalidInput: it cannot.
    """
    if field_type(order.field) not in _ORDERABLE:
        raise InvalidInput(f"a listing is ordered by a text, number or time, not {order.field!r}")
    if limit < 0:
        raise InvalidInput("a listing's limit cannot be negative")


def check_count_by(by: str | None) -> FieldType | None:
    """The type of the field that records are counted by, ``None`` if by none.

    Raises:
        InvalidInput: it is not a text or list field.
    """
    if by is None:
        return None
    kind = field_type(by)
    if kind not in _COUNTABLE:
        raise InvalidInput(f"records are counted by a text or list field, not {by!r}")
    return kind


class Cursors:
    """The cursors of listings in one order: where a page ended, opaque to everyone else.

    A value is what the store orders by: text, a number (times as microseconds) or ``None``.
    """

    def __init__(self, order: Order) -> None:
        self._head = [order.field, order.descending]

    def text(self, value: Any, id_: str) -> str:
        """The cursor that leads on from a record."""
        packed = as_json([*self._head, value, id_])
        return base64.urlsafe_b64encode(packed.encode()).decode()

    def values(self, text: str) -> tuple[Any, str]:
        """The value and id of the last record of the page that ``text`` came from.

        Raises:
            InvalidInput: it is not a cursor of this order.
        """
        try:
            parts = json.loads(base64.b64decode(text.encode(), altchars=b"-_", validate=True))
        except (ValueError, AttributeError, binascii.Error, RecursionError):
            parts = None
        if (
            not isinstance(parts, list)
            or len(parts) != 4
            or not isinstance(parts[3], str)
            or not isinstance(parts[2], str | int | float | None)
        ):
            raise InvalidInput("this is no cursor of a listing: pass on the one a page gave")
        if parts[:2] != self._head:
            raise InvalidInput("the cursor is of a listing in another order: begin again")
        return parts[2], parts[3]


def sorted_page(
    entries: Iterable[tuple[Any, str]], order: Order, cursor: str | None, limit: int
) -> tuple[list[str], str | None]:
    """One page of a listing that the store cannot order: its ids, and the next cursor.

    Args:
        entries: the value (as :class:`Cursors` has them) and the id of each that matches.
        order: the listing's.
        cursor: where the page before ended, ``None`` for the first.
        limit: how many ids at most.

    Raises:
        InvalidInput: the order, cursor or limit cannot be.
    """
    check_order(order, limit)
    cursors = Cursors(order)
    after = None if cursor is None else cursors.values(cursor)
    if limit == 0:
        return [], None
    held = [each for each in entries if after is None or _comes_after(order, each, after)]
    if order.field == "id":
        held.sort(key=lambda each: each[1], reverse=order.descending)
    else:
        # Twice, since Python's sort is stable: by id within equal values in either direction.
        held.sort(key=lambda each: each[1])
        held.sort(key=lambda each: _key(each[0], order.descending), reverse=order.descending)
    page = held[:limit]
    more = None if len(held) <= limit else cursors.text(*page[-1])
    return [id_ for _, id_ in page], more


def _key(value: Any, descending: bool) -> tuple[bool, Any]:
    # What is missing comes last in either direction.
    return (value is None) is not descending, 0 if value is None else value


def _comes_after(order: Order, entry: tuple[Any, str], last: tuple[Any, str]) -> bool:
    if order.field == "id":
        return entry[1] < last[1] if order.descending else entry[1] > last[1]
    here, there = _key(entry[0], order.descending), _key(last[0], order.descending)
    if here == there:
        return entry[1] > last[1]
    return here < there if order.descending else here > there
