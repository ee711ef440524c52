"""The operations on what decays, is archived, and is brought back."""

from __future__ import annotations

from typing import Any, Final

from pydantic import AwareDatetime, Field
from typing_extensions import TypedDict

from memkit.lifecycle.revisions import UNSET
from memkit.lifecycle.sweeping import Faded, Swept
from memkit.policy import Policy
from memkit.runs import Run
from memkit.service.calling import Call
from memkit.service.inputs import ById, Labels, ReachName
from memkit.service.operation import Effect, Input, Operation, Permission, row
from memkit.service.outputs import RecordJson, record_json


class Sweep(Input):
    """What to sweep, and whether to."""

    dry_run: bool = Field(True, description="only tell what would be archived")
    now: AwareDatetime | None = Field(None, description="the moment that strength is told for")
    kinds: Labels = Field(None, description="these kinds alone")
    reach: ReachName = Field("subtree", description="how far from the scope")
    limit: int | None = Field(None, ge=1, le=2**31 - 1, description="at most so many")


class Runs(Input):
    """Which runs."""

    operation: str | None = Field(None, description="sweep, consolidation, extraction, ...")
    limit: int = Field(20, ge=1, le=200, description="at most so many")


class SetPolicy(Input):
    """What is to go for a kind, or for all."""

    kind: str | None = Field(None, description="the kind; absent: what goes for all")
    half_life_days: float | None = Field(None, description="null: the kind does not age")
    confidence: float | None = Field(None, description="what new records start with, 0 to 1")
    archive: bool | None = Field(None, description="whether a sweep may archive the kind")
    access_extension: float | None = Field(None, description="by how much a use extends")
    access_cap: float | None = Field(None, description="so many half-lives at most")
    archive_below: float | None = Field(None, description="the strength that is too little")
    archive_after: float | None = Field(None, description="not younger than so many half-lives")
    reset: bool = Field(False, description="forget what was said before")


class FadedJson(TypedDict):
    """A record that has decayed."""

    id: str
    kind: str
    strength: float
    why: dict[str, float]
    age_days: float
    half_life_days: float
    excerpt: str


class SweptJson(TypedDict):
    """What a sweep archived, or would have."""

    dry_run: bool
    run: str | None
    examined: int
    archived: int
    counts: dict[str, int]
    records: list[FadedJson]


class RunJson(TypedDict):
    """A pass over many records."""

    id: str
    operation: str
    namespace: str
    project: str | None
    task: str | None
    agent: str | None
    state: str
    started_at: str
    updated_at: str
    done: int
    total: int | None
    counts: dict[str, int]


class RunsJson(TypedDict):
    """Runs."""

    runs: list[RunJson]


class KindPolicyJson(TypedDict):
    """What goes for a kind."""

    confidence: float
    half_life_days: float | None
    archive: bool


class PolicyJson(TypedDict):
    """What goes in a namespace."""

    kinds: dict[str, KindPolicyJson]
    access_extension: float
    access_cap: float
    archive_below: float
    archive_after: float


def faded_json(faded: Faded) -> FadedJson:
    """A record that has decayed, as JSON."""
    return {
        "id": faded.id,
        "kind": faded.kind,
        "strength": faded.strength,
        "why": dict(faded.why),
        "age_days": faded.age_days,
        "half_life_days": faded.half_life_days,
        "excerpt": faded.excerpt,
    }


def swept_json(swept: Swept) -> SweptJson:
    """What a sweep did, as JSON."""
    return {
        "dry_run": swept.dry_run,
        "run": swept.run,
        "examined": swept.examined,
        "archived": swept.archived,
        "counts": dict(swept.counts),
        "records": [faded_json(each) for each in swept.records],
    }


def run_json(run: Run) -> RunJson:
    """A run as JSON; where it goes on is its own affair."""
    return {
        "id": run.id,
        "operation": run.operation,
        "namespace": run.namespace,
        "project": run.project,
        "task": run.task,
        "agent": run.agent,
        "state": run.state,
        "started_at": run.started_at.isoformat(),
        "updated_at": run.updated_at.isoformat(),
        "done": run.done,
        "total": run.total,
        "counts": dict(run.counts),
    }


def policy_json(policy: Policy) -> PolicyJson:
    """A policy as JSON."""
    return {
        "kinds": {
            kind: {
                "confidence": each.confidence,
                "half_life_days": each.half_life_days,
                "archive": each.archive,
            }
            for kind, each in sorted(policy.kinds.items())
        },
        "access_extension": policy.access_extension,
        "access_cap": policy.access_cap,
        "archive_below": policy.archive_below,
        "archive_after": policy.archive_after,
    }


async def archive(call: Call, given: ById) -> RecordJson:
    """Take a record out of default recall."""
    call.touched.append(given.id)
    return record_json(await call.memory.archive(given.id))


async def sweep(call: Call, given: Sweep) -> SweptJson:
    """Archive what has decayed."""
    swept = await call.memory.sweep(
        dry_run=given.dry_run,
        now=given.now,
        kinds=given.kinds,
        reach=given.reach,
        limit=given.limit,
    )
    call.touched += [each.id for each in swept.records]
    return swept_json(swept)


async def list_runs(call: Call, given: Runs) -> RunsJson:
    """The runs of the scope."""
    found = await call.memory.runs(operation=given.operation, limit=given.limit)
    return {"runs": [run_json(run) for run in found]}


async def undo_run(call: Call, given: ById) -> RunJson:
    """Take a run back."""
    call.touched.append(given.id)
    return run_json(await call.memory.undo_run(given.id))


async def policy(call: Call, given: Input) -> PolicyJson:
    """What goes in the namespace."""
    return policy_json(await call.memory.policy())


async def set_policy(call: Call, given: SetPolicy) -> PolicyJson:
    """Change what goes in the namespace."""

    def told(name: str) -> Any:
        value = getattr(given, name)
        # Null says something of a half-life alone.
        absent = value is None and name != "half_life_days"
        return UNSET if absent or name not in given.model_fields_set else value

    names = [name for name in SetPolicy.model_fields if name not in ("kind", "reset")]
    changes = {name: told(name) for name in names}
    done = await call.memory.set_policy(given.kind, reset=given.reset, **changes)
    return policy_json(done)


_READ, _WRITE, _ADMIN = Permission.READ, Permission.WRITE, Permission.ADMIN
_READS, _CHANGES, _DESTROYS = Effect.READS, Effect.CHANGES, Effect.DESTROYS

#: The rows of the table.
ROWS: Final[tuple[Operation, ...]] = (
    row(
        "archive", "Take a record out of default recall; restore brings it back.",
        archive, ById, RecordJson, _WRITE, _CHANGES,
        ("POST", "/api/memories/{id}/archive"), "update", "archive", repeatable=True,
    ),
    row(
        "sweep", "Archive what has decayed; a dry run unless told otherwise.",
        sweep, Sweep, SweptJson, _ADMIN, _CHANGES,
        ("POST", "/api/sweep"), "forget", "sweep", repeatable=False,
    ),
    row(
        "runs", "List runs: passes over many records.",
        list_runs, Runs, RunsJson, _READ, _READS,
        ("GET", "/api/runs"), "list", "run list",
    ),
    row(
        "undo_run", "Take a run back: what it archived returns, what it made is erased.",
        undo_run, ById, RunJson, _ADMIN, _DESTROYS,
        ("POST", "/api/runs/{id}/undo"), "update", "run undo", repeatable=True,
    ),
    row(
        "policy", "Tell how each kind ages, and what a sweep archives.",
        policy, Input, PolicyJson, _READ, _READS,
        ("GET", "/api/policy"), "list", "policy show",
    ),
    row(
        "set_policy", "Change how a kind ages, or what a sweep archives.",
        set_policy, SetPolicy, PolicyJson, _ADMIN, _CHANGES,
        ("PATCH", "/api/policy"), "forget", "policy set", repeatable=True,
    ),
)  # fmt: skip
