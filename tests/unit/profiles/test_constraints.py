"""Constraints ride along with every recall: those that apply, and at once."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from memkit import Memory, RecallResult
from memkit.errors import InvalidInput
from memkit.testing.embedders import ToyEmbedder

RULE = "Never deploy on Fridays."


def _told(result: RecallResult) -> list[str]:
    return [record.content for record in result.constraints]


def test_they_come_whatever_is_asked_and_however_hits_are_chosen(memory: Memory) -> None:
    memory.remember(RULE, kind="constraint")
    memory.remember("The cat sleeps.")
    found = memory.recall("cat", kinds="note", limit=1, mode="lexical")
    assert [hit.content for hit in found] == ["The cat sleeps."]
    assert _told(found) == [RULE]
    assert _told(memory.recall("cat", filter=None, tags="none-has-it")) == [RULE]


def test_one_that_answers_is_a_hit_as_well(memory: Memory) -> None:
    memory.remember(RULE, kind="constraint")
    found = memory.recall("deploy on Fridays")
    assert [hit.content for hit in found] == _told(found) == [RULE]


def test_they_can_be_left_out(memory: Memory) -> None:
    memory.remember(RULE, kind="constraint")
    assert memory.recall("cat", constraints=False).constraints == ()
    with pytest.raises(InvalidInput, match="constraints"):
        memory.recall("cat", constraints="no")  # type: ignore[arg-type]


def test_pinned_ones_come_first_then_the_newest(memory: Memory) -> None:
    old = memory.remember("Tests come first.", kind="constraint", deduplicate="off")
    memory.remember("Secrets stay out of logs.", kind="constraint", deduplicate="off")
    memory.remember(RULE, kind="constraint", deduplicate="off")
    assert _told(memory.recall("x"))[0] == RULE
    memory.pin(old.id)
    assert _told(memory.recall("x")) == ["Tests come first.", RULE, "Secrets stay out of logs."]


def test_each_change_shows_at_once(memory: Memory) -> None:
    rule = memory.remember(RULE, kind="constraint")
    assert _told(memory.recall("x")) == [RULE]
    memory.update(rule.id, content="Never deploy on Mondays.")
    assert _told(memory.recall("x")) == ["Never deploy on Mondays."]
    memory.update(rule.id, kind="note")
    assert _told(memory.recall("x")) == []
    memory.update(rule.id, kind="constraint")
    assert _told(memory.recall("x")) == ["Never deploy on Mondays."]
    memory.forget(rule.id)
    assert _told(memory.recall("x")) == []
    memory.restore(rule.id)
    assert len(memory.recall("x").constraints) == 1
    memory.erase(rule.id)
    assert _told(memory.recall("x")) == []


def test_counters_are_as_fresh_as_the_store(store: Path) -> None:
    with Memory.open(str(store), embedder=ToyEmbedder()) as memory:
        rule = memory.remember(RULE, kind="constraint")
        memory.recall("x")
        memory.feedback(rule.id, useful=True)
        assert memory.recall("x").constraints[0].useful == 1


def test_what_a_recall_hands_out_is_the_callers(store: Path) -> None:
    with Memory.open(str(store), embedder=ToyEmbedder()) as memory:
        memory.remember(RULE, kind="constraint", metadata={"by": "ann"})
        memory.recall("x").constraints[0].metadata["by"] = "eve"  # type: ignore[index]
        assert memory.recall("x").constraints[0].metadata == {"by": "ann"}


def test_what_another_handle_wrote_shows(store: Path) -> None:
    with (
        Memory.open(str(store), embedder=ToyEmbedder()) as one,
        Memory.open(str(store), embedder=ToyEmbedder()) as other,
    ):
        assert _told(one.recall("x")) == []
        rule = other.remember(RULE, kind="constraint")
        assert _told(one.recall("x")) == [RULE]
        for number in range(200):
            other.remember(f"note {number}", deduplicate="off")
        other.forget(rule.id)
        assert _told(one.recall("x")) == []


def test_one_that_expired_is_gone_and_another_takes_its_place(store: Path) -> None:
    with Memory.open(str(store), embedder=ToyEmbedder(), constraints_limit=1) as memory:
        memory.remember("Older, and it stays.", kind="constraint", deduplicate="off")
        memory.remember(RULE, kind="constraint", ttl=0.3, deduplicate="off")
        assert _told(memory.recall("x")) == [RULE]
        time.sleep(0.35)
        assert _told(memory.recall("x")) == ["Older, and it stays."]


def test_no_more_than_the_setting_says(store: Path) -> None:
    with Memory.open(str(store), embedder=ToyEmbedder(), constraints_limit=2) as memory:
        for number in range(5):
            memory.remember(f"Rule number {number}.", kind="constraint", deduplicate="off")
        pinned = memory.list(order_by="created_at", descending=False, limit=1).records[0]
        memory.pin(pinned.id)
        assert _told(memory.recall("x")) == ["Rule number 0.", "Rule number 4."]
    with Memory.open(str(store), embedder=ToyEmbedder(), constraints_limit=0) as memory:
        assert memory.recall("x").constraints == ()


def test_they_are_those_of_the_scope_and_of_what_is_above(memory: Memory) -> None:
    memory.remember("All keep this.", kind="constraint")
    memory.at(project="a").remember("In a this.", kind="constraint")
    memory.at(project="b").remember("In b this.", kind="constraint")
    memory.at(project="a", agent="ann").remember("Ann alone.", kind="constraint", private=True)
    assert _told(memory.recall("x")) == ["All keep this."]
    assert _told(memory.recall("x", reach="subtree")) == ["All keep this."]
    assert _told(memory.at(project="a").recall("x")) == ["In a this.", "All keep this."]
    assert len(memory.at(project="a", agent="ann").recall("x").constraints) == 3
    assert len(memory.at(project="a", agent="ben").recall("x").constraints) == 2
    assert memory.at(namespace="other").recall("x").constraints == ()


def test_of_an_earlier_time_those_that_stood_then(memory: Memory) -> None:
    before = datetime.now(UTC)
    rule = memory.remember(RULE, kind="constraint")
    between = datetime.now(UTC)
    memory.correct(rule.id, "Never deploy on Mondays.")
    assert _told(memory.recall("x")) == ["Never deploy on Mondays."]
    assert _told(memory.recall("x", as_of=between)) == [RULE]
    assert _told(memory.recall("x", as_of=before - timedelta(days=1))) == []
