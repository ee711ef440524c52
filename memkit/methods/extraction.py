"""The methods about facts and preferences that texts tell of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memkit.methods.bound import Bound, Face, documented_by

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from memkit.engine import Progress
    from memkit.extraction.outcome import Extracted


class ExtractionMethods(Bound):
    """What a handle does about facts and preferences that texts tell of."""

    async def extract(
        self,
        *,
        ids: Iterable[str] | None = None,
        since: datetime | None = None,
        use: str | None = None,
        dry_run: bool = False,
        limit: int | None = None,
        progress: Progress | None = None,
    ) -> Extracted:
        """Keep the facts, preferences, decisions and constraints that records tell of.

        The records of this scope and below it are read; what memkit made of others (summaries,
        what was extracted before), messages and recalled text inside a record are passed over.
        What is found is stored beside its source, for the same readers, with a link
        ``derived_from`` and a ``source`` that says where its words stand
        (``memory://<id>#char=10,32``), less sure than what a person stores. The same is never
        stored twice, however often this is called. It is done as a run, one at a time in a
        namespace: interrupted, it goes on when it is called again in the same way;
        :meth:`undo_run` takes it back.

        Args:
            ids: only these records, 1 to 1,000.
            since: only records stored since then (aware).
            use: ``rules`` (common statements, in English and German) or ``model`` (the language
                model of the settings); by default the model if one is set.
            dry_run: store nothing, and tell what would be. A model is asked all the same.
            limit: read at most so many records now; the next call goes on.
            progress: told ``(done, total)`` in records.

        Returns:
            what was found and stored, and what it cost.

        Raises:
            InvalidInput: an argument cannot be.
            LanguageModelUnavailable: the model is wanted and none is set, or it cannot be asked
                at the moment; what was stored stays, and the next call goes on.
            RunActive: another extraction is at work in the namespace.
        """
        from memkit.extraction.extracting import extract

        return await extract(
            self._engine,
            self._scope,
            ids=ids,
            since=since,
            use=use,
            dry_run=dry_run,
            limit=limit,
            progress=progress,
        )


class ExtractionFace(Face):
    """:class:`ExtractionMethods`, synchronous: one line a method."""

    @documented_by(ExtractionMethods)
    def extract(
        self,
        *,
        ids: Iterable[str] | None = None,
        since: datetime | None = None,
        use: str | None = None,
        dry_run: bool = False,
        limit: int | None = None,
        progress: Progress | None = None,
    ) -> Extracted:
        return self._run(
            self._memory.extract(
                ids=ids, since=since, use=use, dry_run=dry_run, limit=limit, progress=progress
            )
        )
