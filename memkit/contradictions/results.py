"""What is told of contradictions: two records with why, and what a reconciliation did."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from memkit.contradictions.evidence import Evidence
from memkit.contradictions.keeping import DISMISSED, OPEN, RESOLVED, Decision
from memkit.errors import InvalidInput
from memkit.types import MemoryRecord

CLOSED: Final = "closed"
#: What a contradiction can be.
STATUSES: Final = (OPEN, RESOLVED, DISMISSED, CLOSED)
#: So many of what a reconciliation found are told; all are listed by ``contradictions``.
TOLD: Final = 100


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two records that cannot both be right.

    Attributes:
        id: its own, the same for the same two records.
        newer, older: the records, as they are now.
        evidence: why, worked out from what they say now.
        similarity: how much they speak of the same, 0 to 1.
        confidence: how sure it is that they contradict each other, 0 to 1.
        status: ``open``; ``resolved``: one was kept; ``dismissed``: both hold; ``closed``: one of
            them stands no more (forgotten, corrected, archived), or says something else now.
        found_at: when it was found; of what is not kept yet, now.
        decisions: what was decided about it, the latest last.
        run: the run that found it.
    """

    id: str
    newer: MemoryRecord
    older: MemoryRecord
    evidence: tuple[Evidence, ...]
    similarity: float
    confidence: float
    status: str
    found_at: datetime
    decisions: tuple[Decision, ...] = ()
    run: str | None = None

    @property
    def sentence(self) -> str:
        """It in a sentence."""
        kinds = ", ".join(dict.fromkeys(each.kind for each in self.evidence)) or "nothing any more"
        older, newer = excerpt(self.older.content, 120), excerpt(self.newer.content, 120)
        return f'"{older}" ({self.older.id}) and "{newer}" ({self.newer.id}) differ in {kinds}'


def checked_statuses(states: str | Iterable[str]) -> tuple[str, ...]:
    """The statuses that are asked for.

    Raises:
        InvalidInput: there is no such status, or none is named.
    """
    wanted = (states,) if isinstance(states, str) else tuple(states)
    if not wanted or not set(wanted) <= set(STATUSES):
        raise InvalidInput(f"states are some of {', '.join(STATUSES)}")
    return wanted


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What a reconciliation did, this time and, if it went on with another one, in that.

    Attributes:
        run: the id of the run; ``None`` of a dry run.
        records: how many records were looked at.
        pairs: how many pairs of them were set against each other.
        found: how many contradictions are new; of a dry run, would be.
        known: how many were known before, whatever became of them.
        settled: how many of the new ones the rule has settled.
        asked: how often the language model was asked.
        finished: every record was looked at; else calling it again goes on.
        contradictions: the first 100 of those that this call found.
        notices: what was missing.
    """

    run: str | None
    records: int
    pairs: int
    found: int
    known: int
    settled: int
    asked: int
    finished: bool
    contradictions: tuple[Contradiction, ...] = ()
    notices: tuple[str, ...] = ()


def excerpt(text: str, most: int = 200) -> str:
    """The beginning of a text, on one line."""
    line = " ".join(text[: 4 * most].split())
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"
