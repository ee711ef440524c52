"""The methods about what decays, is archived, and is brought back."""

from __future__ import annotations

import builtins
from datetime import datetime
from typing import TYPE_CHECKING

from memkit.facts.settling import settle
from memkit.lifecycle import archiving, policies, sweeping, undoing
from memkit.lifecycle.revisions import UNSET, Unset
from memkit.methods.bound import Bound, Face, documented_by
from memkit.policy import Policy
from memkit.runs import Run, runs
from memkit.scope import Reach
from memkit.selection import Labels
from memkit.types import MemoryRecord
from memkit.validation import check_id

if TYPE_CHECKING:
    from memkit.engine import Progress
    from memkit.lifecycle.sweeping import Swept


class UpkeepMethods(Bound):
    """What a handle does about what decays, is archived, and is brought back."""

    async def archive(self, id: str) -> MemoryRecord:
        """Take a record out of default recall and listings; ``restore`` brings it back.

        It stays readable by its id, and recallable with ``states=["active", "archived"]``.

        Returns:
            The record; one that is archived already stays as it is.

        Raises:
            RecordNotFound: this scope shows no such record.
            InvalidInput: it is forgotten, merged or superseded.
        """
        return await archiving.archive(self._engine, self._scope, check_id(id))

    async def sweep(
        self,
        *,
        dry_run: bool = True,
        now: datetime | None = None,
        kinds: Labels = None,
        reach: Reach | str = Reach.SUBTREE,
        limit: int | None = None,
        progress: Progress | None = None,
    ) -> Swept:
        """Archive what has decayed: what has less strength left than the policy asks for.

        A record's strength is its confidence, halved with each half-life of its kind since it was
        stored, changed or used last, and moved by feedback. What is pinned stays, and so do facts,
        messages, what has expired, and kinds that do not age or that the policy keeps
        (constraints, decisions, preferences, antipatterns).

        Args:
            dry_run: only tell what would be archived.
            now: the moment that strength is told for (aware); one to come takes a dry run.
            kinds: records of these kinds alone.
            reach: how far from the scope: ``exact``, ``ancestors`` or ``subtree``.
            limit: archive at most so many, the oldest first.
            progress: told ``(done, total)`` in records looked at.

        Returns:
            What was archived, with the id of the run that ``undo_run`` takes back. A sweep that
            was interrupted is gone on with by the next one.

        Raises:
            InvalidInput: an argument cannot be accepted.
            RunActive: another sweep is at work in the namespace.
        """
        return await sweeping.sweep(
            self._engine,
            self._scope,
            dry_run=dry_run,
            now=now,
            kinds=kinds,
            reach=reach,
            limit=limit,
            progress=progress,
        )

    async def runs(self, *, operation: str | None = None, limit: int = 20) -> builtins.list[Run]:
        """The runs that were started in this scope or below it, newest first.

        A run is a pass over many records: a sweep, a consolidation, an extraction, a
        reconciliation. Those that an agent started are shown to that agent alone. Of each
        namespace the newest 200 are kept.

        Args:
            operation: of this operation alone.
            limit: at most so many, 1 to 200.

        Raises:
            InvalidInput: an argument cannot be accepted.
        """
        return await runs(self._engine, self._scope, operation=operation, limit=limit)

    async def undo_run(self, id: str, *, progress: Progress | None = None) -> Run:
        """Take a run back: what it archived is active again, what it made is erased.

        Called again, or after it was interrupted, it does what is left.

        Args:
            id: the run.
            progress: told ``(done, total)`` in records.

        Raises:
            RunNotFound: this scope shows no such run.
            RunActive: a run of the same operation is at work in the namespace.
        """
        return await undoing.undo_run(
            self._engine, self._scope, check_id(id), progress, settle=settle
        )

    async def policy(self) -> Policy:
        """What goes for each kind in this namespace: confidence, half-life, archiving."""
        self._engine.require_open()
        return (await self._engine.policies.said(self._scope.namespace)).policy()

    async def set_policy(
        self,
        kind: str | None,
        *,
        half_life_days: float | None | Unset = UNSET,
        confidence: float | Unset = UNSET,
        archive: bool | Unset = UNSET,
        access_extension: float | Unset = UNSET,
        access_cap: float | Unset = UNSET,
        archive_below: float | Unset = UNSET,
        archive_after: float | Unset = UNSET,
        reset: bool = False,
    ) -> Policy:
        """Change what goes in this namespace; other processes see it within five seconds.

        Args:
            kind: the kind that ``half_life_days``, ``confidence`` and ``archive`` are for;
                ``None`` for the others, which go for all kinds.
            half_life_days: 0.001 to 365,250; ``None``: the kind does not age.
            confidence: what new records of the kind start with, 0 to 1.
            archive: whether a sweep may archive the kind.
            access_extension: by how much of its half-life each use extends that of a record.
            access_cap: so many times its half-life is the most that use makes of it.
            archive_below: a sweep archives what has less strength left, 0 to 1.
            archive_after: and is at least so many half-lives old.
            reset: what was said of the kind (or of all) before goes no more.

        Returns:
            What goes then.

        Raises:
            InvalidInput: a value cannot be accepted, or there is none.
        """
        changes = {
            "half_life_days": half_life_days,
            "confidence": confidence,
            "archive": archive,
            "access_extension": access_extension,
            "access_cap": access_cap,
            "archive_below": archive_below,
            "archive_after": archive_after,
        }
        return await policies.set_policy(
            self._engine, self._scope.namespace, kind, changes, reset=reset
        )


class UpkeepFace(Face):
    """:class:`UpkeepMethods`, synchronous: one line a method."""

    @documented_by(UpkeepMethods)
    def archive(self, id: str) -> MemoryRecord:
        return self._run(self._memory.archive(id))

    @documented_by(UpkeepMethods)
    def sweep(
        self,
        *,
        dry_run: bool = True,
        now: datetime | None = None,
        kinds: Labels = None,
        reach: Reach | str = Reach.SUBTREE,
        limit: int | None = None,
        progress: Progress | None = None,
    ) -> Swept:
        return self._run(
            self._memory.sweep(
                dry_run=dry_run, now=now, kinds=kinds, reach=reach, limit=limit, progress=progress
            )
        )

    @documented_by(UpkeepMethods)
    def runs(self, *, operation: str | None = None, limit: int = 20) -> builtins.list[Run]:
        return self._run(self._memory.runs(operation=operation, limit=limit))

    @documented_by(UpkeepMethods)
    def undo_run(self, id: str, *, progress: Progress | None = None) -> Run:
        return self._run(self._memory.undo_run(id, progress=progress))

    @documented_by(UpkeepMethods)
    def policy(self) -> Policy:
        return self._run(self._memory.policy())

    @documented_by(UpkeepMethods)
    def set_policy(
        self,
        kind: str | None,
        *,
        half_life_days: float | None | Unset = UNSET,
        confidence: float | Unset = UNSET,
        archive: bool | Unset = UNSET,
        access_extension: float | Unset = UNSET,
        access_cap: float | Unset = UNSET,
        archive_below: float | Unset = UNSET,
        archive_after: float | Unset = UNSET,
        reset: bool = False,
    ) -> Policy:
        return self._run(
            self._memory.set_policy(
                kind,
                half_life_days=half_life_days,
                confidence=confidence,
                archive=archive,
                access_extension=access_extension,
                access_cap=access_cap,
                archive_below=archive_below,
                archive_after=archive_after,
                reset=reset,
            )
        )
