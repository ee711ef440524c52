"""A group of records that belong together, and the summary record that it becomes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from statistics import fmean
from typing import TYPE_CHECKING, Any, Final

from memkit.clock import utc_now
from memkit.consolidation.homes import Home
from memkit.drafts import Draft, keyed_id, record_from
from memkit.scope import Scope
from memkit.types import Link, MemoryRecord
from memkit.validation import AGENT_TAG, MESSAGE_TAG

if TYPE_CHECKING:
    from memkit.config import Settings

SUMMARY: Final = "summary"
EPISODE: Final = "episode"
DOSSIER: Final = "dossier"
#: The type of the links from a summary to its sources.
DERIVED_FROM: Final = "derived_from"


@dataclass(frozen=True, slots=True)
class Group:
    """Records that belong together.

    Attributes:
        kind: that of the summary.
        home: where they are.
        name: what tells the summary from all others of the place: the same records, the same name.
        members: what is summarised, in order of time.
        about: the entity of a dossier.
        facts: what holds of that entity.
        metadata: what the summary says of itself.
        replaces: earlier summaries in whose place it stands.
    """

    kind: str
    home: Home
    name: str
    members: tuple[MemoryRecord, ...]
    about: str | None = None
    facts: tuple[MemoryRecord, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    replaces: tuple[MemoryRecord, ...] = ()

    @property
    def marks(self) -> bool:
        """Whether the summary speaks for its sources; a dossier is one view of them."""
        return self.kind != DOSSIER

    @property
    def sources(self) -> tuple[MemoryRecord, ...]:
        """All that the summary is made of."""
        known = {record.id for record in self.facts}
        return (*self.facts, *(record for record in self.members if record.id not in known))

    def id(self, scope: Scope) -> str:
        """The id of its summary, the same whenever and by whomever it is made."""
        private = self.home.owner is not None
        return keyed_id(self.home.scope(scope, None), self.name, private=private)


def name_of(kind: str, *parts: object) -> str:
    """The name of a group of these records."""
    told = "\n".join(str(part) for part in parts)
    digest = blake2b(told.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return f"memkit:{kind}:{digest}"


def summary_record(
    group: Group, scope: Scope, text: str, run: str | None, settings: Settings, *, by_model: bool
) -> MemoryRecord:
    """The record of a group's summary: where its sources are, for whom they are.

    It is as sure as its sources are on average, and as recent as the latest of them.
    """
    sources = group.sources
    agents = {record.agent for record in sources}
    agent = agents.pop() if len(agents) == 1 else None
    moments = [record.occurred_at for record in sources if record.occurred_at is not None]
    draft = Draft(
        text[: settings.max_content_chars],
        kind=group.kind,
        tags=_shared_tags(sources),
        metadata={
            **group.metadata,
            "records": len(sources),
            "written_by": "model" if by_model else "extraction",
        },
        private=group.home.owner is not None,
        confidence=round(fmean(record.confidence for record in sources), 4),
        occurred_at=max(moments, default=None),
    )
    record = record_from(draft, group.home.scope(scope, agent), utc_now(), settings)
    links = tuple(Link(DERIVED_FROM, source.id) for source in sources)
    named = {name for source in sources for name in source.entities}
    return replace(
        record,
        id=group.id(scope),
        links=links,
        run=run,
        entities=tuple(sorted(name for name in named if name.casefold() in text.casefold())),
    )


def _shared_tags(sources: tuple[MemoryRecord, ...]) -> list[str]:
    first, *others = sources
    return [
        tag
        for tag in first.tags
        if not tag.startswith((AGENT_TAG, MESSAGE_TAG))
        and all(tag in record.tags for record in others)
    ]
