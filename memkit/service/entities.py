"""The operations on whom and what records tell of, and on what links mean."""

from __future__ import annotations

from dataclasses import asdict
from typing import Final, cast

from pydantic import Field
from typing_extensions import TypedDict

from memkit.entities.dossiers import Dossier
from memkit.entities.noting import Noted
from memkit.methods.entities import DOSSIER_MAX
from memkit.service.calling import Call
from memkit.service.facts import (
    AssertedJson,
    FactJson,
    MomentJson,
    asserted_json,
    fact_json,
    moment_json,
)
from memkit.service.inputs import Nothing, ReachName
from memkit.service.operation import Effect, Input, Operation, Permission, row
from memkit.service.outputs import RecordJson, record_json


class Entities(Input):
    """Which entities."""

    query: str | None = Field(None, description="a name, a part of one, or one misspelt")
    reach: ReachName = Field("ancestors", description="how far to look from the scope")
    limit: int = Field(50, ge=1, le=1000, description="at most so many")


class Alias(Input):
    """Two names of one entity."""

    name: str = Field(description="what it is called")
    other: str = Field(description="another name of it")


class AskedDossier(Input):
    """Of whom, and how much."""

    entity: str = Field(description="one of its names")
    limit: int = Field(20, ge=1, le=DOSSIER_MAX, description="at most so many of each part")
    reach: ReachName = Field("ancestors", description="how far to look from the scope")


class NoteEntities(Input):
    """Which records are looked at for names."""

    again: bool = Field(False, description="also those that have names")
    after: str | None = Field(None, description="go on behind this record, an earlier cursor")
    limit: int | None = Field(None, ge=1, description="at most so many records")


class EntityJson(TypedDict):
    """Somebody or something that records name."""

    name: str
    aliases: list[str]
    records: int
    likeness: float


class EntitiesJson(TypedDict):
    """Whom and what records name."""

    entities: list[EntityJson]


class CompanionJson(TypedDict):
    """An entity that is named beside another."""

    name: str
    records: int


class DossierJson(TypedDict):
    """What is known of an entity; ``near`` are names like one that nothing is known of."""

    name: str
    aliases: list[str]
    records: int
    kinds: dict[str, int]
    first_seen: str | None
    last_seen: str | None
    facts: list[FactJson]
    memories: list[RecordJson]
    timeline: list[MomentJson]
    related: list[CompanionJson]
    near: list[str]


class NotedJson(TypedDict):
    """What a pass over records did; ``cursor`` is where to go on, null if all were looked at."""

    looked: int
    stamped: int
    cursor: str | None


class LinkTypeJson(TypedDict):
    """What links of a type mean."""

    name: str
    inverse: str
    meaning: str
    symmetric: bool
    transitive: bool
    acyclic: bool


class LinkTypesJson(TypedDict):
    """The types of links."""

    types: list[LinkTypeJson]


def dossier_json(told: Dossier) -> DossierJson:
    """A dossier as JSON."""
    return {
        "name": told.name,
        "aliases": list(told.aliases),
        "records": told.records,
        "kinds": dict(told.kinds),
        "first_seen": None if told.first_seen is None else told.first_seen.isoformat(),
        "last_seen": None if told.last_seen is None else told.last_seen.isoformat(),
        "facts": [fact_json(fact) for fact in told.facts],
        "memories": [record_json(record) for record in told.memories],
        "timeline": [moment_json(moment) for moment in told.timeline],
        "related": [cast(CompanionJson, asdict(each)) for each in told.related],
        "near": list(told.near),
    }


def noted_json(noted: Noted) -> NotedJson:
    """What a pass over records did, as JSON."""
    return cast(NotedJson, asdict(noted))


async def entities(call: Call, given: Entities) -> EntitiesJson:
    """Whom and what records name."""
    found = await call.memory.entities(given.query, reach=given.reach, limit=given.limit)
    return {
        "entities": [
            {
                "name": each.name,
                "aliases": list(each.aliases),
                "records": each.records,
                "likeness": each.likeness,
            }
            for each in found
        ]
    }


async def alias(call: Call, given: Alias) -> AssertedJson:
    """Join two names."""
    done = await call.memory.alias(given.name, given.other)
    call.touched += [done.record.id, *done.closed, *done.reopened]
    return asserted_json(done)


async def dossier(call: Call, given: AskedDossier) -> DossierJson:
    """What is known of an entity."""
    told = await call.memory.dossier(given.entity, limit=given.limit, reach=given.reach)
    call.touched += [*(fact.id for fact in told.facts), *(each.id for each in told.memories)]
    return dossier_json(told)


async def note_entities(call: Call, given: NoteEntities) -> NotedJson:
    """Find names in records that were stored without."""
    noted = await call.memory.note_entities(again=given.again, after=given.after, limit=given.limit)
    return noted_json(noted)


async def link_types(call: Call, given: Nothing) -> LinkTypesJson:
    """What links mean."""
    return {"types": [cast(LinkTypeJson, asdict(each)) for each in await call.memory.link_types()]}


#: The rows of the table.
ROWS: Final[tuple[Operation, ...]] = (
    row(
        "entities", "List whom and what memories name, or find one by a name.",
        entities, Entities, EntitiesJson, Permission.READ, Effect.READS,
        ("GET", "/api/entities"), "list", "entities",
    ),
    row(
        "alias", "Say that two names are one entity's.",
        alias, Alias, AssertedJson, Permission.WRITE, Effect.ADDS,
        ("POST", "/api/entities/alias", 201), "remember", "entity alias", repeatable=True,
    ),
    row(
        "dossier", "Tell all that is known of an entity.",
        dossier, AskedDossier, DossierJson, Permission.READ, Effect.READS,
        ("GET", "/api/entities/dossier"), "list", "entity dossier",
    ),
    row(
        "note_entities", "Find the names in memories that were stored without.",
        note_entities, NoteEntities, NotedJson, Permission.ADMIN, Effect.CHANGES,
        ("POST", "/api/entities/note"), "link", "entity note", repeatable=True,
    ),
    row(
        "link_types", "List the types of links and what they mean.",
        link_types, Nothing, LinkTypesJson, Permission.READ, Effect.READS,
        ("GET", "/api/link-types"), "list", "link-types",
    ),
)  # fmt: skip
