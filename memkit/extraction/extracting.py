"""The pass that reads what is stored and keeps what it says, as a run."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, Final

from memkit.clock import utc_now
from memkit.errors import InvalidInput, LanguageModelUnavailable
from memkit.extraction.asking import ask, batches, pieces_of
from memkit.extraction.findings import Finding
from memkit.extraction.outcome import COUNTS, Extracted, Tally
from memkit.extraction.reading import read
from memkit.extraction.sources import is_source, said_at, sources, speaker_of
from memkit.extraction.stamping import apart, stamp
from memkit.extraction.storing import Maker, extract_of, keep, known_of
from memkit.filters import And, Filter, Gte, In
from memkit.places import place_of
from memkit.protocols import LanguageModel, Order
from memkit.runs import ActiveRun, begin
from memkit.scope import Reach, Scope
from memkit.selection import living
from memkit.types import MemoryRecord
from memkit.validation import check_count, check_flag, check_id, check_time

if TYPE_CHECKING:
    from memkit.engine import Engine, Progress

#: The name of its runs.
OPERATION: Final = "extraction"
USES: Final = ("rules", "model")
RULES: Final = "rules"
LIMIT_MAX: Final = 1_000_000
#: Ids that may be named at once.
IDS_MAX: Final = 1_000
# Records of one step: what a kill can cost, and what is held at once. A model takes its time.
_PAGE: Final = 100
_FEW: Final = 16
_AT_ONCE: Final = 20
_BY_ID: Final = Order("id", descending=False)


class _Paused(Exception):
    """The limit is reached, or time is up: the run goes on when it is called again."""


def no_model() -> LanguageModelUnavailable:
    """The error where a language model is wanted and none is set."""
    return LanguageModelUnavailable(
        "no language model is set: set language_model = openai:MODEL?base_url=..., or use rules"
    )


def check_use(value: object, model: LanguageModel | None) -> str:
    """What extracts: as is said, else the model if there is one.

    Raises:
        InvalidInput: it is neither ``rules`` nor ``model``.
        LanguageModelUnavailable: a model is wanted and none is set.
    """
    if value is None:
        return RULES if model is None else "model"
    if value not in USES:
        raise InvalidInput(f"use is one of {', '.join(USES)}")
    if value != RULES and model is None:
        raise no_model()
    return str(value)


async def find(
    records: Sequence[MemoryRecord], model: LanguageModel | None, tally: Tally
) -> list[tuple[MemoryRecord, Finding]]:
    """What records say, by rules or by a model; those of different places are never mixed.

    Raises:
        LanguageModelUnavailable: the model cannot be asked at the moment.
    """
    found: list[tuple[MemoryRecord, Finding]] = []
    if model is None:
        for number, record in enumerate(records):
            if number % _AT_ONCE == 0:
                # Others have their turn: reading takes about half a millisecond each.
                await asyncio.sleep(0)
            said = read(record.content, speaker_of(record), said_at(record), project=record.project)
            found += [(record, finding) for finding in said]
        return [pair for pair in found if pair[1].kind != pair[0].kind]
    for _, group in groupby(records, key=_audience):
        pieces = [piece for record in group for piece in pieces_of(record)]
        for batch in batches(pieces):
            found += await ask(model, batch, tally)
    # What somebody stored as a decision need not be found in it again.
    return [pair for pair in found if pair[1].kind != pair[0].kind]


def _audience(record: MemoryRecord) -> tuple[str, str, str]:
    return record.namespace, place_of(record), record.agent or ""


@dataclass
class _Pass:
    """One call: what is wanted, and what was done."""

    engine: Engine
    scope: Scope
    wanted: Filter
    use: str
    key: str
    model: LanguageModel | None
    limit: int | None
    until: float | None
    tally: Tally = field(default_factory=Tally)
    _before: dict[str, int] = field(default_factory=dict)
    looked: int = 0

    async def go(self, run: ActiveRun | None, progress: Progress | None) -> None:
        """Read page after page, from where an interrupted run stopped."""
        backend, namespace = self.engine.backend, self.scope.namespace
        cursor, before = self._begun(run)
        total = before + (await backend.count(namespace, self.wanted)).get("", 0)
        if cursor is not None:
            total = max(before, total - before)
        page_size = _PAGE if self.model is None else _FEW
        while True:
            room = page_size if self.limit is None else min(page_size, self.limit - self.looked)
            page = await backend.scan(
                namespace, self.wanted, order=_BY_ID, cursor=cursor, limit=room
            )
            await self._take(run, [item.record for item in page.items])
            self.looked += len(page.items)
            cursor = page.cursor
            done = min(before + self.looked, total)
            if run is not None:
                told = json.dumps([self.key, cursor])
                await run.advance(done=done, total=total, cursor=told, counts=self._counts(run))
            elif progress is not None:
                progress(done, total)
            if cursor is None:
                return
            if self.limit is not None and self.looked >= self.limit:
                raise _Paused
            if self.until is not None and time.monotonic() > self.until:
                raise _Paused

    def _begun(self, run: ActiveRun | None) -> tuple[str | None, int]:
        """Where to go on, and how many records were read before."""
        if run is not None and run.resumed:
            with suppress(ValueError, TypeError):
                key, cursor = json.loads(run.run.cursor or "")
                # Something else is wanted now: what is there already is not stored again.
                if key == self.key and cursor is not None:
                    self._before = dict(run.run.counts)
                    return cursor, run.run.done
        self._before = {}
        return None, 0

    def _counts(self, run: ActiveRun) -> dict[str, int]:
        return {name: self._before.get(name, 0) + self.tally.counts[name] for name in COUNTS}

    async def _take(self, run: ActiveRun | None, records: Sequence[MemoryRecord]) -> None:
        allowed = [record for record in records if is_source(record)]
        self.tally.add(
            {"records": len(records), "passed_over": len(records) - len(allowed)},
        )
        found, names = apart(await find(allowed, self.model, self.tally))
        added = await stamp(self.engine, self.scope.namespace, names, dry_run=run is None)
        self.tally.add({"entities": added})
        if run is None:
            known = await known_of(self.engine, self.scope, found)
            told = []
            for record, finding in found:
                extract = extract_of(self.scope, record, finding, "found")
                if extract.id in known:
                    extract = extract_of(self.scope, record, finding, "known")
                known.add(extract.id)
                told.append(extract)
        else:
            by = RULES if self.model is None else self.model.name
            maker = Maker(run.id, by, self.model is not None)
            told = await keep(self.engine, self.scope, maker, found)
        for extract in told:
            self.tally.tell(extract)


async def extract(
    engine: Engine,
    scope: Scope,
    *,
    ids: Iterable[str] | None = None,
    since: datetime | None = None,
    use: str | None = None,
    dry_run: bool = False,
    limit: int | None = None,
    progress: Progress | None = None,
    seconds: float | None = None,
) -> Extracted:
    """Keep what the records of a scope and below it say.

    Args:
        engine: the store's.
        scope: whose records are read.
        ids: only these.
        since: only those stored since then (aware).
        use: ``rules`` or ``model``; by default the model if there is one.
        dry_run: store nothing, and tell what would be.
        limit: read at most so many records in this call.
        progress: told ``(done, total)`` in records.
        seconds: stop after so long; both times the run goes on when it is called again.

    Raises:
        InvalidInput: an argument cannot be.
        LanguageModelUnavailable: the model is wanted and none is set, or it cannot be asked; the
            run goes on when it is called again.
        RunActive: another extraction is at work in the namespace.
    """
    engine.require_open()
    parts: list[Filter] = [scope.readable(Reach.SUBTREE), sources(), living(utc_now())]
    named = None if ids is None else check_ids(ids)
    if named is not None:
        parts.append(In("id", tuple(named)))
    after = check_time(since, "since")
    if after is not None:
        parts.append(Gte("created_at", after))
    chosen = check_use(use, engine.language_model)
    one = _Pass(
        engine,
        scope,
        And(tuple(parts)),
        chosen,
        json.dumps([chosen, named, None if after is None else after.isoformat()]),
        engine.language_model if chosen == "model" else None,
        None if limit is None else check_count(limit, "limit", 1, LIMIT_MAX),
        None if seconds is None else time.monotonic() + seconds,
    )
    if check_flag(dry_run, "dry_run"):
        with suppress(_Paused):
            await one.go(None, progress)
            return one.tally.told(None, chosen, dry_run=True, more=False)
        return one.tally.told(None, chosen, dry_run=True, more=True)
    run_id = None
    try:
        async with begin(engine, scope, OPERATION, progress=progress) as run:
            run_id = run.id
            await one.go(run, progress)
    except _Paused:
        return one.tally.told(run_id, chosen, dry_run=False, more=True)
    return one.tally.told(run_id, chosen, dry_run=False, more=False)


def check_ids(ids: Iterable[str]) -> list[str]:
    """The ids, each in its form, once.

    Raises:
        InvalidInput: one is none, or there are none or too many.
    """
    if isinstance(ids, str):
        ids = (ids,)
    named = list(dict.fromkeys(check_id(id_) for id_ in ids))
    if not 1 <= len(named) <= IDS_MAX:
        raise InvalidInput(f"ids are 1 to {IDS_MAX:,} of them")
    return named
