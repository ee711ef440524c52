"""The operations on summaries of what belongs together."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final, Literal

from pydantic import Field
from typing_extensions import TypedDict

from memkit.consolidation.outcome import SIZE_MAX, Consolidated
from memkit.service.calling import Call
from memkit.service.operation import Effect, Input, Operation, Permission, row

#: How long a request works before it answers that there is more to do: less than clients wait.
BUDGET_SECONDS: Final = 10.0


class Consolidate(Input):
    """What is summarised."""

    what: list[Literal["clusters", "episodes", "dossiers"]] = Field(
        ["clusters", "episodes", "dossiers"], min_length=1, description="what is made"
    )
    dry_run: bool = Field(False, description="tell what would be made, and store nothing")
    min_size: int = Field(3, ge=2, le=SIZE_MAX, description="of how many records at least")
    model: bool | None = Field(
        None, description="written by the language model; if absent: where there is one"
    )
    limit: int | None = Field(None, ge=1, le=1_000_000, description="at most so many summaries")


class SummaryJson(TypedDict):
    """A summary."""

    id: str
    kind: str
    content: str
    sources: int


class ConsolidatedJson(TypedDict):
    """What a consolidation did so far; with more to do, ask again."""

    run: str | None
    dry_run: bool
    more: bool
    made: int
    clusters: int
    episodes: int
    dossiers: int
    records: int
    by_model: int
    model_failures: int
    skipped: int
    summaries: list[SummaryJson]


def consolidated_json(done: Consolidated) -> ConsolidatedJson:
    """What a consolidation did, as JSON."""
    told: Any = asdict(done)
    told["summaries"] = list(told["summaries"])
    found: ConsolidatedJson = told
    return found


async def consolidate(call: Call, given: Consolidate) -> ConsolidatedJson:
    """Make summaries for as long as a request may take; asked again, the run goes on."""
    from memkit.consolidation.consolidating import consolidate as run

    memory = call.memory
    done = await run(
        memory._engine,
        memory.scope,
        what=given.what,
        dry_run=given.dry_run,
        min_size=given.min_size,
        model=given.model,
        limit=given.limit,
        seconds=BUDGET_SECONDS,
    )
    call.touched += [each.id for each in done.summaries]
    return consolidated_json(done)


#: The rows of the table.
ROWS: Final[tuple[Operation, ...]] = (
    row(
        "consolidate", "Summarise what belongs together; ask again while there is more.",
        consolidate, Consolidate, ConsolidatedJson, Permission.ADMIN, Effect.CHANGES,
        ("POST", "/api/consolidate"), "link", "consolidate", repeatable=True,
    ),
)  # fmt: skip
