"""Scopes: where a memory lives, and how far a reader on a handle can see.

Scopes are tuples of labels compared label by label, never by a joined string's prefix,
so that ``acme`` cannot see ``acme-corp``.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache

from memkit.errors import Forbidden, InvalidScope
from memkit.filters import And, ContainsAny, Eq, Exists, Filter, Not, Or

LABEL_MAX = 200
DEFAULT_NAMESPACE = "default"
#: Where memkit keeps records of its own; no scope can name it, since it is no valid label.
SYSTEM_NAMESPACE = "\x1fmemkit"

# Control characters, lone surrogates, and line and paragraph separators: none of them can
# be seen, so a label that holds one is a mistake or an attack.
_REFUSED_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})


def check_label(value: object, what: str) -> str:
    """Return ``value`` in its NFC form if it is a valid label.

    A label is 1 to 200 characters of any Unicode text without control characters, line
    separators or lone surrogates, and without white space at either end. NFC makes the
    composed and the decomposed spelling of one visible label the same label.

    Raises:
        InvalidScope: ``value`` is not such a label; ``what`` names it in the message.
    """
    if not isinstance(value, str):
        raise InvalidScope(f"{what} must be a string, not {type(value).__name__}")
    if value.isascii() and value.isprintable():
        label = value
    else:
        for char in value:
            if unicodedata.category(char) in _REFUSED_CATEGORIES:
                raise InvalidScope(
                    f"{what} holds the character U+{ord(char):04X}: labels have no control "
                    "characters, line separators or lone surrogates"
                )
        label = unicodedata.normalize("NFC", value)
    if not 1 <= len(label) <= LABEL_MAX:
        raise InvalidScope(f"{what} has {len(label)} characters: labels have 1 to {LABEL_MAX}")
    if label != label.strip():
        raise InvalidScope(f"{what} starts or ends with white space: strip it")
    return label


class Reach(StrEnum):
    """How far a read looks from its scope."""

    EXACT = "exact"
    ANCESTORS = "ancestors"
    SUBTREE = "subtree"


@dataclass(frozen=True, slots=True)
class Scope:
    """A namespace and, inside it, an optional project, task and speaking agent.

    ``namespace`` is the tenant boundary: no operation crosses it. ``project`` and ``task``
    form the hierarchy global -> project -> task, so a task needs a project. ``agent`` says
    who speaks: it is stamped on what is written, and alone reads what it wrote as private.

    A server sets two fields more, which no handle can change: ``author``, the authenticated
    principal that is stamped on what is written, and ``hidden``, tags whose records can here
    be neither read nor written (those of channels that are others').

    Raises:
        InvalidScope: a label is malformed, or a task is given without a project.
    """

    namespace: str = DEFAULT_NAMESPACE
    project: str | None = None
    task: str | None = None
    agent: str | None = None
    author: str | None = field(default=None, kw_only=True)
    hidden: frozenset[str] = field(default=frozenset(), kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "namespace", check_label(self.namespace, "namespace"))
        for name in ("project", "task", "agent", "author"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, check_label(value, name))
        if self.task is not None and self.project is None:
            raise InvalidScope("a task lives inside a project: give project= too")
        if self.hidden:
            hidden = frozenset(check_label(tag, "a hidden tag") for tag in self.hidden)
            object.__setattr__(self, "hidden", hidden)

    def narrowed(
        self,
        *,
        project: str | None = None,
        task: str | None = None,
        agent: str | None = None,
    ) -> Scope:
        """This scope with further labels bound; a bound label cannot be changed.

        Raises:
            InvalidScope: a label is already bound to another value.
        """
        wanted = Scope(self.namespace, self.project if project is None else project, task, agent)
        for name in ("project", "task", "agent"):
            bound, asked = getattr(self, name), getattr(wanted, name)
            if bound is not None and asked is not None and bound != asked:
                raise InvalidScope(
                    f"this handle is bound to another {name}: make the new handle from one "
                    f"on which {name} is not set"
                )
        return replace(
            self,
            project=wanted.project,
            task=wanted.task or self.task,
            agent=wanted.agent or self.agent,
        )

    @lru_cache(maxsize=1024)  # noqa: B019 (scopes are values, and few)
    def readable(self, reach: Reach | str = Reach.ANCESTORS) -> Filter:
        """The filter that a read from this scope must satisfy, its namespace apart.

        Other agents' private records are excluded at every reach.

        Raises:
            InvalidScope: ``reach`` is not ``exact``, ``ancestors`` or ``subtree``.
        """
        try:
            reach = Reach(reach)
        except ValueError:
            raise InvalidScope("reach is 'exact', 'ancestors' or 'subtree'") from None
        place = self.place(reach)
        visible = self._visible()
        return And((place, visible)) if place is not None else visible

    @lru_cache(maxsize=1024)  # noqa: B019
    def accessible(self) -> Filter:
        """The filter of all that any reach of this scope shows: what its ids may name."""
        up, down = self.place(Reach.ANCESTORS), self.place(Reach.SUBTREE)
        visible = self._visible()
        if up is None or down is None:
            return visible
        return And((Or((up, down)), visible))

    def _visible(self) -> Filter:
        seen: Filter = Eq("visibility", "shared")
        if self.agent is not None:
            seen = Or((seen, Eq("agent", self.agent)))
        unhidden = self.unhidden()
        return seen if unhidden is None else And((seen, unhidden))

    def unhidden(self) -> Filter | None:
        """The filter of records without a hidden tag; ``None``: no tag is hidden."""
        return Not(ContainsAny("tags", tuple(sorted(self.hidden)))) if self.hidden else None

    def require_taggable(self, tags: Iterable[str]) -> None:
        """Refuse to write a record with a tag that is hidden here.

        Raises:
            Forbidden: there is one; whether any record has it is not told.
        """
        if self.hidden and not self.hidden.isdisjoint(tags):
            raise Forbidden("you may not write to one of these channels")

    def place(self, reach: Reach | str) -> Filter | None:
        """The filter of the places that a reach covers; ``None``: all of the namespace."""
        reach = Reach(reach)
        no_project, no_task = Not(Exists("project")), Not(Exists("task"))
        if self.project is None:
            return None if reach is Reach.SUBTREE else no_project
        project = Eq("project", self.project)
        if self.task is None:
            if reach is Reach.SUBTREE:
                return project
            own: Filter = And((project, no_task))
            return own if reach is Reach.EXACT else Or((no_project, own))
        task = Eq("task", self.task)
        if reach is not Reach.ANCESTORS:
            return And((project, task))
        return Or((no_project, And((project, Or((no_task, task))))))
