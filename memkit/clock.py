"""Time and identity: aware UTC now, and UUIDv7 ids that never run backwards."""

from __future__ import annotations

import os
import threading
import time
from datetime import UTC, datetime

_lock = threading.Lock()
_last_tick = 0

# Random bytes are fetched in blocks: each fetch lets another thread take the interpreter.
_BLOCK = 1024
_random = b""


def _forget_random() -> None:
    global _random
    _random = b""


if hasattr(os, "register_at_fork"):
    # A child that went on with its parent's block would make its parent's ids.
    os.register_at_fork(after_in_child=_forget_random)


def utc_now() -> datetime:
    """The current time, aware, in UTC, with microseconds."""
    return datetime.now(UTC)


def new_id() -> str:
    """A UUIDv7 (RFC 9562, section 5.7, with its monotonic method 3).

    The 12 bits after the milliseconds hold a finer clock. Within a process ids only grow,
    even when the clock is set back: the last tick is then counted on.
    """
    global _last_tick, _random
    # 60 bits of time: milliseconds, then 1/4096ths of one.
    tick = time.time_ns() * 4096 // 1_000_000
    with _lock:
        tick = max(tick, _last_tick + 1)
        _last_tick = tick
        if not _random:
            _random = os.urandom(_BLOCK)
        block, _random = _random[:8], _random[8:]
    millis, fraction = tick >> 12, tick & 0xFFF
    tail = int.from_bytes(block, "big") & 0x3FFF_FFFF_FFFF_FFFF
    value = millis << 80 | 0x7 << 76 | fraction << 64 | 0x2 << 62 | tail
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
