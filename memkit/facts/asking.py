"""Reading facts: what was true on a day, and what was believed on a day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from memkit.clock import utc_now
from memkit.errors import InvalidInput
from memkit.facts.asserting import OBJECT_MAX, SUBJECT_MAX, name_of
from memkit.facts.deriving import Segment, connected, known, segments, sides, strength
from memkit.facts.predicates import DEFAULTS, Predicate, declared, predicate_name
from memkit.facts.settling import CHUNK, KEPT, KIND, changes, circle_of, scanned, settle
from memkit.filters import And, Eq, Exists, Filter, In
from memkit.retrieval.gating import gate
from memkit.scope import Reach, Scope
from memkit.selection import living
from memkit.types import MemoryRecord

if TYPE_CHECKING:
    from memkit.engine import Engine

#: The most facts that one question goes through.
MOST = 100_000


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact over a stretch of time in which it held.

    Attributes:
        record: the record that says it.
        valid_from, valid_to: when it held, ``[valid_from, valid_to)``; ``None``: without end.
        known_from, known_to: when it was believed: from when it was stored until it was withdrawn.
        ended_by: the id of the fact that took its place, if one did.
        reason: why it ended, in words; ``None`` while it has not.
        mirrored: it is told from the other side than the record does, as it was asked for; what
            a symmetric predicate says is said of both.
    """

    record: MemoryRecord
    valid_from: datetime
    valid_to: datetime | None
    known_from: datetime
    known_to: datetime | None
    ended_by: str | None = None
    reason: str | None = None
    mirrored: bool = False

    @property
    def id(self) -> str:
        """The id of the record that says it."""
        return self.record.id

    @property
    def subject(self) -> str:
        """Whom it is about."""
        return (self.record.object if self.mirrored else self.record.subject) or ""

    @property
    def predicate(self) -> str:
        """What is said of them."""
        return self.record.predicate or ""

    @property
    def object(self) -> str:
        """The value."""
        return (self.record.subject if self.mirrored else self.record.object) or ""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which facts are asked for, and of which moments; see ``AsyncMemory.facts``."""

    subject: str | None = None
    predicate: str | None = None
    object: str | None = None
    as_of: datetime | None = None
    known_at: datetime | None = None
    history: bool = False
    reach: Reach = Reach.ANCESTORS

    def checked(self) -> Asked:
        """The same with its names as they are compared.

        Raises:
            InvalidInput: one cannot be a name.
        """
        return Asked(
            None if self.subject is None else name_of(self.subject, "subject", SUBJECT_MAX),
            None if self.predicate is None else predicate_name(self.predicate),
            None if self.object is None else name_of(self.object, "object", OBJECT_MAX),
            self.as_of,
            self.known_at,
            self.history,
            self.reach,
        )


async def facts(engine: Engine, scope: Scope, asked: Asked, limit: int) -> list[Fact]:
    """The facts that hold at a moment, as was known at another; see ``AsyncMemory.facts``."""
    engine.require_open()
    asked = asked.checked()
    rules = {**DEFAULTS, **await declared(engine, scope.namespace)}
    reading = _Reading(engine, scope, asked, rules)
    groups = await _repaired(engine, await reading.groups(), rules)
    moment = asked.as_of or asked.known_at or utc_now()
    found: list[Fact] = []
    for records in groups:
        rule = rule_in(rules, records[0])
        held = known(records, asked.known_at)
        for segment in segments(held, single=rule.single, symmetric=rule.symmetric):
            side = _side(segment.record, asked, rule)
            if side is not None and (asked.history or segment.covers(moment)):
                found.append(_fact(segment, mirrored=side))
    found.sort(key=lambda fact: (fact.valid_from, strength(fact.record)), reverse=not asked.history)
    return found[:limit]


def rule_in(rules: Mapping[str, Predicate], record: MemoryRecord) -> Predicate:
    """What goes for the predicate of a fact."""
    name = record.predicate or ""
    return rules.get(name) or Predicate(name)


def _side(record: MemoryRecord, asked: Asked, rule: Predicate) -> bool | None:
    """Whether a fact answers from its other side; ``None``: it does not answer."""
    wanted = asked.subject, asked.object
    for mirrored in (False, True) if rule.symmetric else (False,):
        said = (record.object, record.subject) if mirrored else (record.subject, record.object)
        if all(want in (None, part) for want, part in zip(wanted, said, strict=True)):
            return mirrored
    return None


def _fact(segment: Segment, *, mirrored: bool) -> Fact:
    record = segment.record
    reason = None
    if segment.by is not None:
        by = segment.by
        reason = f"{by.subject} {by.predicate} {by.object} from {segment.end:%Y-%m-%d}"
    elif segment.end is not None:
        reason = "it was said to end then"
    return Fact(
        record,
        segment.start,
        segment.end,
        record.created_at,
        record.retracted_at,
        None if segment.by is None else segment.by.id,
        reason,
        mirrored,
    )


async def _repaired(
    engine: Engine, groups: Iterable[list[MemoryRecord]], rules: Mapping[str, Predicate]
) -> list[list[MemoryRecord]]:
    """Groups of assertions with their states as they follow now."""
    now, repaired = utc_now(), []
    for records in groups:
        if changes(records, now, rule_in(rules, records[0])):
            # The whole group decides, also what this reader may not see of it.
            right = await settle(engine, records[:1])
            records = [right.get(record.id, record) for record in records]
        repaired.append(records)
    return repaired


class _Reading:
    """Whole groups of assertions, as far as a scope shows them, in which an answer lies."""

    def __init__(
        self, engine: Engine, scope: Scope, asked: Asked, rules: Mapping[str, Predicate]
    ) -> None:
        self._engine = engine
        self._scope = scope
        self._asked = asked
        self._rules = rules
        self._found: dict[str, MemoryRecord] = {}

    async def groups(self) -> list[list[MemoryRecord]]:
        asked = self._asked
        names = frozenset(name for name in (asked.subject, asked.object) if name is not None)
        if not names:
            await self._scan(())
            return self._grouped()
        mirrored = tuple(name for name, rule in self._rules.items() if rule.symmetric)
        if asked.predicate is not None:
            mirrored = (asked.predicate,) if asked.predicate in mirrored else ()
        if asked.subject is not None:
            await self._scan((Eq("subject", asked.subject),))
            if mirrored:
                await self._scan((Eq("object", asked.subject), In("predicate", mirrored)))
        elif asked.object is not None:
            await self._scan((Eq("object", asked.object),))
            if mirrored:
                await self._scan((Eq("subject", asked.object), In("predicate", mirrored)))
            # What else is said of the same subjects decides whether it holds.
            await self._scan_in("subject", {each.subject or "" for each in self._found.values()})
        await self._follow(names)
        return self._grouped()

    async def _follow(self, names: frozenset[str]) -> None:
        """Read on where a symmetric predicate has one value: the other side has another yet."""
        seen: defaultdict[str, set[str]] = defaultdict(lambda: set(names))
        while True:
            ahead: defaultdict[str, set[str]] = defaultdict(set)
            for record in self._found.values():
                rule = rule_in(self._rules, record)
                if rule.single and rule.symmetric:
                    ahead[rule.name] |= sides(record, symmetric=True) - seen[rule.name]
            if not any(ahead.values()):
                return
            for name, new in ahead.items():
                seen[name] |= new
                for side in ("subject", "object"):
                    await self._scan_in(side, new, Eq("predicate", name))

    def _grouped(self) -> list[list[MemoryRecord]]:
        gathered: defaultdict[tuple[str, ...], list[MemoryRecord]] = defaultdict(list)
        groups: list[list[MemoryRecord]] = []
        for record in self._found.values():
            rule = rule_in(self._rules, record)
            joined = rule.single and rule.symmetric
            key = (circle_of(record), rule.name, "" if joined else record.subject or "")
            gathered[key].append(record)
        for records in gathered.values():
            rule = rule_in(self._rules, records[0])
            groups += connected(records) if rule.single and rule.symmetric else [records]
        return groups

    async def _scan_in(self, name: str, values: Iterable[str], *also: Filter) -> None:
        listed = sorted(values)
        for at in range(0, len(listed), CHUNK):
            await self._scan((In(name, tuple(listed[at : at + CHUNK])), *also))

    async def _scan(self, parts: Sequence[Filter]) -> None:
        """Read the facts of the scope that match."""
        scope, asked = self._scope, self._asked
        predicate = (Eq("predicate", asked.predicate),) if asked.predicate is not None else ()
        visible = And(
            (
                *parts,
                *predicate,
                Eq("kind", KIND),
                Exists("subject"),
                In("state", KEPT),
                scope.readable(asked.reach),
                living(utc_now()),
            )
        )
        allowed = gate(scope, visible)
        async for record in scanned(self._engine, scope.namespace, visible):
            if allowed(record):
                self._found[record.id] = record
            if len(self._found) > MOST:
                raise InvalidInput(f"more than {MOST:,} facts: name the subject or the predicate")
