"""The methods about whom and what records tell of."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING

from memkit.entities import dossiers, listing, noting
from memkit.entities.aliases import alias
from memkit.entities.dossiers import Dossier
from memkit.entities.listing import Entity
from memkit.entities.noting import Noted
from memkit.errors import InvalidInput
from memkit.facts.asserting import Asserted
from memkit.methods.bound import Bound, Face, documented_by
from memkit.relations import LinkType, link_types
from memkit.scope import Reach
from memkit.validation import RECALL_LIMIT_MAX, check_count, check_flag, check_id, check_text

if TYPE_CHECKING:
    from memkit.engine import Progress

#: The most that is told of an entity in each part of its dossier.
DOSSIER_MAX = 200


class EntityMethods(Bound):
    """What a handle does about whom and what records tell of."""

    async def entities(
        self,
        query: str | None = None,
        *,
        reach: Reach | str = Reach.ANCESTORS,
        limit: int = 50,
    ) -> builtins.list[Entity]:
        """Whom and what the active records of this scope name, the most often named first.

        Names that differ in case alone are one, and so are names that ``alias`` joined.

        Args:
            query: a name, its beginning, one of its words, or one misspelt: the likest come first.
            reach: as for ``recall``.
            limit: at most so many, 1 to 1,000.

        Raises:
            InvalidInput: an argument cannot be accepted.
        """
        return await listing.entities(
            self._engine,
            self._scope,
            None if query is None else check_text(query, "query", 1_000),
            reach=_reach(reach),
            limit=check_count(limit, "limit", 1, RECALL_LIMIT_MAX),
        )

    async def alias(self, name: str, other: str) -> Asserted:
        """Say that ``other`` is another name of whom or what is called ``name``.

        It is kept as the fact ``other also_known_as name``: it lives in this scope, has a history,
        and ``undo`` or ``retract_fact`` takes it back.

        Args:
            name: what the entity is called.
            other: another name of it, however it is written.

        Raises:
            InvalidInput: one cannot be a name of at most 200 characters, or both are one.
        """
        return await alias(self._engine, self._scope, name, other)

    async def dossier(
        self, entity: str, *, limit: int = 20, reach: Reach | str = Reach.ANCESTORS
    ) -> Dossier:
        """All that is known of an entity, under all its names: no model is asked.

        Args:
            entity: one of its names, in any case.
            limit: at most so many of each part, 1 to 200.
            reach: as for ``recall``.

        Returns:
            its names, facts that hold, the records that name it, what happened to it, and who is
            named beside it. Of a name that nothing is known of: names that are like it.

        Raises:
            InvalidInput: an argument cannot be accepted.
        """
        return await dossiers.dossier(
            self._engine,
            self._scope,
            entity,
            reach=_reach(reach),
            limit=check_count(limit, "limit", 1, DOSSIER_MAX),
        )

    async def note_entities(
        self,
        *,
        again: bool = False,
        after: str | None = None,
        limit: int | None = None,
        progress: Progress | None = None,
    ) -> Noted:
        """Find the names in records of this scope and below that were stored without.

        For stores that are older than the finding of names, or for another finder. Neither versions
        nor times change, and nobody who watches is told. Interrupted, it is simply called again.

        Args:
            again: look at all records, also at those that have names.
            after: go on behind this record, the ``cursor`` of an earlier call.
            limit: look at so many records at most.
            progress: called with how many records were looked at, and of how many.

        Raises:
            InvalidInput: an argument cannot be accepted.
        """
        return await noting.note_entities(
            self._engine,
            self._scope,
            again=check_flag(again, "again"),
            after=None if after is None else check_id(after, "after"),
            limit=None if limit is None else check_count(limit, "limit", 1, 2**31),
            progress=progress,
        )

    async def link_types(self) -> builtins.list[LinkType]:
        """The types of links that mean something to memkit, and what."""
        return link_types()


class EntityFace(Face):
    """:class:`EntityMethods`, synchronous: one line a method."""

    @documented_by(EntityMethods)
    def entities(
        self,
        query: str | None = None,
        *,
        reach: Reach | str = Reach.ANCESTORS,
        limit: int = 50,
    ) -> builtins.list[Entity]:
        return self._run(self._memory.entities(query, reach=reach, limit=limit))

    @documented_by(EntityMethods)
    def alias(self, name: str, other: str) -> Asserted:
        return self._run(self._memory.alias(name, other))

    @documented_by(EntityMethods)
    def dossier(
        self, entity: str, *, limit: int = 20, reach: Reach | str = Reach.ANCESTORS
    ) -> Dossier:
        return self._run(self._memory.dossier(entity, limit=limit, reach=reach))

    @documented_by(EntityMethods)
    def note_entities(
        self,
        *,
        again: bool = False,
        after: str | None = None,
        limit: int | None = None,
        progress: Progress | None = None,
    ) -> Noted:
        return self._run(
            self._memory.note_entities(again=again, after=after, limit=limit, progress=progress)
        )

    @documented_by(EntityMethods)
    def link_types(self) -> builtins.list[LinkType]:
        return self._run(self._memory.link_types())


def _reach(value: object) -> Reach:
    try:
        return Reach(value)  # type: ignore[arg-type]
    except ValueError:
        raise InvalidInput(f"reach is one of {', '.join(Reach)}") from None
