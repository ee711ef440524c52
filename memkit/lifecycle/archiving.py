"""Archiving: records leave default recall, many at once, and come back as they were."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from memkit.clock import utc_now
from memkit.drafts import content_key, without_content_key
from memkit.errors import InvalidInput, RecordNotFound, VersionConflict
from memkit.hints import UNSEEN, event_hint
from memkit.indexing import index_terms
from memkit.lifecycle.lending import lent_anew
from memkit.places import place_in_conversation
from memkit.protocols import Duplicate, IndexData, Patch, Stored
from memkit.scope import Scope
from memkit.types import EventType, MemoryRecord, State

if TYPE_CHECKING:
    from memkit.engine import Engine

_ATTEMPTS: Final = 16


async def archive(engine: Engine, scope: Scope, id_: str) -> MemoryRecord:
    """Take a record out of default recall by hand; an archived one stays as it is.

    Raises:
        RecordNotFound: the scope shows no such record.
        InvalidInput: it is forgotten, merged or superseded.
    """
    for _ in range(_ATTEMPTS):
        stored = await engine.one(scope, id_, vectors=True)
        record = stored.record
        if record.state == State.ARCHIVED:
            return record
        if record.state != State.ACTIVE:
            raise InvalidInput(f"record {id_} is {record.state}: only active ones are archived")
        done = await put_away(engine, (stored,), None, utc_now())
        if done:
            return done[0]
    raise VersionConflict(f"record {id_} keeps changing: try again")


async def put_away(
    engine: Engine, found: Sequence[Stored], run: str | None, now: datetime
) -> list[MemoryRecord]:
    """Archive active records that were read with their unique keys; those that were archived.

    One that has changed since it was read stays. Each has its next version; ``updated_at`` tells
    of what it says, and stays.
    """
    patches = [
        Patch(
            replace(
                item.record,
                state=State.ARCHIVED.value,
                archived_at=now,
                archived_by=run,
                version=item.record.version + 1,
            ),
            item.record.version,
            # Whoever says the same again says something new.
            unique=without_content_key(item.unique),
        )
        for item in found
        if item.record.state == State.ACTIVE
    ]
    return await _changed(engine, patches)


async def bring_back(engine: Engine, found: Sequence[Stored]) -> list[MemoryRecord]:
    """Make hidden records active that were read with vectors and keys; those that now are.

    Where another active record says exactly the same by now, both stay: nothing is lost.
    """
    patches = []
    for item in found:
        active = replace(
            item.record,
            state=State.ACTIVE.value,
            archived_at=None,
            archived_by=None,
            superseded_by=None,
            superseded_at=None,
            version=item.record.version + 1,
        )
        key, kept = content_key(active), without_content_key(item.unique)
        unique = kept if key is None else (*kept, key)
        about = event_hint(EventType.RESTORED)
        patches.append(Patch(active, item.record.version, unique=unique, about=about))
    done = await _changed(engine, patches)
    await _find_again(engine, found, {record.id: record for record in done})
    return done


async def _changed(engine: Engine, patches: Sequence[Patch]) -> list[MemoryRecord]:
    """Write patches, each for itself where all at once will not do; what was written."""
    if not patches:
        return []
    done: list[MemoryRecord] = []
    try:
        results = await engine.commit(patches)
    except (VersionConflict, RecordNotFound):
        if len(patches) == 1:
            return []
        # Where batches are not atomic some are written: those fail now, and count as done.
        for patch in patches:
            done += await _changed(engine, (patch,)) or await _done_before(engine, patch)
        return done
    for patch, result in zip(patches, results, strict=True):
        if isinstance(result, Duplicate):
            kept = without_content_key(patch.unique or ())
            done += await _changed(engine, (replace(patch, unique=kept),))
        else:
            done.append(patch.record)
    await _write_each(engine, await lent_anew(engine, done))
    return done


async def _done_before(engine: Engine, patch: Patch) -> list[MemoryRecord]:
    record = patch.record
    found = (await engine.backend.get(record.namespace, (record.id,))).get(record.id)
    same = found is not None and (found.record.version, found.record.state) == (
        record.version,
        record.state,
    )
    return [record] if same else []


async def _find_again(
    engine: Engine, found: Iterable[Stored], active: dict[str, MemoryRecord]
) -> None:
    """Give turns the words again that the turns before them lend."""
    turns = [
        replace(item, record=active[item.record.id])
        for item in found
        if item.record.id in active and place_in_conversation(item.record) is not None
    ]
    if not turns:
        return
    terms, keys = await index_terms(engine.backend, [item.record for item in turns])
    # A store that was opened without an embedder takes no vectors.
    embeds = engine.vectorizer.fingerprint is not None
    patches = [
        Patch(
            item.record,
            item.record.version,
            IndexData(item.vector if embeds else None, words, signature),
            about=UNSEEN,
        )
        for item, words, signature in zip(turns, terms, keys, strict=True)
    ]
    await _write_each(engine, patches)


async def _write_each(engine: Engine, patches: Sequence[Patch]) -> None:
    """Write what nobody sees: whoever changed a record meanwhile has brought it up to date."""
    try:
        await engine.write(patches)
    except (VersionConflict, RecordNotFound):
        if len(patches) > 1:
            for patch in patches:
                await _write_each(engine, (patch,))
