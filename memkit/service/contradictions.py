"""The operations on records that disagree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from pydantic import AwareDatetime, Field
from typing_extensions import TypedDict

from memkit.service.calling import Call
from memkit.service.inputs import ById, ReachName
from memkit.service.operation import Effect, Input, Operation, Permission, row
from memkit.service.outputs import RecordJson, record_json

if TYPE_CHECKING:
    from memkit.contradictions.results import Contradiction

StatusName = Literal["open", "resolved", "dismissed", "closed"]


class Contradictions(Input):
    """Which contradictions."""

    ids: list[str] | None = Field(
        None, max_length=500, description="of contradictions, or of records that they are about"
    )
    states: list[StatusName] = Field(
        ["open"], min_length=1, description="open, resolved, dismissed, closed"
    )
    reach: ReachName = Field("ancestors", description="how far to look from the scope")
    limit: int = Field(100, ge=1, le=1000, description="at most so many")


class Resolve(ById):
    """What is right."""

    keep: str | None = Field(None, description="the record that is right; both hold if absent")
    note: str | None = Field(None, description="why")


class Reopen(ById):
    """What is not settled after all."""

    note: str | None = Field(None, description="why")


class Reconcile(Input):
    """What is looked at, and how."""

    since: AwareDatetime | None = Field(None, description="records stored or changed since then")
    rule: Literal["none", "newest", "confidence"] = Field(
        "none", description="what settles the clear ones"
    )
    model: bool = Field(False, description="ask the language model about unsure ones")
    dry_run: bool = Field(False, description="only tell what would be found")
    limit: int | None = Field(None, ge=1, description="so many records now; again goes on")


class EvidenceJson(TypedDict):
    """Why two records contradict each other."""

    kind: str
    first: str
    second: str
    strength: float


class DecisionJson(TypedDict):
    """What was decided."""

    what: str
    kept: str | None
    how: str
    by: str | None
    at: str
    note: str | None


class ContradictionJson(TypedDict):
    """Two records that cannot both be right."""

    id: str
    status: str
    sentence: str
    confidence: float
    similarity: float
    evidence: list[EvidenceJson]
    found_at: str
    run: str | None
    decisions: list[DecisionJson]
    newer: RecordJson
    older: RecordJson


class ContradictionsJson(TypedDict):
    """Contradictions."""

    contradictions: list[ContradictionJson]


class ReconciledJson(TypedDict):
    """What a reconciliation did."""

    run: str | None
    records: int
    pairs: int
    found: int
    known: int
    settled: int
    asked: int
    finished: bool
    contradictions: list[ContradictionJson]
    notices: list[str]


def contradiction_json(each: Contradiction) -> ContradictionJson:
    """A contradiction as JSON."""
    return {
        "id": each.id,
        "status": each.status,
        "sentence": each.sentence,
        "confidence": each.confidence,
        "similarity": each.similarity,
        "evidence": [
            {
                "kind": one.kind,
                "first": one.first,
                "second": one.second,
                "strength": one.strength,
            }
            for one in each.evidence
        ],
        "found_at": each.found_at.isoformat(),
        "run": each.run,
        "decisions": [
            {
                "what": one.what,
                "kept": one.kept,
                "how": one.how,
                "by": one.by,
                "at": one.at.isoformat(),
                "note": one.note,
            }
            for one in each.decisions
        ],
        "newer": record_json(each.newer),
        "older": record_json(each.older),
    }


def _told(call: Call, found: list[Contradiction]) -> list[ContradictionJson]:
    call.touched += [record.id for each in found for record in (each.newer, each.older)]
    return [contradiction_json(each) for each in found]


async def contradictions(call: Call, given: Contradictions) -> ContradictionsJson:
    """The contradictions that were found."""
    found = await call.memory.contradictions(
        ids=given.ids, states=given.states, reach=given.reach, limit=given.limit
    )
    return {"contradictions": _told(call, found)}


async def resolve(call: Call, given: Resolve) -> ContradictionJson:
    """Settle a contradiction."""
    done = await call.memory.resolve(given.id, keep=given.keep, note=given.note)
    return _told(call, [done])[0]


async def reopen(call: Call, given: Reopen) -> ContradictionJson:
    """Take a settlement back."""
    return _told(call, [await call.memory.reopen(given.id, note=given.note)])[0]


async def reconcile(call: Call, given: Reconcile) -> ReconciledJson:
    """Look for contradictions."""
    done = await call.memory.reconcile(
        since=given.since,
        rule=given.rule,
        model=given.model,
        dry_run=given.dry_run,
        limit=given.limit,
    )
    return {
        "run": done.run,
        "records": done.records,
        "pairs": done.pairs,
        "found": done.found,
        "known": done.known,
        "settled": done.settled,
        "asked": done.asked,
        "finished": done.finished,
        "contradictions": _told(call, list(done.contradictions)),
        "notices": list(done.notices),
    }


#: The rows of the table.
ROWS: Final[tuple[Operation, ...]] = (
    row(
        "contradictions", "List records that contradict each other, with why.",
        contradictions, Contradictions, ContradictionsJson, Permission.READ, Effect.READS,
        ("GET", "/api/contradictions"), "list", "contradictions",
    ),
    row(
        "resolve", "Keep one of two records that contradict each other, or both.",
        resolve, Resolve, ContradictionJson, Permission.WRITE, Effect.CHANGES,
        ("POST", "/api/contradictions/{id}/resolve"), "update", "contradiction resolve",
        repeatable=True,
    ),
    row(
        "reopen", "Take the settlement of a contradiction back.",
        reopen, Reopen, ContradictionJson, Permission.WRITE, Effect.CHANGES,
        ("POST", "/api/contradictions/{id}/reopen"), "update", "contradiction reopen",
        repeatable=True,
    ),
    row(
        "reconcile", "Look for contradictions among the scope's records.",
        reconcile, Reconcile, ReconciledJson, Permission.WRITE, Effect.CHANGES,
        ("POST", "/api/reconcile"), "link", "reconcile", repeatable=True,
    ),
)  # fmt: skip
