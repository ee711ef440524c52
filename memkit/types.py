"""The records, hits, outcomes and receipts that cross memkit's layers.

All are frozen. Times are aware UTC datetimes with microseconds; ids are UUIDv7 strings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple, overload

from memkit.filters import METADATA_PREFIX, metadata_key
from memkit.scope import Scope

_NO_METADATA: Mapping[str, Any] = MappingProxyType({})


class State(StrEnum):
    """Where a record stands in its life."""

    ACTIVE = "active"
    #: Replaced by a correction; kept as history.
    SUPERSEDED = "superseded"
    #: A near copy of another record, kept verbatim behind it.
    MERGED = "merged"
    #: Softly deleted; ``restore`` brings it back.
    FORGOTTEN = "forgotten"
    #: Decayed out of default recall.
    ARCHIVED = "archived"


class Visibility(StrEnum):
    """Who, of those whose reach covers a record, may read it."""

    SHARED = "shared"
    PRIVATE = "private"


@dataclass(frozen=True, slots=True)
class KindDefaults:
    """What a record of a kind starts with.

    ``half_life_days`` is the age in days at which recency has lost half its weight; ``None``
    means that the kind does not age.
    """

    confidence: float
    half_life_days: float | None


#: Kinds with defaults of their own. The set is open: any other label is a kind too, with
#: the defaults of ``note``.
KINDS: Mapping[str, KindDefaults] = {
    "note": KindDefaults(0.50, 60),
    "fact": KindDefaults(0.75, None),
    "decision": KindDefaults(0.85, None),
    "preference": KindDefaults(0.80, None),
    "constraint": KindDefaults(0.90, None),
    "antipattern": KindDefaults(0.80, None),
    "observation": KindDefaults(0.70, 90),
    "learning": KindDefaults(0.70, 180),
    "error": KindDefaults(0.70, 90),
    "pattern": KindDefaults(0.70, 180),
    "research": KindDefaults(0.70, 90),
    "project": KindDefaults(0.65, 120),
    "handoff": KindDefaults(0.60, 30),
    "message": KindDefaults(0.60, 30),
    "episode": KindDefaults(0.60, 60),
}
DEFAULT_KIND = "note"


def kind_defaults(kind: str) -> KindDefaults:
    """The defaults of a kind; an unknown kind has those of ``note``."""
    return KINDS.get(kind, KINDS[DEFAULT_KIND])


@dataclass(frozen=True, slots=True)
class Link:
    """A typed, directed edge from the record that holds it to the record ``target``."""

    type: str
    target: str


@dataclass(frozen=True, slots=True)
class MemoryRecord:
    """One memory.

    Attributes:
        id: UUIDv7, unique in its namespace.
        content: the text, verbatim.
        namespace, project, task: where it lives.
        agent: who wrote it, ``None`` if the handle had no agent.
        kind: what sort of memory; see :data:`KINDS`.
        tags: free labels, unique, in the order given; ``agent:<id>`` is the engine's.
        metadata: the caller's own JSON values by key.
        visibility: ``private`` records are read by ``agent`` alone.
        confidence: 0 to 1.
        pinned: held up in recall and kept by every sweep.
        created_at, updated_at: when memkit stored and last changed it.
        occurred_at: when what it tells of happened, if known.
        expires_at: when it stops being readable, if ever.
        conversation_id, sequence, speaker: its place in a conversation.
        source: where it came from (a URL, a file, a message id), if known.
        state: see :class:`State`.
        version: 1 at first, one more at each change of what it says or of its state.
        superseded_by, superseded_at: what replaced it, and when.
        supersedes: the record that this one replaced.
        forgotten_at: when it was softly deleted.
        links: its outgoing links.
        uses, used_at: how often and when last it was recalled (counted lazily: not durable
            until the next flush).
        useful, useless: the feedback it had.
        author: the authenticated principal that wrote it through a server; ``None`` where
            nobody was asked to prove who they are.
        subject, predicate, object: the three parts of a fact (whom it is about, what is said
            of them, and the value): labels of at most 1,000, 200 and 10,000 characters;
            ``None`` for what is not a fact.
        valid_from, valid_to: the fact's valid time, when it was true in the world: from
            ``valid_from`` up to and without ``valid_to``. ``None`` is unbounded or unknown.
        retracted_at: when the fact was withdrawn as never having been right; ``None`` while
            it stands. Recorded time: when memkit was told.
    """

    id: str
    content: str
    namespace: str
    project: str | None
    task: str | None
    agent: str | None
    created_at: datetime
    updated_at: datetime
    kind: str = DEFAULT_KIND
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    visibility: str = "shared"
    confidence: float = 0.5
    pinned: bool = False
    occurred_at: datetime | None = None
    expires_at: datetime | None = None
    conversation_id: str | None = None
    sequence: int | None = None
    speaker: str | None = None
    source: str | None = None
    state: str = "active"
    version: int = 1
    superseded_by: str | None = None
    superseded_at: datetime | None = None
    supersedes: str | None = None
    forgotten_at: datetime | None = None
    links: tuple[Link, ...] = ()
    uses: int = 0
    used_at: datetime | None = None
    useful: int = 0
    useless: int = 0
    author: str | None = None
    subject: str | None = None
    predicate: str | None = None
    object: str | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    retracted_at: datetime | None = None

    @property
    def scope(self) -> Scope:
        """The scope it was written in."""
        return Scope(self.namespace, self.project, self.task, self.agent)

    def value_of(self, name: str) -> Any:
        """The value that a filter on ``name`` sees; ``None`` where it is missing."""
        if name.startswith(METADATA_PREFIX):
            return self.metadata.get(metadata_key(name))
        if name == "link_to":
            return tuple(link.target for link in self.links)
        return getattr(self, name)


class Leg(NamedTuple):
    """What one leg of a search said of a hit: its rank (from 1) and its own raw score."""

    rank: int
    score: float


@dataclass(frozen=True, slots=True)
class Why:
    """Why a hit stands where it does: ``score = fused * product of factors``.

    Attributes:
        legs: the legs that found it (``dense``: cosine; ``lexical``: BM25; ``late``: MaxSim over
            token vectors, where the profile ``best`` has them), by name.
        fused: the legs' normalised scores, weighted and summed, in [0, 1].
        factors: the multipliers applied after fusion, by name.
    """

    legs: Mapping[str, Leg]
    fused: float
    factors: Mapping[str, float]

    def __str__(self) -> str:
        legs = ", ".join(f"{name} #{leg.rank} ({leg.score:.3f})" for name, leg in self.legs.items())
        factors = ", ".join(f"{name} x{value:.3f}" for name, value in self.factors.items())
        return f"{legs or 'no leg'}; fused {self.fused:.3f}" + (f"; {factors}" if factors else "")


@dataclass(frozen=True, slots=True)
class Hit:
    """A recalled record, its score and why it has it.

    ``relevance`` is a calibrated estimate in [0, 1] of how likely it answers the query, unlike
    ``score``, which is relative to the other hits; ``None`` where a hit was not made by a
    recall. ``context`` holds the turns around it in its conversation, where a recall
    asked for them.
    """

    record: MemoryRecord
    score: float
    why: Why
    relevance: float | None = None
    context: tuple[MemoryRecord, ...] = ()

    @property
    def content(self) -> str:
        """The record's text."""
        return self.record.content


@dataclass(frozen=True, slots=True)
class RecallResult(Sequence[Hit]):
    """The hits of a recall, best first.

    ``notices`` says what was missing from this answer (for instance that no embedder was
    there, so that words alone were matched); an empty tuple means nothing was.
    """

    hits: tuple[Hit, ...]
    notices: tuple[str, ...] = ()

    @overload
    def __getitem__(self, index: int) -> Hit: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Hit, ...]: ...
    def __getitem__(self, index: int | slice) -> Hit | tuple[Hit, ...]:
        return self.hits[index]

    def __len__(self) -> int:
        return len(self.hits)

    def __iter__(self) -> Iterator[Hit]:
        return iter(self.hits)


@dataclass(frozen=True, slots=True)
class NearCopy:
    """A stored record that nearly says the same as a new one, and how nearly.

    ``cosine`` is that of the two vectors; ``overlap`` the Jaccard index of their analysed
    words; ``agrees`` whether numbers, negations and names are the same in both.
    """

    id: str
    cosine: float
    overlap: float
    agrees: bool


class RememberStatus(StrEnum):
    """What became of a memory that was handed in."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    MERGED = "merged"
    SUPERSEDED = "superseded"
    UPDATED = "updated"


@dataclass(frozen=True, slots=True)
class Remembered:
    """What ``remember`` did.

    Attributes:
        status: ``stored``: a new record; ``duplicate``: the same text was there, nothing new
            was written but tags it lacked; ``merged``: a near copy was there, the new text is
            kept behind it; ``superseded``: the new record replaced an older one;
            ``updated``: the record under this key was there, and says this now.
        record: the record that now says it.
        matched: the record that was there before, for every status but ``stored``.
        merged: the id under which a merged text is kept, else ``None``.
        near: near copies that were found and only reported.
        notices: what was missing, for instance a vector that will be added later.
    """

    status: RememberStatus
    record: MemoryRecord
    matched: str | None = None
    merged: str | None = None
    near: tuple[NearCopy, ...] = ()
    notices: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The id of the record that now says it."""
        return self.record.id


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a listing; ``cursor`` leads to the next and is ``None`` on the last."""

    records: tuple[MemoryRecord, ...]
    cursor: str | None = None

    def __iter__(self) -> Iterator[MemoryRecord]:
        return iter(self.records)

    def __len__(self) -> int:
        return len(self.records)


@dataclass(frozen=True, slots=True)
class Related:
    """A record reached over links, with the path of links that led to it."""

    record: MemoryRecord
    depth: int
    path: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class ErasureReceipt:
    """Proof of an erasure: what was erased, and that reading back found nothing.

    Attributes:
        id: the receipt's own id.
        erased: the ids that are gone, with their history and merged copies.
        links_removed: how many links of other records pointed at them and are gone too.
        erased_at: when.
        backend: the store that was read back.
        checks: each way of reading back that was tried; all of them found nothing.
        purged: whether the store also rewrote the freed space (``False``: it will when the
            space is reused or the store is compacted).
    """

    id: str
    erased: tuple[str, ...]
    links_removed: int
    erased_at: datetime
    backend: str
    checks: tuple[str, ...]
    purged: bool


class EventType(StrEnum):
    """What happened to a record."""

    CREATED = "created"
    UPDATED = "updated"
    #: Replaced by a correction.
    SUPERSEDED = "superseded"
    FORGOTTEN = "forgotten"
    RESTORED = "restored"
    ERASED = "erased"
    #: Stored with the tag of a channel, or given one: created or updated, and a message.
    MESSAGE = "message"
    #: Nothing happened to a record: what happened since the cursor is not known any more.
    RESET = "reset"


@dataclass(frozen=True, slots=True)
class Event:
    """What happened to a record that the reader may see.

    Attributes:
        cursor: where to go on after it; opaque.
        type: see :class:`EventType`. After a ``reset`` everything must be read anew.
        id: the record's, ``""`` for a reset.
        at: when it happened, by the clock of the store or of who wrote.
        record: as it is now; ``None`` if it was erased.
        project, task, agent, tags: the record's, known of an erased one too.
    """

    cursor: str
    type: str
    id: str
    at: datetime
    record: MemoryRecord | None = None
    project: str | None = None
    task: str | None = None
    agent: str | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message as an inbox gives it out.

    Attributes:
        record: the message.
        channel: the channel it came on.
        deliveries: how often it was given out to this consumer, this time included.
        leased_until: until when nobody else gets it; ``None`` without a lease.
    """

    record: MemoryRecord
    channel: str
    deliveries: int
    leased_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel that holds messages.

    ``unread`` is how many of them this consumer has not acknowledged, ``None`` where no
    consumer is meant.
    """

    name: str
    messages: int
    newest: datetime
    unread: int | None = None


@dataclass(frozen=True, slots=True)
class Imported:
    """What ``import_`` did with the records of an export."""

    stored: int
    skipped: int


@dataclass(frozen=True, slots=True)
class Status:
    """The state of a store, its embedder and the handle's scope.

    ``backend`` never holds a secret. ``notices`` says what does not work, if anything.
    """

    backend: str
    schema_version: int
    namespace: str
    records: int
    states: Mapping[str, int]
    unembedded: int
    embedder: str | None
    embedder_ready: bool
    dimension: int | None
    size_bytes: int | None
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that a check of a store found wrong, and the command that mends it."""

    what: str
    remedy: str
