"""Settling contradictions: one record kept, or both; by a person or a rule, and taken back.

Nothing is deleted. The record that is not kept is superseded by the one that is, as a correction
supersedes, or, if it is a fact, withdrawn. The decision is noted first and carried out then: what
broke off in between is carried out by deciding the same again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from memkit.clock import new_id, utc_now
from memkit.contradictions.asking import one, rules_of, shown
from memkit.contradictions.keeping import (
    DISMISSED,
    OPEN,
    RESOLVED,
    Decision,
    Kept,
    change,
    drop_one,
    held,
    made,
    store,
    tie,
)
from memkit.contradictions.pairs import ordered
from memkit.contradictions.results import CLOSED, Contradiction
from memkit.drafts import without_content_key
from memkit.errors import InvalidInput, RecordNotFound, VersionConflict
from memkit.facts.asserting import retract
from memkit.facts.settling import is_fact, settle
from memkit.hints import event_hint
from memkit.lifecycle.lending import lend_anew
from memkit.lifecycle.quoting import unquote
from memkit.lifecycle.revisions import revise
from memkit.protocols import Patch, Put
from memkit.scope import Scope
from memkit.types import EventType, MemoryRecord, State

if TYPE_CHECKING:
    from memkit.engine import Engine

#: Who decides: a person (or an agent on its behalf), or a rule of ``reconcile``.
HOW: Final = ("person", "newest", "confidence")
_ATTEMPTS: Final = 8


async def resolve(
    engine: Engine,
    scope: Scope,
    id_: str,
    *,
    keep: str | None,
    how: str = "person",
    note: str | None = None,
) -> Contradiction:
    """Keep one of the two records, or with ``keep=None`` both; see ``AsyncMemory.resolve``."""
    for _ in range(_ATTEMPTS):
        kept, told = await one(engine, scope, id_)
        if keep is not None and keep not in (kept.newer, kept.older):
            raise InvalidInput("keep is the id of one of the two records, or none: both hold")
        status = DISMISSED if keep is None else RESOLVED
        last = kept.decisions[-1] if kept.decisions else None
        again = kept.status == status and last is not None and last.kept == keep
        if kept.status != OPEN and not again:
            raise InvalidInput(f"contradiction {id_} is {kept.status}: reopen it first")
        if told.status == CLOSED:
            raise InvalidInput(f"contradiction {id_} is closed: one of its records stands no more")
        if not again:
            by = scope.author or scope.agent
            what = "both" if keep is None else "keep"
            decision = Decision(what, keep, how, by, utc_now(), note)
            try:
                kept = await change(engine, kept, status, decision)
            except (VersionConflict, RecordNotFound):
                continue
        if keep is None:
            await tie(engine, scope.namespace, kept.newer, kept.older, on=False)
        else:
            loser = kept.older if keep == kept.newer else kept.newer
            await _supersede(engine, scope, loser, keep)
        return await _shown(engine, scope, kept)
    raise VersionConflict("the contradiction keeps changing: try again")


async def reopen(engine: Engine, scope: Scope, id_: str, *, note: str | None) -> Contradiction:
    """Take a decision back: what was superseded stands again; see ``AsyncMemory.reopen``."""
    for _ in range(_ATTEMPTS):
        kept, told = await one(engine, scope, id_)
        if kept.status == OPEN:
            return told
        last = next((each for each in reversed(kept.decisions) if each.what != "reopen"), None)
        # First what was done, then that it was taken back: broken off, it is done again.
        again = None
        if kept.status == RESOLVED and last is not None and last.kept is not None:
            loser = kept.older if last.kept == kept.newer else kept.newer
            again = await _restore(engine, scope, loser, last.kept)
        by = scope.author or scope.agent
        decision = Decision("reopen", None, "person", by, utc_now(), note)
        try:
            if again is not None:
                kept = await _renewed(engine, scope, kept, again, decision)
            else:
                kept = await change(engine, kept, OPEN, decision)
        except (VersionConflict, RecordNotFound):
            continue
        await tie(engine, scope.namespace, kept.newer, kept.older, on=True)
        return await _shown(engine, scope, kept)
    raise VersionConflict("the contradiction keeps changing: try again")


async def _shown(engine: Engine, scope: Scope, kept: Kept) -> Contradiction:
    rules = await rules_of(engine, scope.namespace)
    for each in await shown(engine, scope, [kept], rules):
        return each
    raise RecordNotFound(f"no contradiction {kept.id} is visible from this scope")


async def _supersede(engine: Engine, scope: Scope, loser: str, winner: str) -> None:
    """Put one record in the place of another, which is kept as history."""
    for _ in range(_ATTEMPTS):
        stored = await engine.one(scope, loser, vectors=True)
        record = stored.record
        if is_fact(record):
            if record.retracted_at is None:
                await retract(engine, scope, loser)
            return
        if record.state != State.ACTIVE:
            return
        now = utc_now()
        closed = replace(
            record,
            state=State.SUPERSEDED.value,
            superseded_by=winner,
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
        try:
            await engine.commit((patch,))
        except VersionConflict:
            continue
        await lend_anew(engine, (closed,))
        await unquote(engine, scope, ((record, None),))
        return
    raise VersionConflict(f"record {loser} keeps changing: try again")


async def _restore(engine: Engine, scope: Scope, loser: str, winner: str) -> MemoryRecord | None:
    """Let a record stand again that another took the place of; a fact is asserted anew.

    Returns:
        the fact that now says what the withdrawn one said; what was withdrawn stays so.
    """
    record = (await engine.one(scope, loser)).record
    if is_fact(record):
        if record.retracted_at is None:
            return None
        now = utc_now()
        again = replace(
            record,
            id=new_id(),
            created_at=now,
            updated_at=now,
            state=State.ACTIVE.value,
            retracted_at=None,
            superseded_by=None,
            superseded_at=None,
            supersedes=loser,
            version=1,
            author=scope.author,
        )
        (index,), notice = await engine.index((again,))
        await engine.commit((Put(again, index),))
        if notice is not None:
            engine.note_missing()
        settled = await settle(engine, (again,))
        return settled.get(again.id, again)

    def show(record: MemoryRecord) -> MemoryRecord:
        if record.state != State.SUPERSEDED or record.superseded_by != winner:
            return record
        return replace(record, state=State.ACTIVE.value, superseded_by=None, superseded_at=None)

    await revise(engine, scope, loser, show, state=None)
    return None


async def _renewed(
    engine: Engine, scope: Scope, kept: Kept, again: MemoryRecord, decision: Decision
) -> Kept:
    """The contradiction with a fact that was asserted anew, in the place of the old one."""
    other = kept.newer if again.supersedes == kept.older else kept.older
    standing = (await engine.one(scope, other)).record
    newer, older = ordered(again, standing)
    put = made(newer, older, kept.record.run, decisions=(*kept.decisions, decision))
    await store(engine, (put,))
    await drop_one(engine, kept)
    return (await held(engine, scope.namespace, (put.record.id,)))[put.record.id]
