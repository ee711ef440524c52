"""The methods about records that disagree."""

from __future__ import annotations

import builtins
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from memkit.errors import InvalidInput
from memkit.methods.bound import Bound, Face, documented_by
from memkit.scope import Reach
from memkit.validation import (
    check_count,
    check_flag,
    check_id,
    check_optional_text,
    check_time,
)

if TYPE_CHECKING:
    from memkit.contradictions.results import Contradiction, Reconciled
    from memkit.engine import Progress

# What judges texts is imported when it is used: most programs never ask.


class ContradictionMethods(Bound):
    """What a handle does about records that disagree."""

    async def contradictions(
        self,
        *,
        ids: str | Iterable[str] | None = None,
        states: str | Iterable[str] = ("open",),
        reach: Reach | str = Reach.ANCESTORS,
        limit: int = 100,
    ) -> builtins.list[Contradiction]:
        """The contradictions that were found, the latest first, each with why.

        What is shown is worked out from the two records as they are now: one that stands no more,
        or says something else, closes it. Whoever may not read both records sees nothing of it.

        Args:
            ids: of contradictions, or of records that they are about.
            states: any of ``open``, ``resolved`` (one was kept), ``dismissed`` (both hold),
                ``closed`` (one of the two stands no more).
            reach: how far to look from the scope.
            limit: at most so many, 1 to 1,000.

        Raises:
            InvalidInput: an argument cannot be accepted.
        """
        from memkit.contradictions.asking import contradictions
        from memkit.contradictions.results import checked_statuses

        if ids is not None:
            ids = tuple(check_id(id_) for id_ in ((ids,) if isinstance(ids, str) else ids))
        return await contradictions(
            self._engine,
            self._scope,
            ids=ids,
            states=checked_statuses(states),
            reach=checked_reach(reach),
            limit=check_count(limit, "limit", 1, 1000),
        )

    async def reconcile(
        self,
        *,
        since: datetime | None = None,
        rule: str = "none",
        model: bool = False,
        dry_run: bool = False,
        limit: int | None = None,
        progress: Progress | None = None,
    ) -> Reconciled:
        """Look for contradictions among the records at and below this scope, and keep them.

        Each record is set against its nearest neighbours of the same project, task and audience;
        facts against those of the same subject. One reconciliation at a time works in a
        namespace; one that was interrupted goes on where it was when it is called again. Nothing
        is deleted, and what was dismissed before is not reported again.

        Args:
            since: only records that were stored or changed since then, and what is near them.
            rule: ``none``: all stay open. ``newest`` keeps the one that is at least a minute
                younger, ``confidence`` the one that is at least 0.2 surer, where the evidence
                makes at least 0.75 and what would lose is not pinned; the rest stays open. Facts
                have a rule of their own. What a rule has settled is taken back by ``reopen``.
            model: ask the language model too, about near pairs that the rules leave unsure. What
                it says is one more piece of evidence and settles nothing.
            dry_run: only tell what would be found; a dry run is not resumed.
            limit: look at so many records now; calling it again goes on.
            progress: told ``(done, total)`` after each page.

        Raises:
            InvalidInput: an argument cannot be accepted.
            ConfigurationError: there is no language model to ask, or no such judge.
            RunActive: another reconciliation works in this namespace.
        """
        from memkit.contradictions.reconciling import reconcile

        return await reconcile(
            self._engine,
            self._scope,
            since=check_time(since, "since"),
            progress=progress,
            limit=None if limit is None else check_count(limit, "limit", 1, 2**31),
            dry_run=check_flag(dry_run, "dry_run"),
            rule=checked_rule(rule),
            model=check_flag(model, "model"),
        )

    async def resolve(
        self, id: str, *, keep: str | None = None, note: str | None = None
    ) -> Contradiction:
        """Settle a contradiction: keep one of the two records, or without ``keep`` both.

        The record that is not kept is superseded by the other, as by a correction; a fact is
        withdrawn. Nothing is deleted, and ``reopen`` takes it back. If both hold, the two are
        never reported again.

        Args:
            id: the contradiction's.
            keep: the id of the record that is right.
            note: why, in at most 1,000 characters. It is kept with the contradiction.

        Raises:
            RecordNotFound: this scope shows no such contradiction, or one of its records not.
            InvalidInput: ``keep`` is none of the two, or it is settled or closed already.
        """
        from memkit.contradictions.resolving import resolve

        return await resolve(
            self._engine,
            self._scope,
            check_id(id),
            keep=None if keep is None else check_id(keep, "keep"),
            note=check_optional_text(note, "note"),
        )

    async def reopen(self, id: str, *, note: str | None = None) -> Contradiction:
        """Take a settlement back: what was superseded stands again, and the contradiction is open.

        A fact that was withdrawn stays so and is asserted anew, so the contradiction has another
        id then. An open one stays as it is.

        Args:
            id: the contradiction's.
            note: why, in at most 1,000 characters.

        Raises:
            RecordNotFound: this scope shows no such contradiction, or one of its records not.
            DuplicateRecord: another record says by now what would stand again.
        """
        from memkit.contradictions.resolving import reopen

        return await reopen(
            self._engine, self._scope, check_id(id), note=check_optional_text(note, "note")
        )


def checked_reach(value: object) -> Reach:
    """A reach.

    Raises:
        InvalidInput: it is none.
    """
    try:
        return Reach(value)  # type: ignore[arg-type]
    except ValueError:
        raise InvalidInput(f"reach is one of {', '.join(Reach)}") from None


def checked_rule(value: object) -> str:
    """A rule of reconciliation.

    Raises:
        InvalidInput: it is none.
    """
    if value not in ("none", "newest", "confidence"):
        raise InvalidInput("rule is one of none, newest, confidence")
    return str(value)


class ContradictionFace(Face):
    """:class:`ContradictionMethods`, synchronous: one line a method."""

    @documented_by(ContradictionMethods)
    def contradictions(
        self,
        *,
        ids: str | Iterable[str] | None = None,
        states: str | Iterable[str] = ("open",),
        reach: Reach | str = Reach.ANCESTORS,
        limit: int = 100,
    ) -> builtins.list[Contradiction]:
        return self._run(
            self._memory.contradictions(ids=ids, states=states, reach=reach, limit=limit)
        )

    @documented_by(ContradictionMethods)
    def reconcile(
        self,
        *,
        since: datetime | None = None,
        rule: str = "none",
        model: bool = False,
        dry_run: bool = False,
        limit: int | None = None,
        progress: Progress | None = None,
    ) -> Reconciled:
        return self._run(
            self._memory.reconcile(
                since=since,
                rule=rule,
                model=model,
                dry_run=dry_run,
                limit=limit,
                progress=progress,
            )
        )

    @documented_by(ContradictionMethods)
    def resolve(
        self, id: str, *, keep: str | None = None, note: str | None = None
    ) -> Contradiction:
        return self._run(self._memory.resolve(id, keep=keep, note=note))

    @documented_by(ContradictionMethods)
    def reopen(self, id: str, *, note: str | None = None) -> Contradiction:
        return self._run(self._memory.reopen(id, note=note))
