"""The methods about summaries of what belongs together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memkit.methods.bound import Bound, Face, documented_by

if TYPE_CHECKING:
    from memkit.consolidation.outcome import Consolidated
    from memkit.engine import Progress
    from memkit.protocols import LanguageModel
    from memkit.selection import Labels


class ConsolidationMethods(Bound):
    """What a handle does about summaries of what belongs together."""

    async def consolidate(
        self,
        *,
        what: Labels = ("clusters", "episodes", "dossiers"),
        dry_run: bool = False,
        min_size: int = 3,
        progress: Progress | None = None,
        model: LanguageModel | bool | None = None,
        limit: int | None = None,
    ) -> Consolidated:
        """Make summaries of what belongs together in this scope and below it.

        Near records of one place become a ``summary``, the turns of a conversation that has been
        quiet for a while an ``episode``, what several records say of one entity a ``dossier``.
        Each is linked to its sources (``derived_from``). They are kept as they are; those of
        summaries and episodes come after them in recall. What has a summary is passed over the
        next time. It is done as a run, one at a time in a namespace: interrupted, it goes on when
        it is called again; :meth:`undo_run` takes it back.

        Args:
            what: what is made: ``clusters``, ``episodes``, ``dossiers``, one or more.
            dry_run: store nothing, and tell what sentences would be chosen.
            min_size: of how many records a summary is made at least, 2 to 30.
            progress: told ``(done, total)`` in records looked at.
            model: what writes the summaries. ``None``: the language model of the settings, if one
                is set; ``True``: that one, or an error; ``False``: none, sentences of the sources
                are chosen. Where a model fails, they are chosen too.
            limit: make at most so many summaries now; the next call goes on.

        Returns:
            what was made, or would be.

        Raises:
            InvalidInput: an argument cannot be.
            LanguageModelUnavailable: a model is wanted and none is set.
            RunActive: another consolidation is at work in the namespace.
        """
        from memkit.consolidation.consolidating import consolidate

        return await consolidate(
            self._engine,
            self._scope,
            what=what,
            dry_run=dry_run,
            min_size=min_size,
            progress=progress,
            model=model,
            limit=limit,
        )


class ConsolidationFace(Face):
    """:class:`ConsolidationMethods`, synchronous: one line a method."""

    @documented_by(ConsolidationMethods)
    def consolidate(
        self,
        *,
        what: Labels = ("clusters", "episodes", "dossiers"),
        dry_run: bool = False,
        min_size: int = 3,
        progress: Progress | None = None,
        model: LanguageModel | bool | None = None,
        limit: int | None = None,
    ) -> Consolidated:
        return self._run(
            self._memory.consolidate(
                what=what,
                dry_run=dry_run,
                min_size=min_size,
                progress=progress,
                model=model,
                limit=limit,
            )
        )
