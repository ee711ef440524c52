"""Going over a namespace in search of contradictions: page by page, one run at a time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from memkit.clock import utc_now
from memkit.contradictions import modelling
from memkit.contradictions.asking import rules_of, shown
from memkit.contradictions.evidence import LISTED, Evidence, confidence
from memkit.contradictions.hooks import Judge, asked, judge_of
from memkit.contradictions.keeping import Told, held, made, store, tie
from memkit.contradictions.neighbours import Pair, pairs_of
from memkit.contradictions.pairs import Rules, judged, ordered, spoken
from memkit.contradictions.resolving import resolve
from memkit.contradictions.results import TOLD, Contradiction, Reconciled
from memkit.errors import ConfigurationError, InvalidInput, LanguageModelError, VersionConflict
from memkit.facts.settling import KEPT, KIND, is_fact
from memkit.filters import And, Eq, Exists, Filter, Gte, In, Or
from memkit.protocols import Order, ScanPage, Stored
from memkit.retrieval.near import REPORT_COSINE, agrees
from memkit.runs import ActiveRun, begin
from memkit.scope import Reach, Scope
from memkit.selection import living
from memkit.types import MemoryRecord, State

if TYPE_CHECKING:
    from memkit.engine import Engine, Progress

OPERATION: Final = "reconciliation"
RULES: Final = ("none", "newest", "confidence")
PAGE: Final = 200
#: A rule decides only what is as sure as this,
SURE: Final = 0.75
#: only where the one record is so much younger, or so much surer, than the other.
APART: Final = timedelta(minutes=1)
SURER: Final = 0.2


class _EnoughForNow(Exception):
    """As many records were looked at as this call was to look at."""


@dataclass
class _Found:
    """A pair that contradicts itself, as a page's work found it."""

    pair: Pair
    evidence: tuple[Evidence, ...]
    similarity: float
    told: tuple[Told, ...] = ()


@dataclass
class _Pass:
    """One call's way through the records."""

    engine: Engine
    scope: Scope
    rule: str
    dry_run: bool
    judge: Judge | None
    model: bool
    rules: Rules
    counts: dict[str, int]
    contradictions: list[Contradiction] = field(default_factory=list)
    notices: dict[str, None] = field(default_factory=dict)
    seen: set[int] = field(default_factory=set)

    async def look(self, page: Sequence[Stored], run: str | None) -> None:
        """Find, keep and settle what a page of records contradicts."""
        pairs = await pairs_of(self.engine, self.scope, page, self.rules, self.seen)
        self.counts["records"] += len(page)
        self.counts["pairs"] += len(pairs)
        known = set(await self._known([pair.id for pair in pairs]))
        fresh = [pair for pair in pairs if pair.id not in known]
        found = await asyncio.to_thread(self._judged, fresh)
        await self._ask_judge(found)
        if self.model:
            await self._ask_model(found)
        wanted = [each for each in found if confidence(each.evidence) >= LISTED]
        self.counts["known"] += len(known)
        if self.dry_run:
            self._tell(wanted)
        else:
            await self._keep(wanted, run)

    async def _known(self, ids: Sequence[str]) -> list[str]:
        found: list[str] = []
        for at in range(0, len(ids), 500):
            found += await held(self.engine, self.scope.namespace, ids[at : at + 500])
        return found

    def _judged(self, pairs: Sequence[Pair]) -> list[_Found]:
        found = []
        for pair in pairs:
            sides = pair.first, pair.second
            if ordered(pair.first.record, pair.second.record)[0] is pair.first.record:
                sides = pair.second, pair.first
            said = judged(*sides, self.rules, pair.cosine)
            found.append(_Found(pair, said.evidence, said.similarity))
        return found

    async def _ask_judge(self, found: Sequence[_Found]) -> None:
        if self.judge is None:
            return
        texts = [each for each in found if not is_fact(each.pair.first.record)]
        both = [_sides(each) for each in texts]
        scores = await asked(self.judge, [(older.content, newer.content) for newer, older in both])
        for each, score in zip(texts, scores, strict=True):
            if score >= LISTED:
                _note(each, "judge", score)

    async def _ask_model(self, found: Sequence[_Found]) -> None:
        model = self.engine.language_model
        assert model is not None
        for each in found:
            one, other = each.pair.first.record, each.pair.second.record
            unsure = confidence(each.evidence) < SURE and each.similarity >= REPORT_COSINE
            if not unsure or is_fact(one) or agrees(one.content, other.content):
                continue
            if self.counts["asked"] >= modelling.CALLS_MAX:
                self.notices["the language model was asked as often as a run may"] = None
                return
            self.counts["asked"] += 1
            newer, older = _sides(each)
            try:
                sure = await modelling.said(model, older, newer)
            except LanguageModelError as error:
                # It costs its evidence and nothing else, and is not waited for again.
                self.notices[str(error)] = None
                self.model = False
                return
            if sure is not None:
                _note(each, "model", sure)

    def _tell(self, found: Sequence[_Found]) -> None:
        self.counts["found"] += len(found)
        for each in found[: TOLD - len(self.contradictions)]:
            newer, older = _sides(each)
            self.contradictions.append(
                Contradiction(
                    each.pair.id,
                    newer,
                    older,
                    each.evidence,
                    each.similarity,
                    confidence(each.evidence),
                    "open",
                    utc_now(),
                )
            )

    async def _keep(self, found: Sequence[_Found], run: str | None) -> None:
        puts = [made(*_sides(each), run, each.told) for each in found]
        new = await store(self.engine, puts)
        fresh = []
        for each, put, is_new in zip(found, puts, new, strict=True):
            self.counts["found" if is_new else "known"] += 1
            if is_new:
                newer, older = _sides(each)
                await tie(self.engine, self.scope.namespace, newer.id, older.id, on=True)
                if await self._settled(each):
                    self.counts["settled"] += 1
                fresh.append(put.record.id)
        room = TOLD - len(self.contradictions)
        if fresh and room > 0:
            kept = await held(self.engine, self.scope.namespace, fresh[:room])
            self.contradictions += await shown(
                self.engine, self.scope, list(kept.values()), self.rules
            )

    async def _settled(self, each: _Found) -> bool:
        """Settle a contradiction by the rule, where that says clearly what is to be kept."""
        newer, older = _sides(each)
        # What a model says settles nothing, nor does it help to.
        plain = [one for one in each.evidence if one.kind not in ("judge", "model")]
        facts = is_fact(newer) or is_fact(older)
        if self.rule == "none" or facts or confidence(plain) < SURE:
            return False
        if self.rule == "newest":
            times = newer.occurred_at or newer.created_at, older.occurred_at or older.created_at
            clear = times[0] - times[1] >= APART and newer.created_at >= older.created_at
            keep, loser = newer, older
        else:
            keep, loser = sorted((newer, older), key=lambda record: -record.confidence)
            clear = keep.confidence - loser.confidence >= SURER
        if not clear or loser.pinned:
            return False
        try:
            await resolve(
                self.engine, self.scope, each.pair.id, keep=keep.id, how=self.rule, note=None
            )
        except (InvalidInput, LookupError, VersionConflict):
            # It lost to another record just now, or somebody is at it.
            return False
        return True


def _sides(each: _Found) -> tuple[MemoryRecord, MemoryRecord]:
    return ordered(each.pair.first.record, each.pair.second.record)


def _note(each: _Found, kind: str, strength: float) -> None:
    newer, older = _sides(each)
    each.evidence = (*each.evidence, spoken(kind, strength, older, newer))
    each.told = (*each.told, Told(kind, strength, (newer.version, older.version)))


async def reconcile(
    engine: Engine,
    scope: Scope,
    *,
    since: datetime | None = None,
    progress: Progress | None = None,
    limit: int | None = None,
    dry_run: bool = False,
    rule: str = "none",
    model: bool = False,
) -> Reconciled:
    """Look for contradictions among the records of a scope; see ``AsyncMemory.reconcile``."""
    engine.require_open()
    if model and engine.language_model is None:
        raise ConfigurationError("there is no language model: set language_model, or leave model")
    work = _Pass(
        engine,
        scope,
        rule,
        dry_run,
        judge_of(engine),
        model,
        await rules_of(engine, scope.namespace),
        dict.fromkeys(_COUNTS, 0),
    )
    wanted = _wanted(scope, since)
    total = (await engine.backend.count(scope.namespace, wanted)).get("", 0)
    if dry_run:
        finished = await _dry(work, wanted, total, progress, limit)
        return _told(work, None, finished)
    finished = True
    run: ActiveRun | None = None
    try:
        async with begin(engine, scope, OPERATION, progress=progress) as run:
            await _run(work, run, wanted, total, since, limit)
    except _EnoughForNow:
        finished = False
    assert run is not None
    return _told(work, run.run.id, finished)


_COUNTS: Final = ("records", "pairs", "found", "known", "settled", "asked")


def _told(work: _Pass, run: str | None, finished: bool) -> Reconciled:
    found, notices = tuple(work.contradictions), tuple(work.notices)
    return Reconciled(run, **work.counts, finished=finished, contradictions=found, notices=notices)


def _wanted(scope: Scope, since: datetime | None) -> Filter:
    """What is looked at: what is active, and the facts that were ended."""
    parts: list[Filter] = [
        scope.readable(Reach.SUBTREE),
        living(utc_now()),
        Or(
            (
                Eq("state", State.ACTIVE.value),
                And((Eq("kind", KIND), Exists("subject"), In("state", KEPT))),
            )
        ),
    ]
    if since is not None:
        parts.append(Gte("updated_at", since))
    return And(tuple(parts))


async def _run(
    work: _Pass,
    run: ActiveRun,
    wanted: Filter,
    total: int,
    since: datetime | None,
    limit: int | None,
) -> None:
    """Go on where the run stands, to the end or as far as this call is to go."""
    named = None if since is None else since.isoformat()
    cursor, done = None, 0
    if run.resumed and run.run.cursor is not None:
        before = json.loads(run.run.cursor)
        if before["since"] == named:
            cursor, done = before["at"], run.run.done
            work.counts |= {name: run.run.counts.get(name, 0) for name in _COUNTS}
    await run.advance(done=done, total=max(total, done), counts=work.counts)
    left = limit
    while True:
        size = PAGE if left is None else min(PAGE, left)
        page = await _page(work, wanted, cursor, size)
        await work.look(page.items, run.run.id)
        cursor = page.cursor
        done += len(page.items)
        kept = json.dumps({"since": named, "at": cursor})
        await run.advance(done=done, total=max(total, done), cursor=kept, counts=work.counts)
        if cursor is None:
            return
        if left is not None:
            left -= size
            if left <= 0:
                raise _EnoughForNow


async def _dry(
    work: _Pass, wanted: Filter, total: int, progress: Progress | None, limit: int | None
) -> bool:
    cursor, left = None, limit
    while True:
        size = PAGE if left is None else min(PAGE, left)
        page = await _page(work, wanted, cursor, size)
        await work.look(page.items, None)
        cursor = page.cursor
        if progress is not None:
            progress(work.counts["records"], max(total, work.counts["records"]))
        if cursor is None:
            return True
        if left is not None:
            left -= size
            if left <= 0:
                return False


async def _page(work: _Pass, wanted: Filter, cursor: str | None, size: int) -> ScanPage:
    return await work.engine.backend.scan(
        work.scope.namespace,
        wanted,
        order=Order("id", descending=False),
        cursor=cursor,
        limit=size,
        vectors=True,
    )
