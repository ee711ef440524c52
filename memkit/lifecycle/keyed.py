"""Records under keys of their callers: put again, a key's record says what was put last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from memkit.clock import utc_now
from memkit.drafts import Draft, keyed_id, record_from
from memkit.engine import WRITE_CHUNK, Progress
from memkit.errors import Forbidden, InvalidInput, RecordNotFound, VersionConflict
from memkit.hints import event_hint
from memkit.lifecycle.lending import lend_anew
from memkit.lifecycle.quoting import unquote
from memkit.lifecycle.revisions import hint
from memkit.protocols import Duplicate, Patch, Put
from memkit.scope import Scope
from memkit.types import EventType, MemoryRecord, Remembered, RememberStatus, State

if TYPE_CHECKING:
    from memkit.engine import Engine
    from memkit.policy import Policy

_ATTEMPTS = 64


async def put(
    engine: Engine, scope: Scope, drafts: Sequence[Draft], progress: Progress | None = None
) -> list[Remembered]:
    """Store each draft under its key, in the place of what the key holds.

    Of several drafts with one key the last is stored, and the others have its result. Writers
    who put the same key at once replace each other's record: whoever is last stays.

    Raises:
        InvalidInput: a draft cannot be accepted, or has no key; nothing was written.
        Forbidden: what a key holds has a tag that is hidden from the scope, or was written by
            somebody else where authors are known.
        VersionConflict: a record changed faster than it could be replaced.
    """
    engine.require_open()
    vectors = engine.given(drafts) or [None] * len(drafts)
    policy = await engine.policies.of(scope.namespace)
    records = [_record(engine, scope, draft, policy) for draft in drafts]
    if engine.finder is not None:
        records = await engine.named(records)
    last = {record.id: at for at, record in enumerate(records)}
    chosen = sorted(last.values())
    done: dict[str, Remembered] = {}
    for start in range(0, len(chosen), WRITE_CHUNK):
        chunk = chosen[start : start + WRITE_CHUNK]
        index, notice = await engine.index(
            [records[at] for at in chunk], [vectors[at] for at in chunk]
        )
        puts = [Put(records[at], data) for at, data in zip(chunk, index, strict=True)]
        if notice is not None:
            engine.note_missing()
        for outcome in await _stored(engine, scope, puts, () if notice is None else (notice,)):
            done[outcome.id] = outcome
        if progress is not None:
            progress(len(done), len(chosen))
    return [done[record.id] for record in records]


def _record(engine: Engine, scope: Scope, draft: Draft, policy: Policy) -> MemoryRecord:
    if draft.key is None:
        raise InvalidInput("a memory to put needs a key")
    if draft.idempotency_key is not None:
        raise InvalidInput("a key is enough: to put a memory twice is to put it once")
    record = record_from(draft, scope, utc_now(), engine.settings, policy)
    return replace(record, id=keyed_id(scope, draft.key, private=draft.private))


async def _stored(
    engine: Engine, scope: Scope, puts: Sequence[Put], notices: tuple[str, ...]
) -> list[Remembered]:
    results = await engine.commit(puts)
    stored: list[Remembered] = []
    there: list[Put] = []
    for each, result in zip(puts, results, strict=True):
        if isinstance(result, Duplicate):
            there.append(each)
        else:
            stored.append(Remembered(RememberStatus.STORED, each.record, notices=notices))
    if there:
        try:
            stored += await _replaced(engine, scope, there, notices)
        except (VersionConflict, RecordNotFound):
            # Somebody else is at one of them: one by one, each as often as it takes.
            for each in there:
                stored.append(await _settled(engine, scope, each, notices))
    return stored


async def _settled(engine: Engine, scope: Scope, put_: Put, notices: tuple[str, ...]) -> Remembered:
    for _ in range(_ATTEMPTS):
        try:
            (outcome,) = await _replaced(engine, scope, (put_,), notices)
        except VersionConflict:
            continue
        except RecordNotFound:
            # Erased meanwhile: the key is free again.
            (result,) = await engine.commit((put_,))
            if isinstance(result, Duplicate):
                continue
            return Remembered(RememberStatus.STORED, put_.record, notices=notices)
        return outcome
    raise VersionConflict("the record under this key keeps changing: try again")


async def _replaced(
    engine: Engine, scope: Scope, puts: Sequence[Put], notices: tuple[str, ...]
) -> list[Remembered]:
    """Replace the records that are there by these, all of them or (where it can be) none."""
    held = await engine.backend.get(scope.namespace, [each.record.id for each in puts])
    patches = []
    for each in puts:
        if each.record.id not in held:
            raise RecordNotFound("the record is gone")
        before = held[each.record.id].record
        scope.require_taggable(before.tags)
        _require_own(scope, before)
        patches.append(_patch(before, each))
    await engine.commit(patches)
    await unquote(
        engine,
        scope,
        [(held[patch.record.id].record, patch.record) for patch in patches],
    )
    changed = [patch.record for patch in patches]
    if any(record.conversation_id is not None for record in changed):
        await lend_anew(engine, changed)
    return [
        Remembered(RememberStatus.UPDATED, record, matched=record.id, notices=notices)
        for record in changed
    ]


def _require_own(scope: Scope, held: MemoryRecord) -> None:
    """Refuse to put words in another's mouth, where it is known who is who."""
    own = held.agent == scope.agent and held.author in (None, scope.author)
    if scope.author is not None and not own:
        raise Forbidden(
            "another agent keeps a record under this key: correct that one, or take another key"
        )


def _patch(before: MemoryRecord, put_: Put) -> Patch:
    new = put_.record
    expired = before.expires_at is not None and before.expires_at <= new.created_at
    gone = expired or before.state == State.FORGOTTEN
    after = replace(
        new,
        # What was forgotten or has expired was not there for whoever puts: this is a new one.
        created_at=new.created_at if gone else before.created_at,
        updated_at=max(new.updated_at, before.updated_at),
        version=before.version + 1,
        links=() if gone else before.links,
        uses=before.uses,
        used_at=before.used_at,
        useful=before.useful,
        useless=before.useless,
    )
    about = event_hint(EventType.CREATED) if expired else hint(before, after)
    return Patch(after, before.version, put_.index, about=about)
