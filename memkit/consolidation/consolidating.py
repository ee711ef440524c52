"""The pass that finds what belongs together and writes its summaries, as a run."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from memkit.consolidation.abstracting import Writer
from memkit.consolidation.clusters import LOOSE, clusters
from memkit.consolidation.dossiers import NAMED, dossiers
from memkit.consolidation.episodes import TURNS, episodes
from memkit.consolidation.groups import Group, summary_record
from memkit.consolidation.homes import Home, Window, homes, scanned
from memkit.consolidation.outcome import (
    COUNTS,
    SIZE_MAX,
    TOLD,
    WHAT,
    Consolidated,
    Summary,
    check_what,
    consolidated,
)
from memkit.consolidation.steps import Step
from memkit.consolidation.storing import Made, store
from memkit.errors import InvalidInput, LanguageModelUnavailable
from memkit.filters import And, Eq
from memkit.protocols import Delete, LanguageModel
from memkit.runs import ActiveRun, begin
from memkit.scope import SYSTEM_NAMESPACE, Reach, Scope
from memkit.selection import Labels
from memkit.validation import check_count, check_flag

if TYPE_CHECKING:
    from memkit.engine import Engine, Progress

#: The name of its runs.
OPERATION: Final = "consolidation"

Found: TypeAlias = AsyncIterator[Step]
_FINDERS: Final[dict[str, Callable[[Any, Window, int, str | None], Found]]] = {
    "episodes": episodes,
    "clusters": clusters,
    "dossiers": dossiers,
}
# Summaries of one batch: what a kill can cost, and what a step holds at once.
_SOME: Final = 40
_FEW: Final = 4
_KINDS: Final = {"episode": "episodes", "summary": "clusters", "dossier": "dossiers"}


class _Paused(Exception):
    """The limit is reached, or time is up: the run goes on when it is called again."""


@dataclass
class _Pass:
    """One call: what is wanted, and what was done."""

    engine: Engine
    scope: Scope
    what: tuple[str, ...]
    min_size: int
    limit: int | None
    until: float | None
    private_only: bool
    writer: Writer
    #: What the run has done, ``Run.counts`` where the last stretch ended besides.
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTS, 0))
    own: frozenset[str] = frozenset()
    told: list[Summary] = field(default_factory=list)
    made: int = 0
    looked: int = 0
    moved: bool = False

    async def go(self, run: ActiveRun | None, progress: Progress | None) -> None:
        """Go through all places, from where an interrupted run stopped."""
        phase, home_key, after = await self._begun(run)
        places = await homes(self.engine, self.scope, shared=not self.private_only)
        total = await self._total(places)
        for name in self.what:
            if phase is not None and self.what.index(name) < self.what.index(phase):
                continue
            for home in places:
                if name == phase and home_key is not None and home.key < home_key:
                    continue
                start = after if (name, home.key) == (phase, home_key) else None
                window = Window(home, self.scope, self.own)
                async for step in _FINDERS[name](self.engine, window, self.min_size, start):
                    await self._take(run, step)
                    self.looked += step.looked
                    done = min(self.looked, total)
                    if run is None:
                        if progress is not None:
                            progress(done, total)
                    elif not step.ends:
                        await run.advance(done=done, total=total)
                    elif step.looked:
                        at = json.dumps([list(self.what), name, home.key, step.after])
                        await run.advance(done=done, total=total, cursor=at, counts=self.counts)
                        self.moved = True
                        self._pause_if_late()
        if run is not None:
            await run.advance(done=total, total=total, counts=self.counts)

    async def _begun(self, run: ActiveRun | None) -> tuple[str | None, str | None, str | None]:
        """Where to go on; what was done already is taken up."""
        if run is None or not run.resumed:
            return None, None, None
        made = And((self.scope.readable(Reach.SUBTREE), Eq("run", run.run.id)))
        self.own = frozenset(
            [
                record.id
                async for record in scanned(self.engine, self.scope.namespace, made)
                if record.kind in _KINDS
            ]
        )
        with suppress(ValueError, TypeError):
            what, phase, home_key, after = json.loads(run.run.cursor or "")
            if tuple(what) == self.what and phase in self.what:
                self.counts |= {name: run.run.counts.get(name, 0) for name in COUNTS}
                self.looked = run.run.done
                return phase, home_key, after
        return None, None, None

    async def _take(self, run: ActiveRun | None, step: Step) -> None:
        """Write what a step found; what was written before the run was interrupted stays."""
        before = [group for group in step.groups if self._made_before(group)]
        await self._write_again(run, before)
        new = [group for group in step.groups if not self._made_before(group)]
        while new:
            # A model takes its time: what it wrote is soon stored.
            some = _FEW if self.writer.asks else _SOME
            room = some if self.limit is None else min(some, self.limit - self.made)
            if room == 0:
                raise _Paused
            self._pause_if_late()
            await self._write(run, new[:room])
            self.moved = True
            new = new[room:]

    def _pause_if_late(self) -> None:
        # Each call gets somewhere, however short its time is.
        if self.moved and self.until is not None and time.monotonic() > self.until:
            raise _Paused

    def _made_before(self, group: Group) -> bool:
        return group.id(self.scope) in self.own

    async def _write(self, run: ActiveRun | None, groups: Sequence[Group]) -> None:
        failures = self.writer.failures
        texts = await self.writer.texts(groups)
        self.counts["model_failures"] += self.writer.failures - failures
        made = [
            Made(
                group,
                summary_record(
                    group,
                    self.scope,
                    text,
                    None if run is None else run.run.id,
                    self.engine.settings,
                    by_model=by_model,
                ),
            )
            for group, (text, by_model) in zip(groups, texts, strict=True)
        ]
        stored = made if run is None else await store(self.engine, self.scope, run.run.id, made)
        self.counts["skipped"] += len(made) - len(stored)
        self.counts["by_model"] += sum(
            each.record.metadata["written_by"] == "model" for each in stored
        )
        for each in stored:
            self.made += 1
            self._count(each.group)
            if len(self.told) < TOLD:
                record, sources = each.record, len(each.group.sources)
                self.told.append(Summary(record.id, record.kind, record.content, sources))

    async def _write_again(self, run: ActiveRun | None, groups: Sequence[Group]) -> None:
        if run is None or not groups:
            return
        for group in groups:
            self._count(group)
        found = await self.engine.backend.get(
            self.scope.namespace, [group.id(self.scope) for group in groups]
        )
        made = [
            Made(group, found[id_].record)
            for group in groups
            if (id_ := group.id(self.scope)) in found
        ]
        await store(self.engine, self.scope, run.run.id, made)

    def _count(self, group: Group) -> None:
        self.counts[_KINDS[group.kind]] += 1
        if group.marks:
            self.counts["records"] += len(group.members)

    async def _total(self, places: Sequence[Home]) -> int:
        wanted = {"episodes": TURNS, "clusters": LOOSE}
        total = self.looked
        for home in places:
            window = Window(home, self.scope)
            for name, some in wanted.items():
                if name in self.what:
                    counted = await self.engine.backend.count(
                        self.scope.namespace, window.filter(some)
                    )
                    total += counted.get("", 0)
            if "dossiers" in self.what:
                everywhere = And((home.filter(self.scope), NAMED))
                counts = await self.engine.backend.count(
                    self.scope.namespace, everywhere, by="entities"
                )
                total += sum(count >= self.min_size for count in counts.values())
        return total


async def consolidate(
    engine: Engine,
    scope: Scope,
    *,
    what: Labels = WHAT,
    dry_run: bool = False,
    min_size: int = 3,
    progress: Progress | None = None,
    model: LanguageModel | bool | None = None,
    limit: int | None = None,
    seconds: float | None = None,
    private_only: bool = False,
) -> Consolidated:
    """Make summaries of what belongs together in a scope and below it.

    Args:
        engine: the store's.
        scope: what is looked at; private records only if they are its agent's.
        what: what is made: ``clusters``, ``episodes``, ``dossiers``.
        dry_run: store nothing, and tell what would be made.
        min_size: of how many records a summary is made at least.
        progress: told ``(done, total)``.
        model: what writes them; ``None``: the engine's language model if it has one, ``True``:
            that one or none at all, ``False``: no model.
        limit: at most so many summaries in this call.
        seconds: stop after so long; both times the run goes on when it is called again.
        private_only: only the agent's own records, not those that all may read.

    Raises:
        InvalidInput: an argument cannot be.
        LanguageModelUnavailable: a model is wanted, and there is none.
        RunActive: another consolidation is at work in the namespace.
    """
    engine.require_open()
    one = _Pass(
        engine,
        scope,
        check_what(what),
        check_count(min_size, "min_size", 2, SIZE_MAX),
        None if limit is None else check_count(limit, "limit", 1, 1_000_000),
        None if seconds is None else time.monotonic() + seconds,
        private_only,
        Writer(_model(engine, model)),
    )
    if check_flag(dry_run, "dry_run"):
        one.writer = Writer(None)
        more = False
        try:
            await one.go(None, progress)
        except _Paused:
            more = True
        return consolidated(
            None, one.counts, tuple(one.told), made=one.made, dry_run=True, more=more
        )
    return await _run(one, progress)


async def _run(one: _Pass, progress: Progress | None) -> Consolidated:
    more = False
    active = begin(one.engine, one.scope, OPERATION, progress=progress)
    try:
        async with active as run:
            await one.go(run, progress)
    except _Paused:
        more = True
    id_: str | None = active.run.id
    made = sum(one.counts[name] for name in WHAT)
    if not more and not made:
        # Nothing to show for it, nothing to undo: it must not push out a run that has.
        await one.engine.backend.write((Delete(SYSTEM_NAMESPACE, active.run.id),))
        id_ = None
    return consolidated(id_, one.counts, tuple(one.told), made=one.made, more=more)


def _model(engine: Engine, model: object) -> LanguageModel | None:
    if model is False:
        return None
    if model is None:
        return engine.language_model
    if model is True:
        if engine.language_model is None:
            raise LanguageModelUnavailable(
                "no language model is set: set language_model, or let sentences be chosen "
                "without one (model=False)"
            )
        return engine.language_model
    if isinstance(model, LanguageModel):
        return model
    raise InvalidInput("model is a language model, True, False or None")
