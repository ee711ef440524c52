"""The operations on facts: their inputs, their results as JSON, their handlers."""

from __future__ import annotations

from typing import Any

from pydantic import AwareDatetime, Field, JsonValue
from typing_extensions import TypedDict

from memkit.facts.asking import Fact
from memkit.facts.asserting import Asserted
from memkit.facts.predicates import Predicate
from memkit.facts.timeline import Moment
from memkit.lifecycle.revisions import UNSET
from memkit.service.calling import Call
from memkit.service.inputs import ById, ReachName
from memkit.service.operation import Input
from memkit.service.outputs import RecordJson, record_json


class AssertFact(Input):
    """A fact."""

    subject: str = Field(description="whom it is about")
    predicate: str = Field(description="lives_in, works_at, likes, ...")
    object: str = Field(description="the value")
    valid_from: AwareDatetime | None = Field(None, description="now if absent")
    valid_to: AwareDatetime | None = Field(None, description="until when; without end if absent")
    content: str | None = Field(None, description="the sentence that is recalled")
    confidence: float | None = Field(None, ge=0, le=1, description="how sure")
    source: str | None = Field(None, description="where it came from")
    tags: list[str] = Field([], description="free labels")
    metadata: dict[str, JsonValue] | None = Field(None, description="values by key, for filters")
    private: bool = Field(False, description="for its agent alone")


class CorrectFact(ById):
    """What was right instead; what is not given stays, null is no end."""

    object: str | None = Field(None, description="the value")
    valid_from: AwareDatetime | None = Field(None, description="since when")
    valid_to: AwareDatetime | None = Field(None, description="until when; null: without end")
    content: str | None = Field(None, description="the sentence that is recalled")
    confidence: float | None = Field(None, ge=0, le=1, description="how sure")
    source: str | None = Field(None, description="where it came from")


class Facts(Input):
    """Which facts, and of which moment."""

    subject: str | None = Field(None, description="about this")
    predicate: str | None = Field(None, description="that say this")
    object: str | None = Field(None, description="with this value")
    as_of: AwareDatetime | None = Field(None, description="what was true then")
    known_at: AwareDatetime | None = Field(None, description="what was believed then")
    history: bool = Field(False, description="whenever one held, in order of time")
    reach: ReachName = Field("ancestors", description="how far to look from the scope")
    limit: int = Field(100, ge=1, le=1000, description="at most so many")


class Timeline(Input):
    """Whose timeline, and which part of it."""

    entity: str | None = Field(None, description="whom it is about; the scope's records if absent")
    since: AwareDatetime | None = Field(None, description="from this moment")
    until: AwareDatetime | None = Field(None, description="up to this moment")
    reach: ReachName = Field("ancestors", description="how far to look from the scope")
    limit: int = Field(100, ge=1, le=1000, description="at most so many")


class DeclarePredicate(Input):
    """What a predicate is like."""

    name: str = Field(description="the predicate")
    single: bool = Field(False, description="a subject has one value of it at a time")
    symmetric: bool = Field(False, description="it says the same of both sides")


class AssertedJson(TypedDict):
    """What came of a fact."""

    status: str
    id: str
    closed: list[str]
    reopened: list[str]
    notices: list[str]
    record: RecordJson


class FactJson(TypedDict):
    """A fact over a stretch of time in which it held."""

    id: str
    subject: str
    predicate: str
    object: str
    valid_from: str
    valid_to: str | None
    known_from: str
    known_to: str | None
    ended_by: str | None
    reason: str | None
    mirrored: bool
    record: RecordJson


class FactsJson(TypedDict):
    """Facts."""

    facts: list[FactJson]


class MomentJson(TypedDict):
    """Something that happened."""

    at: str
    what: str
    record: RecordJson
    fact: FactJson | None


class TimelineJson(TypedDict):
    """What happened, in order."""

    moments: list[MomentJson]


class PredicateJson(TypedDict):
    """A predicate."""

    name: str
    single: bool
    symmetric: bool
    declared: bool


class PredicatesJson(TypedDict):
    """Predicates."""

    predicates: list[PredicateJson]


def asserted_json(done: Asserted) -> AssertedJson:
    """What came of a fact, as JSON."""
    return {
        "status": done.status,
        "id": done.record.id,
        "closed": list(done.closed),
        "reopened": list(done.reopened),
        "notices": list(done.notices),
        "record": record_json(done.record),
    }


def fact_json(fact: Fact) -> FactJson:
    """A fact as JSON."""
    return {
        "id": fact.id,
        "subject": fact.subject,
        "predicate": fact.predicate,
        "object": fact.object,
        "valid_from": fact.valid_from.isoformat(),
        "valid_to": None if fact.valid_to is None else fact.valid_to.isoformat(),
        "known_from": fact.known_from.isoformat(),
        "known_to": None if fact.known_to is None else fact.known_to.isoformat(),
        "ended_by": fact.ended_by,
        "reason": fact.reason,
        "mirrored": fact.mirrored,
        "record": record_json(fact.record),
    }


def moment_json(moment: Moment) -> MomentJson:
    """A moment as JSON."""
    return {
        "at": moment.at.isoformat(),
        "what": moment.what,
        "record": record_json(moment.record),
        "fact": None if moment.fact is None else fact_json(moment.fact),
    }


def predicate_json(rule: Predicate) -> PredicateJson:
    """A predicate as JSON."""
    return {
        "name": rule.name,
        "single": rule.single,
        "symmetric": rule.symmetric,
        "declared": rule.declared,
    }


def _told(call: Call, done: Asserted) -> AssertedJson:
    call.touched += [done.record.id, *done.closed, *done.reopened]
    return asserted_json(done)


async def assert_fact(call: Call, given: AssertFact) -> AssertedJson:
    """Store a fact."""
    call.require_sendable(given.tags)
    fields: dict[str, Any] = {name: getattr(given, name) for name in AssertFact.model_fields}
    return _told(call, await call.memory.assert_fact(**fields))


async def correct_fact(call: Call, given: CorrectFact) -> AssertedJson:
    """Say what was right instead of a fact."""
    ends = given.valid_to if "valid_to" in given.model_fields_set else UNSET
    done = await call.memory.correct_fact(
        given.id,
        object=UNSET if given.object is None else given.object,
        valid_from=UNSET if given.valid_from is None else given.valid_from,
        valid_to=ends,
        content=given.content,
        confidence=given.confidence,
        source=given.source,
    )
    call.touched.append(given.id)
    return _told(call, done)


async def retract_fact(call: Call, given: ById) -> AssertedJson:
    """Withdraw a fact."""
    return _told(call, await call.memory.retract_fact(given.id))


async def undo(call: Call, given: ById) -> AssertedJson:
    """Take back a fact or a correction."""
    call.touched.append(given.id)
    return _told(call, await call.memory.undo(given.id))


async def facts(call: Call, given: Facts) -> FactsJson:
    """The facts that hold."""
    fields: dict[str, Any] = {name: getattr(given, name) for name in Facts.model_fields}
    found = await call.memory.facts(**fields)
    call.touched += [fact.id for fact in found]
    return {"facts": [fact_json(fact) for fact in found]}


async def timeline(call: Call, given: Timeline) -> TimelineJson:
    """What happened, in order."""
    found = await call.memory.timeline(
        given.entity, since=given.since, until=given.until, reach=given.reach, limit=given.limit
    )
    call.touched += [moment.record.id for moment in found]
    return {"moments": [moment_json(moment) for moment in found]}


async def declare_predicate(call: Call, given: DeclarePredicate) -> PredicateJson:
    """Say what a predicate is like."""
    rule = await call.memory.declare_predicate(
        given.name, single=given.single, symmetric=given.symmetric
    )
    return predicate_json(rule)


async def predicates(call: Call, given: Input) -> PredicatesJson:
    """What goes for predicates."""
    return {"predicates": [predicate_json(rule) for rule in await call.memory.predicates()]}
