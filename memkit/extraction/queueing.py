"""Extraction as memories are stored: by rules at once, by a language model in the background.

What is stored is acknowledged whatever becomes of it: a failure is counted and logged. What a
model has not come to when the engine is closed, or has no room for, is left to a later pass.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from itertools import islice
from threading import Lock
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from memkit.errors import LanguageModelUnavailable, MemkitError
from memkit.extraction.extracting import find
from memkit.extraction.outcome import Tally
from memkit.extraction.sources import is_source
from memkit.extraction.stamping import apart, stamp
from memkit.extraction.storing import INGEST, Maker, keep
from memkit.scope import Scope
from memkit.types import MemoryRecord, Remembered, RememberStatus

if TYPE_CHECKING:
    from memkit.engine import Engine

_log = logging.getLogger("memkit")

#: What waits for the model at most; beyond it is left to a later pass.
WAITING: Final = 1_000
_BATCH: Final = 8
_PAGE: Final = 100
# Between two tries of a model that cannot be reached, twice as long each time.
_FIRST_WAIT: Final = 5.0
_LONGEST_WAIT: Final = 300.0


async def take(engine: Engine, scope: Scope, outcomes: Sequence[Remembered]) -> None:
    """Extract from what was just stored, as the settings say; it never fails what was stored."""
    new = [
        outcome.record
        for outcome in outcomes
        if outcome.status == RememberStatus.STORED and is_source(outcome.record)
    ]
    if not new:
        return
    if engine.settings.extraction == "model" and engine.language_model is not None:
        queue = _QUEUES.get(engine)
        if queue is None:
            queue = _QUEUES.setdefault(engine, Queue())
        queue.add(engine, scope, new)
        return
    maker = Maker(INGEST, "rules", model=False)
    try:
        for start in range(0, len(new), _PAGE):
            found = await find(new[start : start + _PAGE], None, Tally())
            await keep(engine, scope, maker, found)
    except MemkitError as error:
        _log.warning("what was stored could not be extracted from: %s", error)


def waiting(engine: Engine) -> int:
    """How many records wait for the language model."""
    queue = _QUEUES.get(engine)
    return 0 if queue is None else queue.size


class Queue:
    """The records of an engine that wait for the language model."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._waiting: deque[tuple[Scope, MemoryRecord]] = deque()
        self._working = False
        self.left_out = 0

    @property
    def size(self) -> int:
        """How many wait, those that are just being read included."""
        return len(self._waiting)

    def add(self, engine: Engine, scope: Scope, records: Sequence[MemoryRecord]) -> None:
        """Let records wait, and see to it that somebody reads them."""
        with self._lock:
            room = WAITING - len(self._waiting)
            self._waiting.extend((scope, record) for record in records[:room])
            self.left_out += max(0, len(records) - room)
            start = not self._working and bool(self._waiting)
            self._working = self._working or start
        if len(records) > room:
            _log.info("the language model is behind: %d memories are left out", self.left_out)
        if start:
            engine.start(self._work(engine))

    async def _work(self, engine: Engine) -> None:
        wait = _FIRST_WAIT
        while True:
            with self._lock:
                some = list(islice(self._waiting, _BATCH))
                if not some:
                    self._working = False
                    return
            try:
                await self._read(engine, some)
            except LanguageModelUnavailable as error:
                _log.info("memories wait to be extracted from: %s", error)
                await asyncio.sleep(wait)
                wait = min(_LONGEST_WAIT, 2 * wait)
                continue
            except MemkitError as error:
                _log.warning("what was stored could not be extracted from: %s", error)
            wait = _FIRST_WAIT
            with self._lock:
                for _ in some:
                    self._waiting.popleft()

    async def _read(self, engine: Engine, some: Sequence[tuple[Scope, MemoryRecord]]) -> None:
        model = engine.language_model
        if model is None:
            return
        maker = Maker(INGEST, model.name, model=True)
        for scope in dict.fromkeys(scope for scope, _ in some):
            records = [record for of, record in some if of == scope]
            # It may have been forgotten or erased while it waited.
            there = await engine.backend.get(scope.namespace, [record.id for record in records])
            current = [there[record.id].record for record in records if record.id in there]
            sources = [record for record in current if is_source(record)]
            tally = Tally()
            found, names = apart(await find(sources, model, tally))
            await stamp(engine, scope.namespace, names)
            await keep(engine, scope, maker, found)
            if tally.counts["failures"]:
                _log.info("the language model failed on %d memories", tally.counts["failures"])


_QUEUES: WeakKeyDictionary[Engine, Queue] = WeakKeyDictionary()
