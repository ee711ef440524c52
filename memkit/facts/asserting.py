"""Writing facts: asserted, corrected, withdrawn, undone."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from memkit.clock import utc_now
from memkit.drafts import Draft, record_from
from memkit.errors import InvalidInput, RecordNotFound, VersionConflict
from memkit.facts.deriving import sides
from memkit.facts.predicates import predicate_name
from memkit.facts.settling import ATTEMPTS, KEPT, KIND, Group, Settled, Tally, is_fact
from memkit.hints import event_hint
from memkit.protocols import IndexData, Operation, Patch, Put
from memkit.scope import Scope
from memkit.types import EventType, MemoryRecord, State
from memkit.validation import check_text, check_time

if TYPE_CHECKING:
    from memkit.engine import Engine

SUBJECT_MAX = 1_000
OBJECT_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Assertion:
    """A fact as it is handed in.

    Attributes:
        subject, predicate, object: whom it is about, what is said of them, the value.
        valid_from, valid_to: when it is true (aware); from now on, unless told otherwise.
        content: the sentence that is recalled; made of the three parts, unless given.
        confidence, source, tags, metadata, private: as for a memory.
    """

    subject: str
    predicate: str
    object: str
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    content: str | None = None
    confidence: float | None = None
    source: str | None = None
    tags: Iterable[str] = ()
    metadata: Mapping[str, Any] | None = None
    private: bool = False


@dataclass(frozen=True, slots=True)
class Asserted:
    """What came of a fact that was handed in.

    Attributes:
        status: ``stored``; ``duplicate``: it was known already; ``corrected``, ``retracted``.
        record: the record that says it.
        closed: the ids of facts that no longer hold because of it.
        reopened: the ids of facts that hold again because of it.
        notices: what was missing, for instance a vector that will be added later.
    """

    status: str
    record: MemoryRecord
    closed: tuple[str, ...] = ()
    reopened: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()


def name_of(value: object, what: str, most: int) -> str:
    """A name as it is compared: composed, with single spaces.

    Raises:
        InvalidInput: it is blank, too long or cannot be stored.
    """
    return " ".join(unicodedata.normalize("NFC", check_text(value, what, most)).split())


async def assert_fact(engine: Engine, scope: Scope, told: Assertion) -> Asserted:
    """Store a fact, unless it is known to hold already.

    Raises:
        InvalidInput: a part cannot be accepted, or it would end before it begins.
        StoreError: the store could not keep it.
    """
    engine.require_open()
    record = _record(engine, scope, told)
    group = await Group.of(engine, record)
    if told.valid_from is None and told.valid_to is None:
        pair = sides(record, group.rule.symmetric), record.object
        for held in group.standing(record.created_at):
            same = held.object if held.subject == record.subject else held.subject
            if (sides(held, group.rule.symmetric), same) == pair and held.valid_to is None:
                return Asserted("duplicate", held)
    (index,), notice = await engine.index((record,))
    kept, tally = await _stored(engine, group, record, index)
    if notice is not None:
        engine.note_missing()
    if group.rule.single:
        # Whoever wrote at the same time did not see it, nor was seen.
        await group.read_again()
        settled = await group.settle()
    else:
        settled = Settled((), (), {})
    notices = () if notice is None else (notice,)
    return _told("stored", record.id, kept, (tally, settled), notices)


async def _stored(
    engine: Engine, group: Group, record: MemoryRecord, index: IndexData
) -> tuple[MemoryRecord, Settled]:
    """Store a fact in the state that it must have, and what it changes where that is one write."""
    tally = Tally()
    for _ in range(ATTEMPTS):
        patches = group.changes(new=record)
        own = next((patch.record for patch in patches if patch.record.id == record.id), record)
        own = replace(own, version=1)
        others = [patch for patch in patches if patch.record.id != record.id]
        if not engine.backend.capabilities.atomic_batch:
            await engine.commit((Put(own, index),))
            break
        try:
            await engine.commit((Put(own, index), *others))
        except (VersionConflict, RecordNotFound):
            await group.read_again()
            continue
        tally.add(group.records, others)
        break
    else:
        own = record
        await engine.commit((Put(own, index),))
    return own, tally.settled({})


def _told(
    status: str,
    id_: str,
    record: MemoryRecord,
    settled: Iterable[Settled],
    notices: tuple[str, ...] = (),
) -> Asserted:
    """What came of a fact, whatever was settled for it, itself left out."""
    closed: list[str] = []
    reopened: list[str] = []
    for each in settled:
        record = each.records.get(id_, record)
        closed += [other for other in each.closed if other != id_]
        reopened += [other for other in each.reopened if other != id_]
    return Asserted(status, record, tuple(closed), tuple(reopened), notices)


def _record(engine: Engine, scope: Scope, told: Assertion) -> MemoryRecord:
    subject = name_of(told.subject, "subject", SUBJECT_MAX)
    predicate = predicate_name(told.predicate)
    object_ = name_of(told.object, "object", OBJECT_MAX)
    now = utc_now()
    valid_from = check_time(told.valid_from, "valid_from") or now
    valid_to = check_time(told.valid_to, "valid_to")
    if valid_to is not None and valid_to <= valid_from:
        raise InvalidInput("valid_to must be after valid_from: a fact ends after it begins")
    content = told.content
    if content is None:
        content = f"{subject} {predicate.replace('_', ' ')} {object_}"
    draft = Draft(
        content=content,
        kind=KIND,
        tags=told.tags,
        metadata=told.metadata,
        private=told.private,
        confidence=told.confidence,
        source=told.source,
    )
    return replace(
        record_from(draft, scope, now, engine.settings),
        subject=subject,
        predicate=predicate,
        object=object_,
        valid_from=valid_from,
        valid_to=valid_to,
    )


async def retract(
    engine: Engine, scope: Scope, id_: str, *, by: MemoryRecord | None = None
) -> Asserted:
    """Withdraw a fact that was never right; it is kept, and known to have been believed.

    Raises:
        RecordNotFound: the scope shows no such record.
        InvalidInput: it is no fact, or was withdrawn before.
    """
    index, notice = IndexData(None, ()), None
    if by is not None:
        (index,), notice = await engine.index((by,))
    for _ in range(ATTEMPTS):
        stored = await engine.one(scope, id_)
        record = stored.record
        if not is_fact(record):
            raise InvalidInput(f"record {id_} is no fact: correct or forget it instead")
        if record.retracted_at is not None:
            raise InvalidInput(f"fact {id_} was withdrawn before")
        now = utc_now()
        # At the moment from which the other is known, so that none lies between.
        at = now if by is None else max(by.created_at, record.created_at)
        withdrawn = replace(
            record,
            retracted_at=at,
            state=State.SUPERSEDED.value,
            superseded_by=None if by is None else by.id,
            superseded_at=at,
            updated_at=now,
            version=record.version + 1,
        )
        batch: list[Operation] = [
            Patch(withdrawn, record.version, about=event_hint(EventType.SUPERSEDED))
        ]
        if by is not None:
            batch.insert(0, Put(by, index))
        try:
            await engine.commit(batch)
        except VersionConflict:
            continue
        if notice is not None:
            engine.note_missing()
        settled = [await (await Group.of(engine, withdrawn)).settle()]
        if by is None:
            return _told("retracted", id_, withdrawn, settled)
        settled.append(await (await Group.of(engine, by)).settle())
        done = _told("corrected", by.id, by, settled, () if notice is None else (notice,))
        return replace(done, closed=(id_, *done.closed))
    raise VersionConflict(f"fact {id_} keeps changing: try again")


async def correct(engine: Engine, scope: Scope, id_: str, told: Assertion) -> Asserted:
    """Say what was right instead of a fact that was never right.

    Raises:
        RecordNotFound: the scope shows no such record.
        InvalidInput: it is no fact, or says the same.
    """
    old = (await engine.one(scope, id_)).record
    home = replace(scope, project=old.project, task=old.task)
    new = replace(_record(engine, home, told), supersedes=id_)
    same = ("subject", "predicate", "object", "valid_from", "valid_to")
    if all(getattr(old, name) == getattr(new, name) for name in same):
        raise InvalidInput("the correction says what the fact says already")
    return await retract(engine, scope, id_, by=new)


async def undo(engine: Engine, scope: Scope, id_: str) -> Asserted:
    """Take back an assertion or a correction: what was believed before is believed again.

    What a correction had withdrawn is asserted anew, since what was withdrawn stays so.

    Raises:
        RecordNotFound: the scope shows no such record.
        InvalidInput: it is no fact, or was taken back before.
    """
    record = (await engine.one(scope, id_)).record
    before = None
    if record.supersedes is not None:
        before = (await engine.visible(scope, (record.supersedes,))).get(record.supersedes)
    kept = before is not None and before.record.state in KEPT
    if before is None or not kept or before.record.retracted_at is None:
        return await retract(engine, scope, id_)
    now = utc_now()
    again = replace(
        before.record,
        id=record_from(Draft("again"), scope, now, engine.settings).id,
        created_at=now,
        updated_at=now,
        state=State.ACTIVE.value,
        retracted_at=None,
        superseded_by=None,
        superseded_at=None,
        supersedes=id_,
        version=1,
        author=scope.author,
    )
    return await retract(engine, scope, id_, by=again)
