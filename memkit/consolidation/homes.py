"""The places whose records may be summarised together: whoever may read one may read all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from memkit.filters import And, Eq, Exists, Filter, In, Not
from memkit.hints import is_message
from memkit.protocols import Order
from memkit.scope import Reach, Scope
from memkit.types import MemoryRecord, State, Visibility
from memkit.validation import canonical_json

if TYPE_CHECKING:
    from memkit.engine import Engine

#: Records of one page.
PAGE = 1000
BY_ID = Order("id", descending=False)
#: Kinds that nothing speaks for: what was sent, what must hold word for word, and what was made
#: of other records already.
NEVER = ("message", "constraint", "contradiction", "summary", "episode", "dossier")


@dataclass(frozen=True, slots=True)
class Home:
    """A project and a task, or none, and the one agent that reads what is there, or ``None``."""

    project: str | None
    task: str | None
    owner: str | None

    @property
    def key(self) -> str:
        """It as text that sorts, the same everywhere."""
        return canonical_json([self.project, self.task, self.owner])

    def filter(self, scope: Scope) -> Filter:
        """The filter of what may be summarised here, as far as the scope shows it.

        What expires is left out: a summary would keep what was to go. So is what a run made.
        """
        return And(
            (
                self.visible(scope),
                Eq("state", State.ACTIVE.value),
                Not(In("kind", NEVER)),
                Not(Exists("expires_at")),
                Not(Exists("run")),
            )
        )

    def made(self, scope: Scope, kind: str) -> Filter:
        """The filter of the summaries of a kind that runs have made here, and that stand."""
        standing = (Eq("kind", kind), Eq("state", State.ACTIVE.value), Exists("run"))
        return And((self.visible(scope), *standing))

    def visible(self, scope: Scope) -> Filter:
        """The filter of all that is here and that the scope shows."""
        return And((scope.readable(Reach.SUBTREE), *self._place()))

    def _place(self) -> list[Filter]:
        parts: list[Filter] = [
            Not(Exists(name)) if value is None else Eq(name, value)
            for name, value in (("project", self.project), ("task", self.task))
        ]
        if self.owner is None:
            return [*parts, Eq("visibility", Visibility.SHARED.value)]
        return [*parts, Eq("visibility", Visibility.PRIVATE.value), Eq("agent", self.owner)]

    def scope(self, scope: Scope, agent: str | None) -> Scope:
        """The scope in which a summary of what is here is written."""
        return Scope(
            scope.namespace,
            self.project,
            self.task,
            agent if self.owner is None else self.owner,
            author=scope.author,
            hidden=scope.hidden,
        )


async def homes(engine: Engine, scope: Scope, *, shared: bool = True) -> list[Home]:
    """The places at and below a scope, in the order of their keys.

    Args:
        engine: the store's.
        scope: whose reach is meant.
        shared: also those that all may read, not just the agent's own.
    """
    found: list[Home] = []
    owners: list[str | None] = [None] if shared else []
    if scope.agent is not None:
        owners.append(scope.agent)
    for project in await _values(engine, scope, "project", scope.project):
        if project is None:
            found += [Home(None, None, owner) for owner in owners]
            continue
        inside = Eq("project", project)
        for task in await _values(engine, scope, "task", scope.task, inside):
            found += [Home(project, task, owner) for owner in owners]
    return sorted(found, key=lambda home: home.key)


async def _values(
    engine: Engine, scope: Scope, name: str, bound: str | None, inside: Filter | None = None
) -> list[str | None]:
    if bound is not None:
        return [bound]
    seen = scope.readable(Reach.SUBTREE)
    wanted = seen if inside is None else And((seen, inside))
    counted = await engine.backend.count(scope.namespace, wanted, by=name)
    return [None, *sorted(counted)]


async def agents(engine: Engine, namespace: str) -> list[str]:
    """The agents that keep private records in a namespace."""
    wanted = Eq("visibility", Visibility.PRIVATE.value)
    return sorted(await engine.backend.count(namespace, wanted, by="agent"))


def speaks_for_itself(record: MemoryRecord) -> bool:
    """Whether no summary may stand in for a record: it is a fact, was sent, or is held up."""
    return record.subject is not None or record.pinned or is_message(record.tags)


@dataclass(frozen=True, slots=True)
class Window:
    """Which records a step looks at.

    Attributes:
        home: where they are.
        scope: who looks.
        own: ids of the summaries that this run made before it was interrupted: what they speak
            for is looked at again, so that the same groups are found.
    """

    home: Home
    scope: Scope
    own: frozenset[str] = frozenset()

    def filter(self, *more: Filter) -> Filter:
        """The filter of the records that have no summary yet, or one of this run."""
        parts = (self.home.filter(self.scope), *more)
        return And(parts if self.own else (*parts, Not(Exists("summarized_by"))))

    def open(self, record: MemoryRecord) -> bool:
        """Whether a record that matches may be summarised."""
        by = record.summarized_by
        return (by is None or by in self.own) and not speaks_for_itself(record)


async def scanned(
    engine: Engine, namespace: str, wanted: Filter, order: Order = BY_ID, limit: int = PAGE
) -> AsyncIterator[MemoryRecord]:
    """All records that match, page by page."""
    cursor: str | None = None
    while True:
        page = await engine.backend.scan(namespace, wanted, order=order, cursor=cursor, limit=limit)
        for item in page.items:
            yield item.record
        cursor = page.cursor
        if cursor is None:
            return
