"""Cursors of events: opaque text that says of which store, and up to where."""

from __future__ import annotations

import base64
import binascii
import json
from typing import NamedTuple

from memkit.errors import InvalidInput

_VERSION = 1


class Mark(NamedTuple):
    """Up to where a reader has come in a store.

    ``at`` is a position of its change feed, or microseconds since 1970 where it has none.
    """

    store: str | None
    at: int


def cursor_text(mark: Mark) -> str:
    """The cursor of a mark."""
    packed = json.dumps([_VERSION, mark.store, mark.at], separators=(",", ":"))
    return base64.urlsafe_b64encode(packed.encode()).decode().rstrip("=")


def mark_of(cursor: object) -> Mark:
    """The mark of a cursor.

    Raises:
        InvalidInput: it is no cursor of an event.
    """
    parts: object = None
    if isinstance(cursor, str) and cursor.isascii() and len(cursor) < 1000:
        padded = cursor + "=" * (-len(cursor) % 4)
        try:
            parts = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        except (ValueError, binascii.Error, RecursionError):
            parts = None
    match parts:
        case [version, str() | None as store, int(at)] if (
            version == _VERSION and not isinstance(at, bool) and 0 <= at < 2**63
        ):
            return Mark(store, at)
    raise InvalidInput("this is no cursor of an event: pass on the one that an event gave")
