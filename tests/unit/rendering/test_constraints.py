"""Constraints stand first, apart, and leave room; lists keep to their length."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memkit.rendering import BAR, CONSTRAINTS, PREFACE, estimated_tokens, listed, render
from memkit.service.outputs import recall_json
from memkit.types import Hit, MemoryRecord, RecallResult, Why

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def _record(content: str, number: int, kind: str = "note") -> MemoryRecord:
    id_ = f"019a1b2c-3d4e-7f50-8a6b-{number:012x}"
    return MemoryRecord(id_, content, "acme", None, None, "ann", NOON, NOON, kind=kind)


def _found(hits: int, *constraints: str) -> RecallResult:
    return RecallResult(
        tuple(
            Hit(_record(f"memory {n}", n), 1 / (n + 1), Why({}, 1.0, {}), 0.5) for n in range(hits)
        ),
        constraints=tuple(
            _record(text, 100 + n, "constraint") for n, text in enumerate(constraints)
        ),
    )


def test_constraints_stand_first_under_their_heading() -> None:
    told = render(_found(2, "Never on Fridays.", "Tests first."), short_ids=True)
    assert told.splitlines()[:6] == [
        PREFACE,
        CONSTRAINTS,
        "[id=…000064 agent=ann]",
        "| Never on Fridays.",
        "[id=…000065 agent=ann]",
        "| Tests first.",
    ]
    assert told.splitlines()[6] == "2 memories, best first:"
    assert told.splitlines()[8] == "| memory 0"


def test_a_constraint_that_is_a_hit_is_told_once() -> None:
    found = _found(1, "Never on Fridays.")
    hit = replace(found.hits[0], record=found.constraints[0])
    told = render(replace(found, hits=(hit, *found.hits)))
    assert told.count("Never on Fridays.") == 1
    assert "1 memory:" in told


def test_json_gives_the_same_text() -> None:
    found = _found(2, "Never on Fridays.")
    assert render(recall_json(found)) == render(found)


def test_constraints_alone_are_told_too() -> None:
    assert render(_found(0, "Never on Fridays.")).splitlines()[0] == PREFACE
    assert render(_found(0, "Never on Fridays."), max_tokens=5) == ""


@pytest.mark.parametrize("tokens", [40, 100, 200, 400, 900])
def test_they_leave_room_for_memories_within_the_budget(tokens: int) -> None:
    found = _found(8, *(f"Rule {n}: leave part {n} of the machine alone." for n in range(20)))
    told = render(found, max_tokens=tokens)
    assert estimated_tokens(told) <= tokens
    if tokens >= 200:
        assert CONSTRAINTS in told
        assert "| memory 0" in told
        assert "more left out)" in told


def test_a_long_constraint_is_cut_with_a_mark() -> None:
    told = render(_found(1, "All of this: " + "x" * 5_000), max_tokens=400, more="get it")
    assert estimated_tokens(told) <= 400
    assert "more characters: get it)" in told
    assert "| memory 0" in told


@given(
    st.lists(st.lists(st.text(max_size=80), max_size=6), min_size=1, max_size=4),
    st.integers(min_value=1, max_value=900),
)
def test_a_list_is_no_longer_than_it_may_be(sections: list[list[str]], most: int) -> None:
    named = [(f"Part {at}:", texts) for at, texts in enumerate(sections)]
    ranked = [(at, place) for at, texts in enumerate(sections) for place in range(len(texts))]
    told, left = listed(named, ranked, max_chars=most)
    assert len(told) <= most
    barred = [line for line in told.splitlines() if line.startswith(BAR)]
    assert len(barred) + left == len(ranked)
    free = {line for line in told.splitlines() if not line.startswith(BAR)}
    headings = {heading for heading, _ in named}
    assert free <= {PREFACE, f"({left} more left out)", *headings}
