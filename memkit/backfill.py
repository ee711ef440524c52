"""Vectors that records still lack, added in the background once the embedder can answer.

A record is stored even while no vector can be had; nothing that was acknowledged may stay
without one for longer than need be.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from memkit.errors import MemkitError, RecordNotFound, VersionConflict
from memkit.filters import Eq
from memkit.hints import UNSEEN
from memkit.loops import LoopThread
from memkit.protocols import Order, Patch
from memkit.scope import SYSTEM_NAMESPACE

if TYPE_CHECKING:
    from memkit.engine import Engine

_log = logging.getLogger("memkit")
_BATCH = 64


class Backfill:
    """Looks for records without vectors once after opening and after each outage."""

    def __init__(self, engine: Engine, background: LoopThread) -> None:
        self._engine = engine
        self._background = background
        self._due = True

    def note_missing(self) -> None:
        """A record was stored without its vector."""
        self._due = True

    def start_if_due(self) -> None:
        """Start in the background, if there may be something to do and it can be done."""
        if self._due and self._engine.vectorizer.ready:
            self._due = False
            self._background.start(self._run())

    async def _run(self) -> None:
        try:
            await fill(self._engine)
        except MemkitError as error:
            self._due = True
            _log.info("vectors could not be added: %s", error)


async def fill(engine: Engine) -> int:
    """Add every missing vector of a store; how many were added.

    Raises:
        EmbedderError, StoreError: what stopped it; those added before stay.
    """
    filled = 0
    for namespace in await engine.backend.namespaces():
        if namespace == SYSTEM_NAMESPACE:
            continue
        cursor: str | None = None
        while True:
            page = await engine.backend.scan(
                namespace,
                Eq("embedded", False),
                order=Order("id", descending=False),
                cursor=cursor,
                limit=_BATCH,
            )
            records = [item.record for item in page.items]
            if records:
                index, notice = await engine.index(records)
                if notice is not None:
                    return filled
                for record, data in zip(records, index, strict=True):
                    try:
                        patch = Patch(record, record.version, data, about=UNSEEN)
                        await engine.backend.write((patch,))
                        filled += 1
                    except (VersionConflict, RecordNotFound):
                        # Whoever changed it meanwhile has given it its vector.
                        continue
            cursor = page.cursor
            if cursor is None:
                break
    return filled
