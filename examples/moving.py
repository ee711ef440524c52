"""Somebody moves twice, a correction arrives, and a late document: what was true, and believed.

    python examples/moving.py [URL]

Runs offline, on a store that is thrown away unless one is named.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from memkit import Memory


def day(month: int, number: int, year: int = 2026) -> datetime:
    """The beginning of a day."""
    return datetime(year, month, number, tzinfo=UTC)


def lives(memory: Memory, as_of: datetime | None = None, known_at: datetime | None = None) -> str:
    """Where Ines lives or lived, as is known or was."""
    found = memory.facts(subject="Ines", predicate="lives_in", as_of=as_of, known_at=known_at)
    return ", ".join(fact.object for fact in found) or "nobody knows"


def scenario(memory: Memory) -> dict[str, str]:
    """Tell a memory of two moves, put one right, hand in an old letter; ask in between."""
    told: dict[str, str] = {}

    # Two changes: it became so. The new value ends the old one, by when it is true.
    memory.assert_fact("Ines", "lives in", "Lisbon", valid_from=day(1, 10), source="chat")
    memory.assert_fact("Ines", "lives in", "Porto", valid_from=day(6, 1), source="chat")
    told["where do I live"] = lives(memory)
    told["where did I live in May"] = lives(memory, as_of=day(5, 15))
    # What is recorded is dated by the clock: let this moment stand for one in June.
    in_june = datetime.now(UTC)

    # A correction: it was never so. What was believed until now is kept.
    (may,) = memory.facts(subject="Ines", predicate="lives_in", as_of=day(5, 15))
    corrected = memory.correct_fact(may.id, object="Coimbra").record
    told["where did I live in May, put right"] = lives(memory, as_of=day(5, 15))
    told["what did you think in June"] = lives(memory, as_of=day(5, 15), known_at=in_june)

    # A document that arrives late tells of the year before: it ends nothing that is newer.
    memory.assert_fact("Ines", "lives in", "Faro", valid_from=day(3, 1, 2025), source="letter")
    told["where do I live, after the letter"] = lives(memory)
    told["where did I live last Christmas"] = lives(memory, as_of=day(12, 24, 2025))

    # Recall shows what holds; asked, what it took the place of.
    told["recall"] = ", ".join(
        hit.record.object or "" for hit in memory.recall("Where does Ines live?")
    )
    both = memory.recall("Where does Ines live?", states=["active", "superseded"])
    told["recall, with what was"] = ", ".join(sorted(hit.record.object or "" for hit in both))

    told["timeline"] = "; ".join(
        f"{moment.at:%Y-%m-%d} {moment.what} {moment.fact.object}"
        for moment in memory.timeline("Ines")
        if moment.fact is not None
    )

    # To undo the correction is to believe again what was believed before.
    memory.undo(corrected.id)
    told["where did I live in May, undone"] = lives(memory, as_of=day(5, 15))
    return told


def main() -> None:
    """Run it on a store and print each question with its answer."""
    with TemporaryDirectory() as folder:
        url = sys.argv[1] if len(sys.argv) > 1 else str(Path(folder) / "memory.db")
        with Memory.open(url) as memory:
            for question, answer in scenario(memory).items():
                print(f"{question}: {answer}")


if __name__ == "__main__":
    main()
