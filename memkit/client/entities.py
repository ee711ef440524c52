"""The methods about whom and what records tell of, on a server."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from memkit.client import asking, facts
from memkit.client.answers import record_of, time_of
from memkit.client.asker import Asker
from memkit.entities.dossiers import Companion, Dossier
from memkit.entities.listing import Entity
from memkit.entities.noting import Noted
from memkit.facts.asserting import Asserted
from memkit.relations import LinkType
from memkit.scope import Reach
from memkit.validation import RECALL_LIMIT_MAX, check_count, check_flag, check_id, check_text

if TYPE_CHECKING:
    from memkit.engine import Progress

Json = Mapping[str, Any]
_NO_LIMIT = 2**62


class EntityCalls(Asker):
    """:class:`~memkit.methods.entities.EntityMethods` on a server."""

    async def entities(
        self,
        query: str | None = None,
        *,
        reach: Reach | str = Reach.ANCESTORS,
        limit: int = 50,
    ) -> builtins.list[Entity]:
        """As AsyncMemory's."""
        given = {
            "reach": asking.reach_form(reach),
            "limit": check_count(limit, "limit", 1, RECALL_LIMIT_MAX),
        } | asking.given(query=None if query is None else check_text(query, "query", _NO_LIMIT))
        return await self._ask("entities", entities_of, given)

    async def alias(self, name: str, other: str) -> Asserted:
        """As AsyncMemory's."""
        given = {
            "name": check_text(name, "name", _NO_LIMIT),
            "other": check_text(other, "other", _NO_LIMIT),
        }
        return await self._ask("alias", facts.asserted_of, given)

    async def dossier(
        self, entity: str, *, limit: int = 20, reach: Reach | str = Reach.ANCESTORS
    ) -> Dossier:
        """As AsyncMemory's."""
        given = {
            "entity": check_text(entity, "entity", _NO_LIMIT),
            "limit": check_count(limit, "limit", 1, _NO_LIMIT),
            "reach": asking.reach_form(reach),
        }
        return await self._ask("dossier", dossier_of, given)

    async def note_entities(
        self,
        *,
        again: bool = False,
        after: str | None = None,
        limit: int | None = None,
        progress: Progress | None = None,
    ) -> Noted:
        """As AsyncMemory's; for admins of the namespace. Progress is told once, at the end."""
        given = {"again": check_flag(again, "again")} | asking.given(
            after=None if after is None else check_id(after, "after"),
            limit=None if limit is None else check_count(limit, "limit", 1, 2**31),
        )
        noted = await self._ask("note_entities", noted_of, given)
        if progress is not None:
            progress(noted.looked, noted.looked)
        return noted

    async def link_types(self) -> builtins.list[LinkType]:
        """As AsyncMemory's."""
        return await self._ask("link_types", link_types_of, {})


def entities_of(told: Json) -> list[Entity]:
    """Entities."""
    return [Entity(**{**each, "aliases": tuple(each["aliases"])}) for each in told["entities"]]


def dossier_of(told: Json) -> Dossier:
    """A dossier."""
    first, last = told["first_seen"], told["last_seen"]
    return Dossier(
        name=told["name"],
        aliases=tuple(told["aliases"]),
        records=told["records"],
        kinds=dict(told["kinds"]),
        first_seen=None if first is None else time_of(first),
        last_seen=None if last is None else time_of(last),
        facts=tuple(facts.facts_of(told)),
        memories=tuple(record_of(each) for each in told["memories"]),
        timeline=tuple(facts.moments_of({"moments": told["timeline"]})),
        related=tuple(Companion(**each) for each in told["related"]),
        near=tuple(told["near"]),
    )


def noted_of(told: Json) -> Noted:
    """What a pass over records did."""
    return Noted(**told)


def link_types_of(told: Json) -> list[LinkType]:
    """Types of links."""
    return [LinkType(**each) for each in told["types"]]
