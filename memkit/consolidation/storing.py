"""Summaries written with the marks of what they speak for: both, or neither."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from memkit.clock import utc_now
from memkit.consolidation.groups import Group
from memkit.errors import RecordNotFound, VersionConflict
from memkit.hints import UNSEEN
from memkit.protocols import Operation, Patch, Put, Stored
from memkit.scope import Scope
from memkit.types import MemoryRecord, State

if TYPE_CHECKING:
    from memkit.engine import Engine


@dataclass(frozen=True, slots=True)
class Made:
    """A group and the record that sums it up."""

    group: Group
    record: MemoryRecord


async def store(engine: Engine, scope: Scope, run: str, made: Sequence[Made]) -> list[Made]:
    """Store summaries and mark their sources; those that were stored.

    A group of which a record has changed since it was found is left alone: it is found anew, as
    it is then, the next time. Done again after a crash, it stores nothing twice.
    """
    if not made:
        return []
    held = await _held(engine, scope, made)
    fit = [each for each in made if _fits(each, held, run)]
    new = [each.record for each in fit if each.record.id not in held]
    batch: list[Operation] = []
    if new:
        index, notice = await engine.index(new)
        if notice is not None:
            engine.note_missing()
        batch += [Put(record, data) for record, data in zip(new, index, strict=True)]
    for each in fit:
        batch += _marks(each, held)
        batch += _archived(each, held, run)
    try:
        await engine.write(batch)
    except (VersionConflict, RecordNotFound):
        if len(fit) <= 1:
            return []
        # One by one, so that what changed costs its own group alone.
        stored = []
        for each in fit:
            stored += await store(engine, scope, run, (each,))
        return stored
    return fit


async def _held(engine: Engine, scope: Scope, made: Sequence[Made]) -> dict[str, Stored]:
    wanted: dict[str, None] = {}
    for each in made:
        wanted[each.record.id] = None
        wanted.update((record.id, None) for record in each.group.sources)
        wanted.update((record.id, None) for record in each.group.replaces)
    ids = list(wanted)
    held: dict[str, Stored] = {}
    for start in range(0, len(ids), 1000):
        held |= await engine.backend.get(scope.namespace, ids[start : start + 1000])
    return held


def _fits(each: Made, held: Mapping[str, Stored], run: str) -> bool:
    """Whether a group is as it was found, and its summary stands or is not there yet."""
    there = held.get(each.record.id)
    if there is not None and there.record.state != State.ACTIVE:
        return False
    for source in each.group.sources:
        item = held.get(source.id)
        if item is None:
            return False
        now = item.record
        if (now.version, now.state) != (source.version, source.state):
            return False
        if each.group.marks and now.summarized_by not in (None, each.record.id):
            return False
    return True


def _marks(each: Made, held: Mapping[str, Stored]) -> list[Patch]:
    if not each.group.marks:
        return []
    id_ = each.record.id
    return [
        # Nobody who reads it sees a change: it says what it said.
        Patch(replace(now, summarized_by=id_), now.version, about=UNSEEN)
        for source in each.group.members
        if (now := held[source.id].record).summarized_by != id_
    ]


def _archived(each: Made, held: Mapping[str, Stored], run: str) -> list[Patch]:
    """What takes earlier dossiers out of recall; undoing the run brings them back."""
    patches = []
    for earlier in each.group.replaces:
        item = held.get(earlier.id)
        if item is None or item.record.state != State.ACTIVE:
            continue
        changed = replace(
            item.record,
            state=State.ARCHIVED.value,
            archived_at=utc_now(),
            archived_by=run,
            version=item.record.version + 1,
        )
        patches.append(Patch(changed, item.record.version))
    return patches
