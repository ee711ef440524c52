"""What an extraction did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

#: At most so many things are told one by one; all of them are counted.
TOLD: Final = 1_000
#: What is counted.
COUNTS: Final = (
    "records",
    "passed_over",
    "facts",
    "preferences",
    "decisions",
    "constraints",
    "entities",
    "known",
    "refused",
    "failures",
    "calls",
    "prompt_tokens",
    "completion_tokens",
)


@dataclass(frozen=True, slots=True)
class Extract:
    """One thing that was extracted, or would be.

    Attributes:
        id: its record's id, the same whenever the same is extracted from the same record.
        kind: ``fact``, ``preference``, ``decision`` or ``constraint``.
        content: the sentence that is stored.
        source: where it is from: ``memory://<id>#char=10,32`` (RFC 5147).
        quote: the words that it rests on.
        subject, predicate, object: the parts of a fact.
        valid_from, valid_to: since when and until when a fact is true, if told.
        status: ``stored``; ``known``: it was there already; ``found``: nothing was to be stored.
    """

    id: str
    kind: str
    content: str
    source: str
    quote: str
    subject: str | None
    predicate: str | None
    object: str | None
    valid_from: datetime | None
    valid_to: datetime | None
    status: str


@dataclass(frozen=True, slots=True)
class Extracted:
    """What an extraction did, or would do.

    Attributes:
        run: the run's id, by which it can be undone; ``None`` for a dry run.
        use: ``rules`` or ``model``.
        dry_run: nothing was stored.
        more: it stopped before the end; called again it goes on.
        records: how many records were read; ``passed_over``: how many of those say nothing of
            their own (recalled text, messages, facts).
        facts, preferences, decisions, constraints: how many were stored, or would be.
        entities: how many names a language model added to those that records bear.
        known: how many were there already.
        refused: how many things could not be kept: what a model says that does not rest on the
            text, what no setting allows.
        failures: how many records the model failed on; ``failed`` has the ids of the first.
        calls, prompt_tokens, completion_tokens: what the model cost, as far as its service told.
        extracts: what was found, the first 1,000.
    """

    run: str | None
    use: str
    dry_run: bool = False
    more: bool = False
    records: int = 0
    passed_over: int = 0
    facts: int = 0
    preferences: int = 0
    decisions: int = 0
    constraints: int = 0
    entities: int = 0
    known: int = 0
    refused: int = 0
    failures: int = 0
    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    failed: tuple[str, ...] = ()
    extracts: tuple[Extract, ...] = ()


@dataclass
class Tally:
    """The counts of an extraction that is at work."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTS, 0))
    failed: list[str] = field(default_factory=list)
    extracts: list[Extract] = field(default_factory=list)

    def add(self, more: Mapping[str, int]) -> None:
        """Count more."""
        for name, number in more.items():
            self.counts[name] += number

    def fail(self, ids: list[str]) -> None:
        """The model failed on these records."""
        self.counts["failures"] += len(ids)
        self.failed += ids[: TOLD - len(self.failed)]

    def tell(self, extract: Extract) -> None:
        """One thing was found."""
        if extract.status == "refused":
            self.counts["refused"] += 1
            return
        name = "known" if extract.status == "known" else f"{extract.kind}s"
        self.counts[name] += 1
        if len(self.extracts) < TOLD:
            self.extracts.append(extract)

    def told(self, run: str | None, use: str, *, dry_run: bool, more: bool) -> Extracted:
        """What came of it."""
        return Extracted(
            run=run,
            use=use,
            dry_run=dry_run,
            more=more,
            failed=tuple(self.failed),
            extracts=tuple(self.extracts),
            **self.counts,
        )
