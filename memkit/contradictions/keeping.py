"""Contradictions as they are kept: which two records, what was decided, never what they say.

Each is a record of memkit's own, beside the predicates and the inboxes, with the place and the
audience of its two records and links of the type ``contradicts`` to both. So it is in nobody's
recall, list, count, export or watch, has no vector and no words, and works on every backend. Its id
is a digest of the pair: two processes that find it keep it once.

It holds no text: the evidence is worked out anew from the two records whenever it is read, so it is
never out of date, is shown to nobody who may not read both, and is gone with either of them. The
newer record has besides a link of the type ``contradicts`` to the older one, for ``related``.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from memkit.errors import RecordNotFound, StoreCorrupt, VersionConflict
from memkit.filters import And, ContainsAny, Eq, Filter, In, Or
from memkit.hints import UNSEEN
from memkit.own import changed, created, own_id
from memkit.protocols import Delete, Duplicate, Operation, Order, Patch, Put
from memkit.scope import SYSTEM_NAMESPACE, Reach, Scope
from memkit.types import Link, MemoryRecord

if TYPE_CHECKING:
    from memkit.engine import Engine

KIND: Final = "contradiction"
LINK: Final = "contradicts"
OPEN, RESOLVED, DISMISSED = "open", "resolved", "dismissed"
_ATTEMPTS: Final = 8
_PAGE: Final = 200
#: Of what was decided about one pair the latest are kept.
_DECISIONS: Final = 20


@dataclass(frozen=True, slots=True)
class Decision:
    """What somebody or a rule decided about a contradiction.

    Attributes:
        what: ``keep``: one of the two; ``both``: they both hold; ``reopen``: nothing any more.
        kept: the id of the record that was kept.
        how: ``person``, or the rule: ``newest``, ``confidence``.
        by: the principal or agent that decided, as far as it is known.
        at: when.
        note: why, in their words.
    """

    what: str
    kept: str | None
    how: str
    by: str | None
    at: datetime
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """What a model said of a pair: of which versions of its records, and how sure it was."""

    kind: str
    strength: float
    versions: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Kept:
    """A contradiction as it is kept, with the record that keeps it."""

    record: MemoryRecord
    newer: str
    older: str
    status: str
    told: tuple[Told, ...]
    decisions: tuple[Decision, ...]

    @property
    def id(self) -> str:
        """Its id."""
        return self.record.id


def pair_id(namespace: str, a: str, b: str) -> str:
    """The id of the contradiction of two records, in whatever order."""
    return own_id(KIND, namespace, *sorted((a, b)))


def made(
    newer: MemoryRecord,
    older: MemoryRecord,
    run: str | None,
    told: Iterable[Told] = (),
    decisions: Sequence[Decision] = (),
) -> Put:
    """What keeps a contradiction of two records of one place, open."""
    return created(
        pair_id(newer.namespace, newer.id, older.id),
        KIND,
        _content(tuple(told), decisions),
        project=newer.project,
        task=newer.task,
        agent=newer.agent,
        visibility=newer.visibility,
        links=(Link(LINK, newer.id), Link(LINK, older.id)),
        tags=(OPEN,),
        source=newer.namespace,
        run=run,
    )


def kept_of(record: MemoryRecord, namespace: str) -> Kept | None:
    """A contradiction from the record that keeps it; ``None`` if it keeps none of this namespace.

    Raises:
        StoreCorrupt: it cannot be read.
    """
    if record.kind != KIND or record.source != namespace or len(record.links) != 2:
        return None
    try:
        held = json.loads(record.content)
        told = tuple(
            Told(each["kind"], float(each["strength"]), (each["versions"][0], each["versions"][1]))
            for each in held["told"]
        )
        decisions = tuple(
            Decision(**{**each, "at": datetime.fromisoformat(each["at"])})
            for each in held["decisions"]
        )
        (status,) = record.tags
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        raise StoreCorrupt(
            "what the store keeps of a contradiction cannot be read: restore a backup"
        ) from None
    newer, older = (link.target for link in record.links)
    return Kept(record, newer, older, status, told, decisions)


async def kept_in(
    engine: Engine,
    scope: Scope,
    reach: Reach,
    *,
    statuses: Sequence[str] | None = None,
    ids: Sequence[str] | None = None,
) -> AsyncIterator[Kept]:
    """What is kept for a reach of a scope, the latest first; its records are not looked at.

    Args:
        engine: the engine of the store.
        scope, reach: where the reader stands, and how far it looks.
        statuses: those that are wanted.
        ids: of contradictions, or of records that they are about.
    """
    parts: list[Filter] = [Eq("kind", KIND), Eq("source", scope.namespace)]
    parts.append(scope.readable(reach))
    if statuses is not None:
        parts.append(ContainsAny("tags", tuple(statuses)))
    if ids is not None:
        parts.append(Or((In("id", tuple(ids)), ContainsAny("link_to", tuple(ids)))))
    async for record in _scanned(engine, And(tuple(parts))):
        kept = kept_of(record, scope.namespace)
        if kept is not None:
            yield kept


async def held(engine: Engine, namespace: str, ids: Sequence[str]) -> dict[str, Kept]:
    """What is kept under these ids, whoever may see it."""
    found = await engine.backend.get(SYSTEM_NAMESPACE, ids)
    kept = {id_: kept_of(item.record, namespace) for id_, item in found.items()}
    return {id_: each for id_, each in kept.items() if each is not None}


async def store(engine: Engine, puts: Sequence[Put]) -> list[bool]:
    """Keep contradictions; for each whether it is new."""
    if not puts:
        return []
    results = await engine.backend.write(puts)
    return [not isinstance(result, Duplicate) for result in results]


async def change(
    engine: Engine, kept: Kept, status: str, decision: Decision | None, told: Sequence[Told] = ()
) -> Kept:
    """Note what was decided.

    Raises:
        VersionConflict: somebody else decided meanwhile.
        RecordNotFound: it is gone.
    """
    decisions = (*kept.decisions, *(() if decision is None else (decision,)))[-_DECISIONS:]
    said = (*kept.told, *told)
    patch = changed(kept.record, _content(said, decisions), tags=(status,))
    await engine.backend.write((patch,))
    return replace(kept, record=patch.record, status=status, told=said, decisions=decisions)


async def tie(engine: Engine, namespace: str, newer: str, older: str, *, on: bool) -> None:
    """Link the newer record to the older one, or take that link away; nobody is told.

    It is neither a version nor a change of what the record says, so it can be overtaken by one:
    the link is for whoever follows links, what counts is kept apart.
    """
    edge = Link(LINK, older)
    for _ in range(_ATTEMPTS):
        found = await engine.backend.get(namespace, (newer, older))
        if newer not in found or (on and older not in found):
            return
        record = found[newer].record
        if (edge in record.links) == on:
            return
        links = (
            (*record.links, edge) if on else tuple(link for link in record.links if link != edge)
        )
        patch = Patch(replace(record, links=links), record.version, about=UNSEEN)
        try:
            await engine.backend.write((patch,))
        except (VersionConflict, RecordNotFound):
            continue
        return


async def drop(engine: Engine, namespace: str, ids: Sequence[str]) -> int:
    """Delete what is kept about records that are gone; how many contradictions that were."""
    total = 0
    for at in range(0, len(ids), _PAGE):
        about = And(
            (
                Eq("kind", KIND),
                Eq("source", namespace),
                ContainsAny("link_to", tuple(ids[at : at + _PAGE])),
            )
        )
        gone: list[Operation] = [
            Delete(SYSTEM_NAMESPACE, record.id) async for record in _scanned(engine, about)
        ]
        if gone:
            await engine.backend.write(gone)
        total += len(gone)
    return total


async def drop_one(engine: Engine, kept: Kept) -> None:
    """Delete what is kept of one contradiction."""
    await engine.backend.write((Delete(SYSTEM_NAMESPACE, kept.id),))


async def _scanned(engine: Engine, wanted: Filter) -> AsyncIterator[MemoryRecord]:
    cursor: str | None = None
    while True:
        page = await engine.backend.scan(
            SYSTEM_NAMESPACE, wanted, order=Order(), cursor=cursor, limit=_PAGE
        )
        for item in page.items:
            yield item.record
        cursor = page.cursor
        if cursor is None:
            return


def _content(told: Iterable[Told], decisions: Iterable[Decision]) -> str:
    said: list[Mapping[str, Any]] = [asdict(each) for each in told]
    decided = [{**asdict(each), "at": each.at.isoformat()} for each in decisions]
    return json.dumps({"told": said, "decisions": decided}, ensure_ascii=False)
