"""Records that belong together, for tests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from memkit import Draft, Memory

LONG_AGO = datetime.now(UTC).replace(microsecond=0) - timedelta(days=20)
COUNTERS = {"uses", "used_at", "useful", "useless"}


def deploys(count: int = 4, **fields: Any) -> list[Draft]:
    """Notes about one thing."""
    return [
        Draft(f"The deploy pipeline of the billing service failed on host {n}.", **fields)
        for n in range(count)
    ]


def cats(count: int = 4, **fields: Any) -> list[Draft]:
    """Notes about another thing."""
    return [Draft(f"Our cat Felix wants tuna for dinner at {n}.", **fields) for n in range(count)]


def talk(
    name: str, turns: int, *, begun: datetime = LONG_AGO, every: float = 60, **fields: Any
) -> list[Draft]:
    """The turns of a conversation, so many seconds apart."""
    return [
        Draft(
            f"Turn {n} of {name}: the trip to Rome needs {n} tickets.",
            conversation_id=name,
            sequence=n,
            speaker=("Ann", "Bob")[n % 2],
            occurred_at=begun + timedelta(seconds=every * n),
            **fields,
        )
        for n in range(turns)
    ]


def exported(memory: Memory, folder: Path) -> list[dict[str, Any]]:
    """The lines of an export, without what recalls count."""
    path = folder / "export.jsonl"
    memory.export(path, everyone=True)
    return [
        {key: value for key, value in json.loads(line).items() if key not in COUNTERS}
        for line in path.read_text(encoding="utf-8").splitlines()
    ]


def made(memory: Memory, kind: str) -> list[Any]:
    """The summaries of a kind that are there."""
    return list(memory.list(kinds=kind, reach="subtree", limit=1000))


def everything(memory: Memory) -> Iterator[Any]:
    """All records, whatever their state."""
    states = ["active", "superseded", "merged", "forgotten", "archived"]
    yield from memory.list(reach="subtree", states=states, limit=1000)
