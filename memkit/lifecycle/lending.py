"""What changed turns lent to the turns after them, lent anew or taken back."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from memkit.conversations import turns_after
from memkit.errors import RecordNotFound, VersionConflict
from memkit.hints import UNSEEN
from memkit.indexing import index_terms
from memkit.protocols import IndexData, Patch
from memkit.types import MemoryRecord

if TYPE_CHECKING:
    from memkit.engine import Engine


async def lent_anew(
    engine: Engine, changed: Sequence[MemoryRecord], without: Collection[str] = ()
) -> list[Patch]:
    """The patches that bring the terms of the turns after changed ones up to date.

    They change nothing that a reader sees of a record, so its version stays.

    Args:
        engine: the engine of the store.
        changed: records, turns or not.
        without: ids of turns that lend nothing any more.
    """
    after = [
        item for item in await turns_after(engine.backend, changed) if item.record.id not in without
    ]
    if not after:
        return []
    terms, keys = await index_terms(engine.backend, [item.record for item in after], without)
    # A store that was opened without an embedder takes no vectors: theirs are made again when
    # it is opened with one. That they keep an erased turn's words would be worse.
    embeds = engine.vectorizer.fingerprint is not None
    return [
        Patch(
            item.record,
            item.record.version,
            IndexData(item.vector if embeds else None, words, signature),
            about=UNSEEN,
        )
        for item, words, signature in zip(after, terms, keys, strict=True)
    ]


async def lend_anew(engine: Engine, changed: Sequence[MemoryRecord]) -> None:
    """Bring the terms of the turns after changed ones up to date."""
    for patch in await lent_anew(engine, changed):
        try:
            await engine.write((patch,))
        except (VersionConflict, RecordNotFound):
            # Whoever changed it meanwhile has read what it is lent now.
            continue
