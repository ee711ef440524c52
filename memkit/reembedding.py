"""Re-embedding: every vector and term computed anew when the model or the word analysis
changes, in steps that survive a kill. The old ones serve until all the new ones are there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from memkit.errors import EmbedderUnavailable, StoreError
from memkit.protocols import IndexData, Reembedding
from memkit.retrieval.analysis import ANALYZER
from memkit.scope import SYSTEM_NAMESPACE

if TYPE_CHECKING:
    from memkit.engine import Engine, Progress

_BATCH = 128


@dataclass(frozen=True, slots=True)
class Reembedded:
    """What a re-embedding did: how many records, of which so many in an earlier run."""

    records: int
    resumed: int


async def reembed(engine: Engine, progress: Progress | None = None) -> Reembedded:
    """Compute all index data of a store anew, in every namespace; resumes where it stopped.

    The engine's store must have been opened for it (``StoreSpec.migrating``).

    Raises:
        StoreError: the backend cannot replace its vectors.
        EmbedderUnavailable: the embedder cannot answer; what was done is kept.
    """
    backend, fingerprint = engine.backend, engine.vectorizer.fingerprint
    if not isinstance(backend, Reembedding):
        raise StoreError(f"{engine.info.location} cannot replace its vectors: export and import")
    if fingerprint is None:
        raise EmbedderUnavailable(
            'there is no embedder to re-embed with: pip install "agent-memkit[local]"'
        )
    # A remote model's dimension is known once it has embedded something.
    await engine.vectorizer.documents(("dimension",))
    done, total = await backend.begin_reembed(
        engine.vectorizer.fingerprint or fingerprint, ANALYZER
    )
    resumed = done
    while True:
        pending = await backend.pending_reembed(_BATCH)
        if not pending:
            # Records written meanwhile with the old model are pending again.
            if await backend.finish_reembed():
                return Reembedded(total, resumed)
            continue
        # memkit's own records are found by their ids alone.
        own = [item.record for item in pending if item.record.namespace == SYSTEM_NAMESPACE]
        await backend.stage_reembed([(record, IndexData(None, ())) for record in own])
        records = [item.record for item in pending if item.record.namespace != SYSTEM_NAMESPACE]
        index, notice = await engine.index(records)
        if notice is not None:
            raise EmbedderUnavailable(f"{notice}; run memkit reembed again to go on")
        await backend.stage_reembed(list(zip(records, index, strict=True)))
        done += len(pending)
        total = max(total, done)
        if progress is not None:
            progress(done, total)
