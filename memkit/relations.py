"""Links between records: what their types mean, how they are made, how they are followed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from memkit.clock import utc_now
from memkit.errors import InvalidInput
from memkit.filters import And, ContainsAny, Eq
from memkit.lifecycle import revisions
from memkit.scope import Scope
from memkit.selection import living
from memkit.types import Link, MemoryRecord, Related, State, Step
from memkit.validation import check_kind

if TYPE_CHECKING:
    from memkit.engine import Engine

DEPTH_MAX = 6
DIRECTIONS = ("out", "in", "both")
#: Of the records that link to those of one level, so many are looked at, the newest first.
IN_MOST: Final = 5_000
_PAGE: Final = 500
#: A chain of links that must not close is followed over so many records before one is added.
_CHAIN_MOST: Final = 2_000


@dataclass(frozen=True, slots=True)
class LinkType:
    """What links of a type mean.

    Attributes:
        name: as it is stored: ``causes``.
        inverse: what it is called followed backwards: ``caused_by``. A symmetric type has its own
            name.
        meaning: what ``A name B`` says.
        symmetric: it says the same of both ends, and is one link whichever end it was made from.
        transitive: what is reached over several such links is so related too.
        acyclic: a chain of such links never comes back to where it began.
    """

    name: str
    inverse: str
    meaning: str
    symmetric: bool = False
    transitive: bool = False
    acyclic: bool = False


#: The types with semantics. Any other label is a type too: directed, and named the same both ways.
LINK_TYPES: Final[Mapping[str, LinkType]] = {
    each.name: each
    for each in (
        LinkType("related", "related", "A and B have to do with each other", symmetric=True),
        LinkType("contradicts", "contradicts", "A and B cannot both be so", symmetric=True),
        LinkType("causes", "caused_by", "A is why B is so"),
        LinkType("fixes", "fixed_by", "A mends the fault that B tells of"),
        LinkType("supports", "supported_by", "A is a reason to believe B"),
        LinkType("follows", "followed_by", "A comes after B", transitive=True, acyclic=True),
        LinkType(
            "supersedes", "superseded_by", "A took the place of B", transitive=True, acyclic=True
        ),
        LinkType("derived_from", "source_of", "A was made from B", transitive=True, acyclic=True),
        LinkType("part_of", "has_part", "A is a part of B", transitive=True, acyclic=True),
        LinkType("replies_to", "answered_by", "A answers B", acyclic=True),
    )
}
_INVERSES: Final[Mapping[str, LinkType]] = {
    each.inverse: each for each in LINK_TYPES.values() if not each.symmetric
}

#: A type as stored, and whether it is followed from the record that holds it.
_Way: TypeAlias = tuple[str, bool]
_Path: TypeAlias = tuple[Step, ...]


def link_type(name: str) -> LinkType:
    """What is known of a type of links; of a label of one's own, that it is directed."""
    return LINK_TYPES.get(name) or LinkType(name, name, "")


def link_types() -> list[LinkType]:
    """The types of links with semantics, by name."""
    return sorted(LINK_TYPES.values(), key=lambda each: each.name)


async def link(engine: Engine, scope: Scope, source: str, target: str, type_: str) -> MemoryRecord:
    """Link one record to another; a link that is there already changes nothing.

    Returns:
        the record that holds the link: ``source``, but ``target`` where ``type_`` is a type's
        inverse name, or where it holds the same symmetric link already.

    Raises:
        RecordNotFound: the scope shows one of the two records not.
        InvalidInput: both are the same record, or the type's chain would close.
    """
    type_ = check_kind(type_)
    if type_ in _INVERSES:
        source, target, type_ = target, source, _INVERSES[type_].name
    rule = link_type(type_)
    if rule.symmetric and source != target:
        held = (await engine.one(scope, target)).record
        if Link(type_, source) in held.links:
            await engine.one(scope, source)
            return held
    if rule.acyclic and source != target:
        await _require_open(engine, scope, source, target, rule)
    return await revisions.link(engine, scope, source, target, type_)


async def unlink(
    engine: Engine, scope: Scope, source: str, target: str, type_: str | None
) -> MemoryRecord:
    """Remove the links from one record to another, of one type or of all.

    A symmetric link goes whichever of the two holds it.

    Returns:
        the record ``source``.

    Raises:
        RecordNotFound: the scope shows no record ``source``.
    """
    if type_ is not None and type_ in _INVERSES:
        await engine.one(scope, source)
        await revisions.unlink(engine, scope, target, source, _INVERSES[type_].name)
        return (await engine.one(scope, source)).record
    kept = await revisions.unlink(engine, scope, source, target, type_)
    item = (await engine.visible(scope, (target,))).get(target)
    if item is not None and item.record.state == State.ACTIVE:
        for edge in item.record.links:
            mirrored = edge.target == source and link_type(edge.type).symmetric
            if mirrored and type_ in (None, edge.type):
                await revisions.unlink(engine, scope, target, source, edge.type)
    return kept


async def _require_open(
    engine: Engine, scope: Scope, source: str, target: str, rule: LinkType
) -> None:
    """Refuse a link whose chain would come back to its source, as far as the scope shows it."""
    seen, frontier = {target}, [target]
    while frontier and len(seen) <= _CHAIN_MOST:
        found = await engine.visible(scope, frontier[:_PAGE])
        ahead = [
            edge.target
            for item in found.values()
            for edge in item.record.links
            if edge.type == rule.name
        ]
        if source in ahead:
            raise InvalidInput(
                f"{target} {rule.name} {source} already, directly or over others: what "
                f"{rule.name} something cannot come back to itself"
            )
        fresh = [id_ for id_ in dict.fromkeys(ahead) if id_ not in seen]
        seen.update(fresh)
        frontier = frontier[_PAGE:] + fresh


async def related(
    engine: Engine,
    scope: Scope,
    id_: str,
    *,
    types: Collection[str] | None,
    depth: int,
    direction: str,
    limit: int,
) -> list[Related]:
    """The records reached from one over links, nearest first, each once.

    A path leads only over active records that the scope shows; cycles end it. Each level costs one
    read of the records that are linked to, and one scan of those that link.
    """
    if direction not in DIRECTIONS:
        raise InvalidInput(f"direction is one of {', '.join(DIRECTIONS)}")
    start = (await engine.one(scope, id_)).record
    ways = _Ways(types, direction)
    reached: dict[str, Related] = {}
    frontier: dict[str, tuple[MemoryRecord, _Path]] = {id_: (start, ())}
    for level in range(1, depth + 1):
        steps = list(ways.outgoing(frontier))
        if ways.incoming:
            enough = limit + len(reached) + 1
            steps += await _incoming(engine, scope, frontier, ways, enough)
        fresh: dict[str, _Path] = {}
        for target, path in steps:
            if target != id_ and target not in reached:
                fresh.setdefault(target, path)
        frontier = {}
        waiting = list(fresh)
        for at in range(0, len(waiting), _PAGE):
            found = await engine.visible(scope, waiting[at : at + _PAGE])
            for target in waiting[at : at + _PAGE]:
                item = found.get(target)
                if item is None or item.record.state != State.ACTIVE:
                    continue
                reached[target] = Related(item.record, level, fresh[target])
                frontier[target] = (item.record, fresh[target])
                if len(reached) == limit:
                    return list(reached.values())
        if not frontier:
            break
    return list(reached.values())


class _Ways:
    """Which links are followed, and from which end.

    A type's own name is followed as ``direction`` says, its inverse name (``caused_by``) the other
    way round. Symmetric links are followed from either end.
    """

    def __init__(self, types: Collection[str] | None, direction: str) -> None:
        self._asked = None if types is None else frozenset(types)
        self._direction = direction
        ways = [self.follows(name, out=False) for name in self._named()]
        #: Whether any link is followed from the record that it points at.
        self.incoming = any(ways)

    def _named(self) -> Iterable[str]:
        if self._asked is None:
            # Some symmetric type may be there.
            return LINK_TYPES
        return [_INVERSES[name].name if name in _INVERSES else name for name in self._asked]

    def follows(self, type_: str, *, out: bool) -> bool:
        """Whether a link of a type, as stored, is followed from its holder or to it."""
        rule = link_type(type_)
        asked = self._asked
        if rule.symmetric:
            return asked is None or type_ in asked
        turned = self._direction in ("both", "out" if out else "in")
        if asked is None or type_ in asked:
            if turned:
                return True
            if asked is None:
                return False
        # "caused_by" leads against the link; all the way round in direction "in".
        backwards = {"out": not out, "in": out, "both": not out}[self._direction]
        return rule.inverse in asked and rule.inverse != type_ and backwards

    def outgoing(
        self, frontier: Mapping[str, tuple[MemoryRecord, _Path]]
    ) -> Iterable[tuple[str, _Path]]:
        """Where the links lead that the records of a level hold."""
        for record, path in frontier.values():
            for edge in record.links:
                if self.follows(edge.type, out=True):
                    yield edge.target, (*path, _step(edge, record.id, out=True))


def _step(edge: Link, holder: str, *, out: bool) -> Step:
    rule = link_type(edge.type)
    return Step(
        edge.type,
        edge.target,
        source=holder,
        direction="out" if out else "in",
        name=rule.name if out else rule.inverse,
    )


async def _incoming(
    engine: Engine,
    scope: Scope,
    frontier: Mapping[str, tuple[MemoryRecord, _Path]],
    ways: _Ways,
    enough: int,
) -> Sequence[tuple[str, _Path]]:
    """What links to the records of a level: of the newest :data:`IN_MOST` that do, ``enough``."""
    wanted = And(
        (
            scope.accessible(),
            Eq("state", State.ACTIVE.value),
            living(utc_now()),
            ContainsAny("link_to", tuple(frontier)),
        )
    )
    steps: list[tuple[str, _Path]] = []
    looked, cursor = 0, None
    # All of them can be seen from the scope, so that none has to be made up for.
    while looked < IN_MOST and len({target for target, _ in steps}) <= enough:
        page = await engine.backend.scan(scope.namespace, wanted, cursor=cursor, limit=_PAGE)
        looked += len(page.items)
        for item in page.items:
            for edge in item.record.links:
                if edge.target in frontier and ways.follows(edge.type, out=False):
                    path = frontier[edge.target][1]
                    steps.append((item.record.id, (*path, _step(edge, item.record.id, out=False))))
        cursor = page.cursor
        if cursor is None:
            break
    return steps
