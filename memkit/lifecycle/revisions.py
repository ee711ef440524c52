"""Changes of a stored record: updates by compare-and-set, corrections that keep history."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from memkit.clock import utc_now
from memkit.drafts import (
    CONTENT_KEY,
    Draft,
    content_key,
    record_from,
    without_content_key,
)
from memkit.errors import DuplicateRecord, InvalidInput, VersionConflict
from memkit.hints import UNSEEN, event_hint, message_hint
from memkit.lifecycle.lending import lend_anew
from memkit.lifecycle.quoting import unquote
from memkit.protocols import Duplicate, Patch, Put, Stored, Touch
from memkit.scope import Scope
from memkit.types import (
    EventType,
    Link,
    MemoryRecord,
    Remembered,
    RememberStatus,
    State,
    Visibility,
)
from memkit.validation import (
    check_count,
    check_expiry,
    check_flag,
    check_kind,
    check_metadata,
    check_optional_text,
    check_tags,
    check_text,
    check_time,
    check_unit,
)

if TYPE_CHECKING:
    from memkit.engine import Engine

_ATTEMPTS = 16


class Unset(Enum):
    """The type of :data:`UNSET`."""

    UNSET = "unset"


#: An argument that was not given, where ``None`` means "none".
UNSET: Final = Unset.UNSET

Change = Callable[[MemoryRecord], MemoryRecord]


async def revise(
    engine: Engine,
    scope: Scope,
    id_: str,
    change: Change,
    *,
    expect_version: int | None = None,
    state: State | None = State.ACTIVE,
) -> MemoryRecord:
    """Apply ``change`` to a record and store the result as its next version.

    Without ``expect_version`` a change that is overtaken is applied again to what is there
    then.

    Args:
        engine: the engine of the store.
        scope: where the caller stands.
        id_: the record.
        change: makes the new record from the stored one.
        expect_version: the version the caller has seen.
        state: the state the record must be in; ``None``: any.

    Raises:
        RecordNotFound: the scope shows no such record.
        VersionConflict: ``expect_version`` is not the stored version.
        InvalidInput: the record is in another state.
        DuplicateRecord: another record says what this one would then say.
        Forbidden: it would have a tag that is hidden from the scope.
    """
    if expect_version is not None:
        check_count(expect_version, "expect_version", 1, 2**63 - 1)
    for _ in range(_ATTEMPTS):
        stored = await engine.one(scope, id_, vectors=True)
        record = stored.record
        if expect_version is not None and record.version != expect_version:
            raise VersionConflict(
                f"record {id_} is at version {record.version}, not {expect_version}: read it "
                "again, then repeat the change"
            )
        if state is not None and record.state != state:
            raise InvalidInput(
                f"record {id_} is {record.state}, not {state.value}: {_way_out(record)}"
            )
        changed = change(record)
        if changed is record:
            return record
        scope.require_taggable(changed.tags)
        if (changed.content, changed.speaker) != (record.content, record.speaker):
            (changed,) = await engine.named((changed,))
        changed = replace(changed, updated_at=utc_now(), version=record.version + 1)
        try:
            await _replace(engine, stored, changed)
        except VersionConflict:
            if expect_version is not None:
                raise
            continue
        await unquote(engine, scope, ((record, changed),))
        return changed
    raise VersionConflict(f"record {id_} keeps changing: try again")


def _way_out(record: MemoryRecord) -> str:
    if record.state == State.FORGOTTEN:
        return "restore it first"
    if record.superseded_by is not None:
        return f"change {record.superseded_by}, which took its place"
    return "restore it first"


async def _replace(engine: Engine, stored: Stored, changed: MemoryRecord) -> None:
    index = await engine.reindexed(stored, changed)
    unique = _keys_after(stored, changed)
    patch = Patch(changed, stored.record.version, index, unique, about=hint(stored.record, changed))
    (result,) = await engine.commit((patch,))
    if isinstance(result, Duplicate):
        raise DuplicateRecord(
            f"record {result.id} already says exactly this: forget one of the two"
        )
    if index is not None or changed.state != stored.record.state:
        await lend_anew(engine, (changed,))


def hint(before: MemoryRecord, after: MemoryRecord) -> str | None:
    """What the change feed is to keep where the new record alone will not tell it."""
    if after.state != before.state:
        hidden = after.state == State.FORGOTTEN
        return event_hint(EventType.FORGOTTEN if hidden else EventType.RESTORED)
    shown = before.visibility == Visibility.PRIVATE != after.visibility
    return message_hint(() if shown else before.tags, after.tags)


def _keys_after(stored: Stored, changed: MemoryRecord) -> tuple[str, ...]:
    """The unique keys of the changed record: a content key only while it is active.

    A record that was stored without one (copies were allowed then) gets none by a change of
    its text.
    """
    kept = without_content_key(stored.unique)
    had = any(key.startswith(CONTENT_KEY) for key in stored.unique)
    returns = stored.record.state != State.ACTIVE
    key = content_key(changed) if changed.state == State.ACTIVE and (had or returns) else None
    return kept if key is None else (*kept, key)


def revised(
    engine: Engine, scope: Scope, record: MemoryRecord, changes: Mapping[str, Any]
) -> MemoryRecord:
    """The record with ``update``'s arguments applied; unset ones leave what is there.

    Raises:
        InvalidInput: a value cannot be accepted.
    """
    given = {name: value for name, value in changes.items() if value is not UNSET}
    settings = engine.settings
    new: dict[str, Any] = {}
    if "content" in given:
        new["content"] = check_text(given["content"], "content", settings.max_content_chars)
        if new["content"] != record.content:
            # What was found in the old text, and what speaks for it.
            new["entities"] = ()
            new["summarized_by"] = None
    if "kind" in given:
        new["kind"] = check_kind(given["kind"])
    if "tags" in given:
        new["tags"] = check_tags(given["tags"], record.agent)
    if "metadata" in given:
        new["metadata"] = check_metadata(given["metadata"], settings.max_metadata_bytes)
    if "confidence" in given:
        new["confidence"] = check_unit(given["confidence"], "confidence")
    if "private" in given:
        private = check_flag(given["private"], "private")
        if private and record.agent is None:
            raise InvalidInput("this record has no author who could read it as private")
        if record.agent != scope.agent:
            raise InvalidInput("only its author makes a record private or shared: bind agent=")
        new["visibility"] = (Visibility.PRIVATE if private else Visibility.SHARED).value
    if "occurred_at" in given:
        new["occurred_at"] = check_time(given["occurred_at"], "occurred_at")
    if "speaker" in given:
        new["speaker"] = check_optional_text(given["speaker"], "speaker")
    if "source" in given:
        new["source"] = check_optional_text(given["source"], "source", 10_000)
    if "ttl" in given or "expires_at" in given:
        new["expires_at"] = check_expiry(given.get("ttl"), given.get("expires_at"), utc_now())
    changed = {name: value for name, value in new.items() if getattr(record, name) != value}
    return replace(record, **changed) if changed else record


async def correct(engine: Engine, scope: Scope, id_: str, draft: Draft) -> Remembered:
    """Store a new record in the place of an active one, which is kept as history.

    The new record stands where the old one stood and takes over its pin.
    """
    old = (await engine.one(scope, id_)).record
    home = replace(scope, project=old.project, task=old.task)
    now = utc_now()
    policy = await engine.policies.of(scope.namespace)
    new = replace(record_from(draft, home, now, engine.settings, policy), supersedes=id_)
    if content_key(new) is not None and content_key(new) == content_key(old):
        raise InvalidInput("the correction says what the record says already")
    (new,) = await engine.named((new,))
    (index,), notice = await engine.index((new,))

    for _ in range(_ATTEMPTS):
        stored = await engine.one(scope, id_, vectors=True)
        record = stored.record
        if record.state != State.ACTIVE:
            raise InvalidInput(f"record {id_} is {record.state}: {_way_out(record)}")
        closed = replace(
            record,
            state=State.SUPERSEDED.value,
            superseded_by=new.id,
            superseded_at=now,
            updated_at=now,
            version=record.version + 1,
        )
        patch = Patch(
            closed,
            record.version,
            unique=without_content_key(stored.unique),
            about=event_hint(EventType.SUPERSEDED),
        )
        key = content_key(new)
        put = Put(new, index, () if key is None else (key,))
        try:
            result, _ = await engine.commit((put, patch))
        except VersionConflict:
            continue
        standing = new
        if isinstance(result, Duplicate):
            # Another record says the corrected text already: that one takes the place.
            standing = (await engine.one(scope, result.id)).record
            repair = replace(closed, superseded_by=standing.id, version=closed.version + 1)
            await engine.write((Patch(repair, closed.version, about=UNSEEN),))
        await lend_anew(engine, (closed,))
        await unquote(engine, scope, ((record, None),))
        return Remembered(
            RememberStatus.SUPERSEDED,
            standing,
            matched=id_,
            notices=() if notice is None else (notice,),
        )
    raise VersionConflict(f"record {id_} keeps changing: try again")


async def forget(engine: Engine, scope: Scope, id_: str) -> MemoryRecord:
    """Hide a record from every read until it is restored; a forgotten one stays as it is."""

    def hide(record: MemoryRecord) -> MemoryRecord:
        if record.state == State.FORGOTTEN:
            return record
        return replace(record, state=State.FORGOTTEN.value, forgotten_at=utc_now())

    return await revise(engine, scope, id_, hide, state=None)


async def restore(engine: Engine, scope: Scope, id_: str) -> MemoryRecord:
    """Bring a forgotten, archived or merged record back; an active one stays as it is."""

    def show(record: MemoryRecord) -> MemoryRecord:
        if record.state == State.ACTIVE:
            return record
        shown = replace(record, forgotten_at=None, archived_at=None, archived_by=None)
        if record.superseded_by is not None and record.state == State.FORGOTTEN:
            # It was history before it was forgotten, and is history again.
            return replace(shown, state=State.SUPERSEDED.value)
        if record.retracted_at is not None and record.state != State.SUPERSEDED:
            return replace(shown, state=State.SUPERSEDED.value)
        if record.state == State.SUPERSEDED and record.subject is not None:
            raise InvalidInput(
                f"fact {id_} no longer holds: undo what took its place, or assert it again"
            )
        if record.state == State.SUPERSEDED:
            raise InvalidInput(
                f"record {id_} was corrected by {record.superseded_by}: forget that one, or "
                "correct it back"
            )
        return replace(shown, state=State.ACTIVE.value, superseded_by=None, superseded_at=None)

    return await revise(engine, scope, id_, show, state=None)


async def link(engine: Engine, scope: Scope, source: str, target: str, type_: str) -> MemoryRecord:
    """Add a link to a record; a link that is there already changes nothing.

    Raises:
        RecordNotFound: the scope shows one of the two records not.
        InvalidInput: both are the same record.
    """
    if source == target:
        raise InvalidInput("a record cannot link to itself")
    for end in (source, target):
        await engine.one(scope, end)
    edge = Link(check_kind(type_), target)

    def add(record: MemoryRecord) -> MemoryRecord:
        if edge in record.links:
            return record
        return replace(record, links=(*record.links, edge))

    return await revise(engine, scope, source, add)


async def unlink(
    engine: Engine, scope: Scope, source: str, target: str, type_: str | None
) -> MemoryRecord:
    """Remove a record's links to another, of one type or of all."""

    def remove(record: MemoryRecord) -> MemoryRecord:
        links = tuple(
            edge
            for edge in record.links
            if edge.target != target or (type_ is not None and edge.type != type_)
        )
        return record if links == record.links else replace(record, links=links)

    return await revise(engine, scope, source, remove)


async def feedback(engine: Engine, scope: Scope, id_: str, *, useful: bool) -> None:
    """Count a judgement of a record."""
    record = (await engine.one(scope, id_)).record
    await engine.write((Touch(record.namespace, id_, useful=int(useful), useless=int(not useful)),))
