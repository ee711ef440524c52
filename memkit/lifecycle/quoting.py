"""What runs made of a record, once that says something else or is not for everybody any more."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, TypeAlias

from memkit.lifecycle.erasure import erase_found, made_of
from memkit.scope import Scope
from memkit.types import MemoryRecord, State, Visibility
from memkit.validation import MESSAGE_TAG

if TYPE_CHECKING:
    from memkit.engine import Engine

#: The kinds of records that quote what they were made of; a later consolidation makes them anew.
QUOTING: Final = frozenset({"summary", "episode", "dossier"})


#: A record as it was and as it is; ``None``: another took its place.
Change: TypeAlias = tuple[MemoryRecord, MemoryRecord | None]


async def unquote(engine: Engine, scope: Scope, changes: Iterable[Change]) -> None:
    """Erase what must not say any more what records said.

    Summaries that quote one, where its text is another by now or it stands no more. Where fewer may
    read it than before, all that runs made of it: they would tell the others.
    """
    narrowed: list[str] = []
    stale: list[str] = []
    for before, after in changes:
        if after is not None and _narrowed(before, after):
            narrowed.append(before.id)
        elif _stale(before, after):
            stale.append(before.id)
    doomed = {record.id: record for record in await made_of(engine, scope, narrowed)}
    for record in await made_of(engine, scope, stale):
        if record.kind in QUOTING:
            doomed[record.id] = record
    if doomed:
        await erase_found(engine, scope, list(doomed.values()))


def _narrowed(before: MemoryRecord, after: MemoryRecord) -> bool:
    private = after.visibility == Visibility.PRIVATE != before.visibility
    channels = {tag for tag in after.tags if tag.startswith(MESSAGE_TAG)}
    return private or not channels <= set(before.tags)


def _stale(before: MemoryRecord, after: MemoryRecord | None) -> bool:
    if after is None:
        return True
    return before.state == State.ACTIVE and (
        after.content != before.content or after.state not in (State.ACTIVE, State.ARCHIVED)
    )
