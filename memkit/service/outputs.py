"""The results of the operations as JSON: their shapes, and how the library's types become them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NotRequired, cast

# The standard library's TypedDict does not tell pydantic enough before Python 3.12.
from typing_extensions import TypedDict

from memkit.interchange.lines import to_line
from memkit.types import (
    ErasureReceipt,
    Event,
    Hit,
    MemoryRecord,
    NearCopy,
    Page,
    Problem,
    RecallResult,
    Related,
    Remembered,
    Status,
)


class LinkJson(TypedDict):
    """A link of a record."""

    type: str
    target: str


class RecordJson(TypedDict):
    """A record; what is absent is left out, times are ISO 8601 in UTC."""

    id: str
    content: str
    namespace: str
    created_at: str
    updated_at: str
    kind: str
    metadata: dict[str, Any]
    visibility: str
    confidence: float
    pinned: bool
    state: str
    version: int
    uses: int
    useful: int
    useless: int
    tags: list[str]
    project: NotRequired[str]
    task: NotRequired[str]
    agent: NotRequired[str]
    author: NotRequired[str]
    occurred_at: NotRequired[str]
    expires_at: NotRequired[str]
    conversation_id: NotRequired[str]
    sequence: NotRequired[int]
    speaker: NotRequired[str]
    source: NotRequired[str]
    superseded_by: NotRequired[str]
    superseded_at: NotRequired[str]
    supersedes: NotRequired[str]
    forgotten_at: NotRequired[str]
    links: NotRequired[list[LinkJson]]
    used_at: NotRequired[str]
    subject: NotRequired[str]
    predicate: NotRequired[str]
    object: NotRequired[str]
    valid_from: NotRequired[str]
    valid_to: NotRequired[str]
    retracted_at: NotRequired[str]


class LegJson(TypedDict):
    """What one leg of a recall said."""

    rank: int
    score: float


class WhyJson(TypedDict):
    """Why a hit stands where it does."""

    legs: dict[str, LegJson]
    fused: float
    factors: dict[str, float]


class HitJson(RecordJson):
    """A recalled record, with its score and why."""

    score: float
    relevance: float | None
    why: WhyJson
    context: NotRequired[list[RecordJson]]


class RecallJson(TypedDict):
    """What a recall found, best first; ``notices`` says what was missing from the answer."""

    memories: list[HitJson]
    notices: list[str]


class NearJson(TypedDict):
    """A stored record that nearly says the same."""

    id: str
    cosine: float
    overlap: float
    agrees: bool


class RememberedJson(TypedDict):
    """What became of a memory: stored, duplicate, merged or superseded."""

    status: str
    id: str
    matched: str | None
    merged: str | None
    near: list[NearJson]
    notices: list[str]
    record: RecordJson


class RememberedManyJson(TypedDict):
    """What became of several memories, in order."""

    results: list[RememberedJson]


class RecordsJson(TypedDict):
    """Records."""

    records: list[RecordJson]


class PageJson(TypedDict):
    """A page of records; ``cursor`` leads to the next and is null on the last."""

    records: list[RecordJson]
    cursor: str | None


class CountJson(TypedDict):
    """How many."""

    count: int


class CountsJson(TypedDict):
    """How many, by label."""

    counts: dict[str, int]


class RelatedOneJson(TypedDict):
    """A record reached over links."""

    record: RecordJson
    depth: int
    path: list[LinkJson]


class RelatedJson(TypedDict):
    """Records reached over links, nearest first."""

    related: list[RelatedOneJson]


class ReceiptJson(TypedDict):
    """Proof of an erasure."""

    id: str
    erased: list[str]
    links_removed: int
    erased_at: str
    backend: str
    checks: list[str]
    purged: bool


class DoneJson(TypedDict):
    """It was done."""

    done: bool


class StatusJson(TypedDict):
    """The state of the store, the embedder and the namespace."""

    backend: str
    schema_version: int
    namespace: str
    records: int
    states: dict[str, int]
    unembedded: int
    embedder: str | None
    embedder_ready: bool
    dimension: int | None
    size_bytes: int | None
    notices: list[str]


class ProblemJson(TypedDict):
    """Something wrong with the store, and what mends it."""

    what: str
    remedy: str


class ProblemsJson(TypedDict):
    """All that is wrong with the store."""

    problems: list[ProblemJson]


class DeliveryJson(TypedDict):
    """A message as a consumer gets it."""

    channel: str
    deliveries: int
    leased_until: str | None
    message: RecordJson


class InboxJson(TypedDict):
    """Unread messages, in order."""

    messages: list[DeliveryJson]


class ChannelJson(TypedDict):
    """A channel; ``unread`` is null where it is not known whose messages to count."""

    name: str
    messages: int
    newest: str | None
    unread: int | None


class ChannelsJson(TypedDict):
    """The channels that the caller can see."""

    channels: list[ChannelJson]


class ImportedJson(TypedDict):
    """What became of the records of an export."""

    stored: int
    skipped: int


class EventJson(TypedDict):
    """Something that happened; ``record`` is as it is now, absent once erased."""

    cursor: str
    type: str
    id: str
    at: str
    tags: list[str]
    project: str | None
    task: str | None
    agent: str | None
    record: NotRequired[RecordJson]


def record_json(record: MemoryRecord) -> RecordJson:
    """A record as JSON, as an export writes it, with its tags even where it has none."""
    line = to_line(record, ())
    line.setdefault("tags", [])
    return cast(RecordJson, line)


def records_json(records: Iterable[MemoryRecord]) -> RecordsJson:
    """Records as JSON."""
    return {"records": [record_json(record) for record in records]}


def hit_json(hit: Hit) -> HitJson:
    """A hit as JSON: the record, and what recall says of it."""
    told: dict[str, Any] = {
        **record_json(hit.record),
        "score": hit.score,
        "relevance": hit.relevance,
        "why": {
            "legs": {name: leg._asdict() for name, leg in hit.why.legs.items()},
            "fused": hit.why.fused,
            "factors": dict(hit.why.factors),
        },
    }
    if hit.context:
        told["context"] = [record_json(turn) for turn in hit.context]
    return cast(HitJson, told)


def recall_json(result: RecallResult) -> RecallJson:
    """A recall's result as JSON."""
    return {"memories": [hit_json(hit) for hit in result], "notices": list(result.notices)}


def near_json(copy: NearCopy) -> NearJson:
    """A near copy as JSON."""
    return {
        "id": copy.id,
        "cosine": copy.cosine,
        "overlap": copy.overlap,
        "agrees": copy.agrees,
    }


def remembered_json(outcome: Remembered) -> RememberedJson:
    """What became of a memory as JSON."""
    return {
        "status": outcome.status.value,
        "id": outcome.id,
        "matched": outcome.matched,
        "merged": outcome.merged,
        "near": [near_json(copy) for copy in outcome.near],
        "notices": list(outcome.notices),
        "record": record_json(outcome.record),
    }


def event_json(event: Event) -> EventJson:
    """An event as JSON."""
    told: EventJson = {
        "cursor": event.cursor,
        "type": str(event.type),
        "id": event.id,
        "at": event.at.isoformat(),
        "tags": list(event.tags),
        "project": event.project,
        "task": event.task,
        "agent": event.agent,
    }
    if event.record is not None:
        told["record"] = record_json(event.record)
    return told


def page_json(page: Page) -> PageJson:
    """A page as JSON."""
    return {"records": [record_json(record) for record in page], "cursor": page.cursor}


def related_json(found: Iterable[Related]) -> RelatedJson:
    """Related records as JSON."""
    return {
        "related": [
            {
                "record": record_json(each.record),
                "depth": each.depth,
                "path": [{"type": link.type, "target": link.target} for link in each.path],
            }
            for each in found
        ]
    }


def receipt_json(receipt: ErasureReceipt) -> ReceiptJson:
    """A receipt as JSON."""
    return {
        "id": receipt.id,
        "erased": list(receipt.erased),
        "links_removed": receipt.links_removed,
        "erased_at": receipt.erased_at.isoformat(),
        "backend": receipt.backend,
        "checks": list(receipt.checks),
        "purged": receipt.purged,
    }


def status_json(status: Status) -> StatusJson:
    """A status as JSON."""
    return {
        "backend": status.backend,
        "schema_version": status.schema_version,
        "namespace": status.namespace,
        "records": status.records,
        "states": dict(status.states),
        "unembedded": status.unembedded,
        "embedder": status.embedder,
        "embedder_ready": status.embedder_ready,
        "dimension": status.dimension,
        "size_bytes": status.size_bytes,
        "notices": list(status.notices),
    }


def problems_json(problems: Iterable[Problem]) -> ProblemsJson:
    """Problems as JSON."""
    return {"problems": [{"what": each.what, "remedy": each.remedy} for each in problems]}


class PrincipalJson(TypedDict):
    """Somebody who may call; ``agents`` are whom it may speak as, its own name if empty."""

    id: str
    name: str
    role: str
    agents: list[str]
    disabled_at: str | None


class PrincipalsJson(TypedDict):
    """Principals."""

    principals: list[PrincipalJson]


class TokenJson(TypedDict):
    """A token, without its secret."""

    id: str
    principal: str
    name: str
    created_at: str
    expires_at: str | None
    last_used_at: str | None
    revoked_at: str | None


class NewTokenJson(TokenJson):
    """A new token: the only time that its secret is shown."""

    secret: str


class TokensJson(TypedDict):
    """Tokens."""

    tokens: list[TokenJson]


class GrantJson(TypedDict):
    """What a principal may do; ``channels`` are private channels of the namespace."""

    principal: str
    namespace: str
    permission: str | None
    channels: dict[str, str]


class PrivateChannelJson(TypedDict):
    """A channel that only those with a grant on it see."""

    namespace: str
    channel: str


class GrantsJson(TypedDict):
    """Grants, and all channels that are private."""

    grants: list[GrantJson]
    private_channels: list[PrivateChannelJson]


class AuditEntryJson(TypedDict):
    """An entry of the audit."""

    id: str
    at: str
    operation: str
    outcome: str
    principal: str | None
    token_id: str | None
    agent: str | None
    namespace: str | None
    project: str | None
    task: str | None
    records: list[str]
    more_records: int
    surface: str
    address: str | None
    client: str | None
    request_id: str | None
    duration_ms: float | None


class AuditJson(TypedDict):
    """A page of the audit, newest first; ``cursor`` leads to older entries."""

    entries: list[AuditEntryJson]
    cursor: str | None
