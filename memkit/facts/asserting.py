"""Writing facts: asserted, corrected, withdrawn, undone; and the states that follow from it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from memkit.clock import utc_now
from memkit.drafts import Draft, record_from
from memkit.errors import InvalidInput, RecordNotFound, VersionConflict
from memkit.facts.deriving import begins, known, standing, strength
from memkit.facts.predicates import predicate_name, rule_of
from memkit.filters import And, Eq, Filter, In
from memkit.hints import UNSEEN, event_hint
from memkit.places import place_of
from memkit.protocols import Operation, Patch, Put, Stored
from memkit.scope import Reach, Scope
from memkit.types import EventType, MemoryRecord, State
from memkit.validation import check_text, check_time

if TYPE_CHECKING:
    from memkit.engine import Engine

KIND = "fact"
#: The states in which a fact's record is an assertion; what is forgotten was not said.
KEPT = (State.ACTIVE.value, State.SUPERSEDED.value, State.ARCHIVED.value)
SUBJECT_MAX = 1_000
OBJECT_MAX = 10_000
_ATTEMPTS = 16


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
    group = await Group.of(engine, scope, record)
    if told.valid_from is None and told.valid_to is None:
        for held in standing(known(group.records, None), record.created_at, single=group.single):
            if held.object == record.object and held.valid_to is None:
                return Asserted("duplicate", held)
    (index,), notice = await engine.index((record,))
    await engine.commit((Put(record, index),))
    if notice is not None:
        engine.note_missing()
    closed, reopened, now_held = await group.settled(record)
    notices = () if notice is None else (notice,)
    return Asserted("stored", now_held, closed, reopened, notices)


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
    for _ in range(_ATTEMPTS):
        stored = await engine.one(scope, id_, vectors=True)
        record = stored.record
        if record.kind != KIND or record.subject is None:
            raise InvalidInput(f"record {id_} is no fact: correct or forget it instead")
        if record.retracted_at is not None:
            raise InvalidInput(f"fact {id_} was withdrawn before")
        now = utc_now()
        withdrawn = replace(
            record,
            retracted_at=now,
            state=State.SUPERSEDED.value,
            superseded_by=None if by is None else by.id,
            superseded_at=now,
            updated_at=now,
            version=record.version + 1,
        )
        batch: list[Operation] = [
            Patch(withdrawn, record.version, about=event_hint(EventType.SUPERSEDED))
        ]
        notices: tuple[str, ...] = ()
        if by is not None:
            (index,), notice = await engine.index((by,))
            batch.insert(0, Put(by, index))
            if notice is not None:
                engine.note_missing()
                notices = (notice,)
        try:
            await engine.commit(batch)
        except VersionConflict:
            continue
        group = await Group.of(engine, scope, withdrawn)
        closed, reopened, _ = await group.settled(withdrawn if by is None else by)
        if by is None:
            return Asserted("retracted", withdrawn, closed, reopened)
        return Asserted("corrected", by, (id_, *closed), reopened, notices)
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
    done = await retract(engine, scope, id_, by=new)
    if (old.subject, old.predicate) != (new.subject, new.predicate):
        group = await Group.of(engine, scope, new)
        await group.settled(new)
    return done


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
    if before is None or before.record.retracted_at is None:
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


class Group:
    """The assertions of one subject and predicate in one place."""

    def __init__(
        self, engine: Engine, scope: Scope, like: MemoryRecord, held: Sequence[Stored], single: bool
    ) -> None:
        self._engine = engine
        self._scope = scope
        self._like = like
        self._held = held
        self.single = single

    @classmethod
    async def of(cls, engine: Engine, scope: Scope, like: MemoryRecord) -> Group:
        """The group that a fact belongs to."""
        assert like.predicate is not None
        rule = await rule_of(engine, like.namespace, like.predicate)
        return cls(engine, scope, like, await _group(engine, scope, like), rule.single)

    @property
    def records(self) -> list[MemoryRecord]:
        """Its assertions, also those that were withdrawn."""
        return [item.record for item in self._held]

    async def settled(
        self, about: MemoryRecord
    ) -> tuple[tuple[str, ...], tuple[str, ...], MemoryRecord]:
        """Bring the states of its records in line with what follows now.

        Returns:
            the ids of those that no longer hold, of those that hold again, and the record that
            it was about as it now stands.
        """
        closed: list[str] = []
        reopened: list[str] = []
        for _ in range(_ATTEMPTS):
            held = await _group(self._engine, self._scope, self._like)
            now = utc_now()
            patches = changes([item.record for item in held], now, single=self.single)
            about = next((i.record for i in held if i.record.id == about.id), about)
            if not patches:
                break
            try:
                await self._engine.write(patches)
            except (VersionConflict, RecordNotFound):
                # Somebody else settles it, or changes it further.
                continue
            for patch in patches:
                ends = patch.record.state != State.ACTIVE
                (closed if ends else reopened).append(patch.record.id)
                about = patch.record if patch.record.id == about.id else about
            break
        return tuple(closed), tuple(reopened), about


def changes(records: Sequence[MemoryRecord], now: datetime, *, single: bool) -> list[Patch]:
    """The patches that make the records' states say which of them hold now, or will."""
    valid = [each for each in known(records, None) if each.state in _DERIVED]
    holds = standing(valid, now, single=single)
    holder = holds[0] if single and holds else None
    patches = []
    for record in valid:
        over = record.valid_to is not None and record.valid_to <= now
        beaten = (
            holder is not None
            and holder.id != record.id
            and begins(record) <= now
            and strength(record) < strength(holder)
        )
        # Beaten by one that ends, it holds again after that: it stays recallable until then.
        if not (over or beaten):
            state, by = State.ACTIVE.value, None
        else:
            state, by = State.SUPERSEDED.value, holder.id if beaten and holder else None
        if (record.state, record.superseded_by) == (state, by):
            continue
        shown = state == State.ACTIVE
        changed = replace(
            record,
            state=state,
            superseded_by=by,
            superseded_at=None if shown else record.superseded_at or now,
            updated_at=now,
            version=record.version + 1,
        )
        event = EventType.RESTORED if shown else EventType.SUPERSEDED
        about = UNSEEN if record.state == state else event_hint(event)
        patches.append(Patch(changed, record.version, about=about))
    return patches


_DERIVED = (State.ACTIVE.value, State.SUPERSEDED.value)


async def _group(engine: Engine, scope: Scope, like: MemoryRecord) -> list[Stored]:
    assert like.subject is not None
    assert like.predicate is not None
    home = replace(scope, project=like.project, task=like.task)
    wanted: Filter = And(
        (
            Eq("subject", like.subject),
            Eq("predicate", like.predicate),
            Eq("kind", KIND),
            In("state", KEPT),
            home.readable(Reach.EXACT),
        )
    )
    place = place_of(like)
    found: list[Stored] = []
    cursor: str | None = None
    while True:
        page = await engine.backend.scan(like.namespace, wanted, cursor=cursor, limit=500)
        found += [item for item in page.items if place_of(item.record) == place]
        cursor = page.cursor
        if cursor is None:
            return found
