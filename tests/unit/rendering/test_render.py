"""Memories as text: who, when and what, the best first, within the budget."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memkit import Memory
from memkit.errors import InvalidInput
from memkit.rendering import BAR, PREFACE, estimated_tokens, render
from memkit.service.outputs import hit_json, recall_json, record_json, records_json
from memkit.testing.embedders import ToyEmbedder
from memkit.types import Hit, MemoryRecord, RecallResult, Why
from tests.unit.rendering.o200k import o200k

NOON = datetime(2026, 11, 21, 12, 0, 30, 5, tzinfo=UTC)


def _record(content: str, number: int = 1, **more: Any) -> MemoryRecord:
    id_ = f"019a1b2c-3d4e-7f50-8a6b-{number:012x}"
    return MemoryRecord(id_, content, "acme", None, None, None, NOON, NOON, **more)


def _hits(*contents: str) -> RecallResult:
    why = Why({}, 1.0, {})
    return RecallResult(
        tuple(Hit(_record(text, n), 1 / (n + 1), why, 0.5) for n, text in enumerate(contents))
    )


def _headers(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("[")]


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory.open(str(tmp_path / "memory.db"), embedder=ToyEmbedder()) as memory:
        yield memory


def test_a_recall_becomes_text_that_says_who_when_what_and_whence(memory: Memory) -> None:
    lab = memory.at(project="apollo", agent="researcher")
    happened = datetime(2026, 5, 8, 11, 30, tzinfo=timezone(timedelta(hours=2)))
    lab.remember(
        "The API allows 100 requests a minute\nand no more",
        kind="fact", tags=["api"], source="https://example.com/api", occurred_at=happened,
        speaker="Ines",
    )  # fmt: skip
    told = render(lab.recall("API requests")).splitlines()
    assert told[0] == f"1 memory. {PREFACE}"
    assert re.fullmatch(
        r"\[id=[0-9a-f-]{36} kind=fact happened=2026-05-08T09:30Z stored=20\S+T\d\d:\d\dZ "
        r"agent=researcher speaker=Ines source=https://example\.com/api project=apollo tags=api "
        r"relevance=[01]\.\d\d\]",
        told[1],
    )
    assert told[2:] == ["| The API allows 100 requests a minute", "| and no more"]


def test_hits_records_outcomes_and_their_json_are_told_alike(memory: Memory) -> None:
    outcome = memory.remember("Deploys happen on Tuesdays", kind="decision", tags=["ops"])
    found = memory.recall("when do deploys happen?")
    assert render(found) == render(list(found)) == render(recall_json(found))
    assert render(found) == render([hit_json(hit) for hit in found])
    record = memory.get(outcome.id)
    assert render([record]) == render(record) == render(outcome) == render(record_json(record))
    assert render(iter([record])) == render(records_json([record])) == render([record])


def test_the_turns_around_a_hit_come_after_it_once(memory: Memory) -> None:
    for number, text in enumerate(["We met in Oslo", "The launch is in May", "See you there"]):
        memory.remember(text, conversation_id="c", sequence=number, speaker="Ann")
    found = memory.recall("launch May", limit=1, context=1)
    told = render(found)
    assert told.count("around it: [id=") == 2
    assert told.index("The launch") < told.index("We met") < told.index("See you")
    both = memory.recall("launch May met Oslo", limit=2, context=1)
    assert sorted(line for line in render(both).splitlines() if line.startswith(BAR)) == [
        "| See you there", "| The launch is in May", "| We met in Oslo",
    ]  # fmt: skip


@pytest.mark.parametrize("nothing", [[], (), RecallResult(()), {"memories": [], "notices": []}])
def test_no_memory_is_no_text(nothing: Any) -> None:
    assert render(nothing) == ""


@pytest.mark.parametrize("wrong", ["text", b"text", 3, [3], ["text"], [{"id": "1"}], None])
def test_what_is_no_memory_is_refused(wrong: Any) -> None:
    with pytest.raises(InvalidInput):
        render(wrong)


def test_the_best_are_kept_and_the_rest_is_counted() -> None:
    hits = _hits(*(f"memory number {number} " + "of some length " * 5 for number in range(20)))
    told = render(hits, max_tokens=400, count_tokens=o200k)
    kept = len(_headers(told))
    assert 1 < kept < 20
    assert told.startswith(f"{kept} memories, best first. ")
    assert _headers(told) == _headers(render(hits, max_tokens=None))[:kept]
    assert told.endswith(f"({20 - kept} more left out)")
    assert render(hits, max_tokens=400, count_tokens=o200k) == told


def test_a_long_memory_is_cut_and_leaves_room_for_the_next() -> None:
    told = render(_hits("long " * 5000, "short"), max_tokens=1000)
    first, second = _headers(told)
    assert "\n| short" in told.partition(second)[2]
    left = re.search(r"^\((\d+) more characters\)$", told, re.MULTILINE)
    assert left is not None
    shown = told.partition(first)[2].splitlines()[1].removeprefix(BAR)
    assert len(shown) + int(left[1]) == 25_000


def test_a_mark_says_how_to_get_the_rest() -> None:
    told = render(_hits("x y " * 500), max_tokens=200, more="use read_memory")
    assert re.search(r"^\(\d+ more characters: use read_memory\)$", told, re.MULTILINE)


@pytest.mark.parametrize("tokens", [-5, 0, 3])
def test_a_budget_without_room_gives_nothing(tokens: int) -> None:
    assert render(_hits("a", "b"), max_tokens=tokens) == ""


def test_a_budget_too_small_for_a_memory_says_that_there_are_some() -> None:
    assert render(_hits("a", "b"), max_tokens=20) == "(2 memories left out: no room for text)"


def test_short_ids_tell_apart() -> None:
    records = [_record("a", 0x1AAAAAAA), _record("b", 0x2AAAAAAA), _record("c", 0x3BBBBBBB)]
    first = [header.split()[0] for header in _headers(render(records, short_ids=True))]
    assert first == ["[id=…1aaaaaaa", "[id=…2aaaaaaa", "[id=…3bbbbbbb"]


def test_state_version_pin_and_many_tags_are_told() -> None:
    tags = tuple(f"t{number}" for number in range(15))
    record = replace(_record("x"), state="superseded", version=3, pinned=True, tags=tags)
    (header,) = _headers(render([record]))
    assert header.endswith("t10,t11,+3 version=3 state=superseded pinned]")


CONTENTS = st.lists(
    st.text(max_size=200) | st.text("ab \n|[]", max_size=3000), min_size=1, max_size=6
)


@given(CONTENTS, st.integers(-1, 900), st.sampled_from([None, len, o200k]), st.booleans())
def test_the_budget_always_holds(contents: list[str], tokens: int, count: Any, short: bool) -> None:
    told = render(_hits(*contents), max_tokens=tokens, count_tokens=count, short_ids=short)
    assert not told or (count or estimated_tokens)(told) <= tokens
    shown = len(_headers(told))
    left = re.search(r"^\((\d+) (?:more|memor\w+) left out", told, re.MULTILINE)
    if told:
        assert shown + (int(left[1]) if left else 0) == len(contents)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=5), st.integers(1, 200))
def test_a_budget_for_each_memory_holds(sizes: list[int], tokens: int) -> None:
    hits = _hits(*("word " * 10 * size for size in sizes))
    told = render(hits, max_tokens=None, max_memory_tokens=tokens)
    blocks = re.split(r"^(?=\[)|^\(\d+ more left out\)", told, flags=re.MULTILINE)[1:]
    assert all(estimated_tokens(block.rstrip("\n")) <= tokens for block in blocks)
