"""Use counters: gathered in memory as records are recalled, written now and then.

They are hints for ranking, not promises: those since the last flush are lost with the
process, and a recall never waits for one to be written.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from datetime import datetime

from memkit.errors import StoreError, StoreReadOnly
from memkit.loops import LoopThread
from memkit.protocols import Backend, Touch

_log = logging.getLogger("memkit")
_PENDING_MAX = 10_000


class Usage:
    """The recalls of records that are not yet written to the store."""

    def __init__(self, backend: Backend, every_seconds: float, background: LoopThread) -> None:
        self._backend = backend
        self._background = background
        self._every = every_seconds
        self._pending: dict[tuple[str, str], tuple[int, datetime]] = {}
        self._last = time.monotonic()
        self._writable = True

    def add(self, namespace: str, ids: Sequence[str], now: datetime) -> None:
        """Count a recall of each of these records."""
        if not self._writable or len(self._pending) >= _PENDING_MAX:
            return
        for id_ in ids:
            key = (namespace, id_)
            self._pending[key] = (self._pending.get(key, (0, now))[0] + 1, now)

    def drop(self, namespace: str, ids: Sequence[str]) -> None:
        """Forget what was counted of records that are erased."""
        for id_ in ids:
            self._pending.pop((namespace, id_), None)

    def flush_if_due(self) -> None:
        """Start writing what was counted, if the last time is long enough ago."""
        if self._pending and time.monotonic() - self._last >= self._every:
            self._last = time.monotonic()
            self._background.start(self.flush())

    async def flush(self) -> None:
        """Write what was counted."""
        pending, self._pending = self._pending, {}
        batch = [
            Touch(namespace, id_, uses=uses, used_at=at)
            for (namespace, id_), (uses, at) in pending.items()
        ]
        if not batch:
            return
        try:
            await self._backend.write(batch)
        except StoreReadOnly:
            self._writable = False
        except StoreError as error:
            _log.info("use counters were not written: %s", error)
