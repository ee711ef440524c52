"""Boxes as they are stored: one small record each, changed by compare-and-set."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from memkit.messaging.intake import Box
from memkit.messaging.states import BoxState, state_from
from memkit.own import changed, created, own_id
from memkit.own import keep as keep_own
from memkit.protocols import Patch, Put
from memkit.scope import SYSTEM_NAMESPACE
from memkit.types import MemoryRecord

if TYPE_CHECKING:
    from memkit.engine import Engine

# How far a box was read is remembered, and written only after so many changes without a
# message for it.
_KIND = "inbox"
_SKIPPED_MAX = 5000
_REMEMBERED = 1000


@dataclass(slots=True)
class Loaded:
    """A box's state, and the record that holds it; ``None`` while none does."""

    box: Box
    record: MemoryRecord | None
    state: BoxState | None


def box_id(box: Box) -> str:
    """The id of the record that holds a box's state: the same for the same box."""
    scope = box.scope
    parts = [scope.namespace, scope.project, scope.task, box.consumer, box.channel, box.agent]
    return own_id(_KIND, *parts)


class _Memo:
    """How far boxes were read without anything to be stored."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: OrderedDict[tuple[str, Box], tuple[int, BoxState]] = OrderedDict()

    def note(self, loaded: Loaded) -> None:
        """Remember a state that follows from the stored one."""
        assert loaded.state is not None
        version = 0 if loaded.record is None else loaded.record.version
        key = (box_id(loaded.box), loaded.box)
        with self._lock:
            self._held[key] = (version, loaded.state.copy())
            self._held.move_to_end(key)
            while len(self._held) > _REMEMBERED:
                self._held.popitem(last=False)

    def recall(self, box: Box, version: int) -> BoxState | None:
        """The state that was remembered for this version of the stored one."""
        with self._lock:
            held = self._held.get((box_id(box), box))
        return held[1].copy() if held is not None and held[0] == version else None


_memos: WeakKeyDictionary[Engine, _Memo] = WeakKeyDictionary()


def _memo(engine: Engine) -> _Memo:
    return _memos.setdefault(engine, _Memo())


async def load(engine: Engine, boxes: list[Box]) -> list[Loaded]:
    """The boxes as they are stored, or as this process has read on from there."""
    ids = [box_id(box) for box in boxes]
    found = await engine.backend.get(SYSTEM_NAMESPACE, ids)
    loaded = []
    for box, id_ in zip(boxes, ids, strict=True):
        item = found.get(id_)
        record = None if item is None else item.record
        state = _memo(engine).recall(box, 0 if record is None else record.version)
        if state is None and record is not None:
            state = state_from(record.content)
        loaded.append(Loaded(box, record, state))
    return loaded


async def keep(engine: Engine, loaded: Loaded) -> bool:
    """Store a box's new state; false if somebody else has changed it meanwhile."""
    assert loaded.state is not None
    state = replace(loaded.state, skipped=0)
    if loaded.record is None:
        operation: Put | Patch = created(box_id(loaded.box), _KIND, state.text())
    else:
        operation = changed(loaded.record, state.text())
    if not await keep_own(engine.backend, operation):
        return False
    loaded.record, loaded.state = operation.record, state
    return True


async def remember(engine: Engine, loaded: Loaded) -> None:
    """Keep how far a box was read: for this process, or in the store once it is far."""
    assert loaded.state is not None
    if loaded.state.skipped < _SKIPPED_MAX or not await keep(engine, loaded):
        _memo(engine).note(loaded)
