"""Policies: what goes for each kind in a namespace, and who sees a change when."""

from pathlib import Path
from typing import Any

import pytest

from memkit import Memory
from memkit.errors import InvalidInput
from memkit.lifecycle.revisions import UNSET
from memkit.policies import Policies
from memkit.policy import DEFAULT_POLICY, PROTECTED
from memkit.testing.embedders import ToyEmbedder
from memkit.types import KINDS
from tests.unit.lifecycle.aging import aged


def test_what_goes_by_itself_is_what_the_kinds_say(memory: Memory) -> None:
    policy = memory.policy()
    assert policy == DEFAULT_POLICY
    assert (policy.access_extension, policy.access_cap, policy.archive_below) == (0.1, 3.0, 0.1)
    for kind, defaults in KINDS.items():
        own = policy.of(kind)
        assert (own.confidence, own.half_life_days) == (
            defaults.confidence,
            defaults.half_life_days,
        )
    assert policy.of("a kind of our own") == policy.of("note")
    assert {kind for kind in PROTECTED if policy.of(kind).archive} == set()


def test_half_lives_grow_with_use_up_to_three_times() -> None:
    lives = [DEFAULT_POLICY.half_life("observation", uses) for uses in (0, 1, 10, 20, 500)]
    assert lives == pytest.approx([90, 99, 180, 270, 270])
    assert DEFAULT_POLICY.half_life("decision", 5) is None


def test_a_policy_is_its_namespaces_own(memory: Memory, store: Path) -> None:
    told = memory.set_policy("note", half_life_days=7, confidence=0.3)
    assert told == memory.policy()
    assert (told.of("note").half_life_days, told.of("note").confidence) == (7, 0.3)
    # Kinds without defaults go by what is said of notes.
    assert told.of("a kind of our own").half_life_days == 7
    assert memory.remember("a thing").record.confidence == 0.3
    assert memory.remember("sure", confidence=0.9).record.confidence == 0.9
    assert memory.put("k", "a thing put").record.confidence == 0.3
    with Memory.open(str(store), namespace="other", embedder=ToyEmbedder()) as other:
        assert other.policy() == DEFAULT_POLICY
        assert other.remember("a thing").record.confidence == 0.5
    with Memory.open(str(store), embedder=ToyEmbedder()) as again:
        assert again.policy() == told


def test_what_is_set_stays_until_it_is_reset(memory: Memory) -> None:
    memory.set_policy("observation", half_life_days=None)
    memory.set_policy("observation", confidence=0.2, archive=False)
    memory.set_policy(None, access_extension=0.5, access_cap=2)
    own = memory.policy().of("observation")
    assert (own.half_life_days, own.confidence, own.archive) == (None, 0.2, False)
    assert memory.policy().half_life("note", 100) == 120
    memory.set_policy("observation", confidence=0.4, reset=True)
    own = memory.policy().of("observation")
    assert (own.half_life_days, own.confidence, own.archive) == (90, 0.4, True)
    memory.set_policy("observation", reset=True)
    memory.set_policy(None, reset=True)
    assert memory.policy() == DEFAULT_POLICY


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("note", {}),
        (None, {}),
        ("note", {"half_life_days": 0}),
        ("note", {"half_life_days": -1}),
        ("note", {"half_life_days": float("inf")}),
        ("note", {"half_life_days": float("nan")}),
        ("note", {"half_life_days": "long"}),
        ("note", {"half_life_days": True}),
        ("note", {"confidence": 1.5}),
        ("note", {"confidence": "high"}),
        ("note", {"archive": "yes"}),
        ("note", {"archive_below": 0.5}),
        ("", {"confidence": 0.5}),
        ("a\nb", {"confidence": 0.5}),
        ("message", {"archive": True}),
        (None, {"half_life_days": 5}),
        (None, {"half_life_days": None}),
        (None, {"access_cap": 0.5}),
        (None, {"access_extension": -0.1}),
        (None, {"archive_below": 1.1}),
        (None, {"archive_after": float("nan")}),
    ],
)
def test_what_cannot_go_is_refused(memory: Memory, kind: str | None, given: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        memory.set_policy(kind, **given)
    assert memory.policy() == DEFAULT_POLICY


def test_unset_is_no_value(memory: Memory) -> None:
    told = memory.set_policy("note", half_life_days=UNSET, confidence=0.1)
    assert told.of("note").half_life_days == 60


def test_another_process_sees_a_change_within_seconds(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr("memkit.policies.time.monotonic", lambda: now[0])
    with (
        Memory.open(str(store), embedder=ToyEmbedder()) as one,
        Memory.open(str(store), embedder=ToyEmbedder()) as other,
    ):
        assert other.remember("first").record.confidence == 0.5
        one.set_policy("note", confidence=0.9)
        assert one.remember("second").record.confidence == 0.9
        assert other.remember("third").record.confidence == 0.5
        now[0] += 5
        assert other.remember("fourth").record.confidence == 0.9


def test_recall_reads_the_policy_once_in_a_while(
    local: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    said = Policies.said

    async def counted(self: Policies, namespace: str) -> object:
        read.append(namespace)
        return await said(self, namespace)

    monkeypatch.setattr(Policies, "said", counted)
    monkeypatch.setattr("memkit.policies.time.monotonic", lambda: 1000.0)
    for n in range(5):
        local.remember(f"thing {n}")
        local.recall("thing")
    assert read == ["default"]


def test_recall_ages_by_the_policy(memory: Memory) -> None:
    (id_,) = aged(memory, {"content": "the boiler is old", "days": 60, "kind": "note"})

    def recency() -> float:
        (hit,) = memory.recall("boiler")
        return hit.why.factors.get("recency", 1.0)

    assert recency() == pytest.approx(0.975, abs=1e-3)
    memory.set_policy("note", half_life_days=600)
    assert recency() == pytest.approx(1 - 0.05 * (1 - 2**-0.1), abs=1e-3)
    memory.set_policy("note", half_life_days=None)
    assert recency() == 1.0
    assert memory.get(id_).state == "active"
