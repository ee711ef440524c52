"""The operations on facts and preferences that texts tell of."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Final, Literal

from pydantic import AwareDatetime, Field
from typing_extensions import TypedDict

from memkit.extraction.outcome import Extracted
from memkit.service.calling import Call
from memkit.service.operation import Effect, Input, Operation, Permission, row

#: How long a request works before it answers that there is more to do: less than clients wait.
BUDGET_SECONDS: Final = 10.0


class ExtractFrom(Input):
    """What is read, and by what."""

    ids: Annotated[list[str], Field(min_length=1, max_length=1000)] | None = Field(
        None, description="these records alone"
    )
    since: AwareDatetime | None = Field(None, description="records stored since then")
    use: Literal["rules", "model"] | None = Field(
        None, description="what reads; if absent: the language model where there is one"
    )
    dry_run: bool = Field(False, description="tell what would be stored, and store nothing")
    limit: int | None = Field(None, ge=1, le=1_000_000, description="read at most so many")


class ExtractJson(TypedDict):
    """One thing that was extracted."""

    id: str
    kind: str
    content: str
    source: str
    quote: str
    subject: str | None
    predicate: str | None
    object: str | None
    valid_from: str | None
    valid_to: str | None
    status: str


class ExtractedJson(TypedDict):
    """What an extraction did so far; with more to do, ask again."""

    run: str | None
    use: str
    dry_run: bool
    more: bool
    records: int
    passed_over: int
    facts: int
    preferences: int
    decisions: int
    constraints: int
    entities: int
    known: int
    refused: int
    failures: int
    calls: int
    prompt_tokens: int
    completion_tokens: int
    failed: list[str]
    extracts: list[ExtractJson]


def extracted_json(done: Extracted) -> ExtractedJson:
    """What an extraction did, as JSON."""
    told: dict[str, Any] = asdict(done)
    told["failed"] = list(done.failed)
    for each in told["extracts"]:
        for name in ("valid_from", "valid_to"):
            each[name] = None if each[name] is None else each[name].isoformat()
    told["extracts"] = list(told["extracts"])
    found: ExtractedJson = told  # type: ignore[assignment]
    return found


async def extract(call: Call, given: ExtractFrom) -> ExtractedJson:
    """Extract for as long as a request may take; asked again, the run goes on."""
    from memkit.extraction.extracting import extract as run

    memory = call.memory
    done = await run(
        memory._engine,
        memory.scope,
        ids=given.ids,
        since=given.since,
        use=given.use,
        dry_run=given.dry_run,
        limit=given.limit,
        seconds=BUDGET_SECONDS,
    )
    call.touched += [each.id for each in done.extracts if each.status == "stored"]
    return extracted_json(done)


#: The rows of the table.
ROWS: Final[tuple[Operation, ...]] = (
    row(
        "extract", "Keep the facts and preferences that records tell of; ask while there is more.",
        extract, ExtractFrom, ExtractedJson, Permission.ADMIN, Effect.ADDS,
        ("POST", "/api/extract"), "remember", "extract", repeatable=True,
    ),
)  # fmt: skip
