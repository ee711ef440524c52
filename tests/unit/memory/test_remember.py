"""Remembering: what is stored, what is recognised, what is refused."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from memkit import Draft, Memory
from memkit.errors import IdempotencyConflict, InvalidInput, InvalidScope, RecordNotFound


def test_a_memory_is_stored_verbatim_with_its_stamps(memory: Memory) -> None:
    lab = memory.at(project="apollo", agent="researcher")
    text = "  Die Rate beträgt 100/min 🚀\nنعم  "
    outcome = lab.remember(text, tags=["api", "limits", "api"], metadata={"n": 1})
    record = lab.get(outcome.id)
    assert outcome.status == "stored"
    assert record == outcome.record
    assert record.content == text
    assert record.tags == ("api", "limits", "agent:researcher")
    assert (record.project, record.task, record.agent) == ("apollo", None, "researcher")
    assert record.created_at.utcoffset() == timedelta(0)
    assert record.version == 1


def test_a_kind_brings_its_confidence(memory: Memory) -> None:
    assert memory.remember("We use SQLite", kind="decision").record.confidence == 0.85
    assert memory.remember("Something else", kind="my own kind").record.confidence == 0.5
    assert memory.remember("A third", kind="decision", confidence=0.1).record.confidence == 0.1


def test_the_same_text_is_a_duplicate_that_lends_its_tags(memory: Memory) -> None:
    first = memory.remember("The port is 5433", tags=["db"])
    second = memory.remember(" The  port is 5433 ", tags=["infra"])
    assert second.status == "duplicate"
    assert second.matched == first.id
    assert memory.count() == 1
    assert memory.get(first.id).tags == ("db", "infra")


def test_the_same_text_is_another_memory_elsewhere(memory: Memory) -> None:
    text = "The port is 5433"
    places = [
        memory,
        memory.at(project="a"),
        memory.at(project="a", task="t"),
        memory.at(namespace="other"),
    ]
    assert [place.remember(text).status for place in places] == ["stored"] * 4
    assert memory.remember(text, kind="fact").status == "stored"
    assert memory.remember(text, metadata={"run": 2}).status == "stored"


def test_private_texts_are_compared_with_their_owners_only(memory: Memory) -> None:
    ann, bob = memory.at(agent="ann"), memory.at(agent="bob")
    assert ann.remember("I am looking for a new job", private=True).status == "stored"
    assert bob.remember("I am looking for a new job", private=True).status == "stored"
    assert bob.remember("I am looking for a new job").status == "stored"
    assert ann.remember("I am looking for a new job", private=True).status == "duplicate"


def test_turns_of_a_conversation_and_messages_are_never_copies(memory: Memory) -> None:
    for sequence in range(2):
        turn = memory.remember("ok", conversation_id="c1", sequence=sequence, speaker="Ann")
        assert turn.status == "stored"
    for _ in range(2):
        assert memory.remember("ping", tags=["msg:ops"]).status == "stored"


def test_a_near_copy_is_merged_and_its_wording_kept(memory: Memory) -> None:
    first = memory.remember("The user prefers dark mode in the editor", tags=["ui"])
    second = memory.remember("The user prefers dark mode in the editor.", tags=["editor"])
    assert second.status == "merged"
    assert second.id == first.id
    assert second.merged is not None
    kept = memory.get(second.merged)
    assert kept.content == "The user prefers dark mode in the editor."
    assert kept.superseded_by == first.id
    assert memory.count() == 1
    assert memory.get(first.id).tags == ("ui", "editor")
    assert len(memory.recall("dark mode")) == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("The staging server listens on port 5433", "The staging server listens on port 5434"),
        ("Alice likes working in the quiet office", "Alice dislikes working in the quiet office"),
        ("The build is green on the main branch", "The build is not green on the main branch"),
        ("Alice owns the billing service in Europe", "Bob owns the billing service in Europe"),
    ],
)
def test_texts_that_differ_in_a_number_a_negation_or_a_name_stay_apart(
    memory: Memory, old: str, new: str
) -> None:
    memory.remember(old)
    outcome = memory.remember(new)
    assert outcome.status == "stored"
    assert memory.count() == 2


def test_near_copies_that_are_not_merged_are_reported(memory: Memory) -> None:
    first = memory.remember("The staging server listens on port 5433 in Frankfurt")
    outcome = memory.remember("The staging server listens on port 5434 in Frankfurt")
    assert [near.id for near in outcome.near] == [first.id]
    assert outcome.near[0].cosine >= 0.75
    assert not outcome.near[0].agrees


def test_copies_can_be_allowed(memory: Memory) -> None:
    for _ in range(2):
        assert memory.remember("tick", deduplicate="off").status == "stored"
    assert memory.count() == 2


def test_an_idempotency_key_stores_once(memory: Memory) -> None:
    first = memory.remember("Deployed 1.2", idempotency_key="req-1", tags=["msg:ops"])
    again = memory.remember("Deployed 1.2", idempotency_key="req-1", tags=["msg:ops"])
    assert (again.status, again.id) == ("duplicate", first.id)
    with pytest.raises(IdempotencyConflict, match="new key"):
        memory.remember("Deployed 1.3", idempotency_key="req-1")
    assert memory.count() == 1


def test_an_idempotency_key_holds_after_the_record_changed(memory: Memory) -> None:
    first = memory.remember("Deployed 1.2", idempotency_key="req-1")
    memory.update(first.id, content="Deployed 1.2 to staging")
    again = memory.remember("Deployed 1.2", idempotency_key="req-1")
    assert (again.status, again.id) == ("duplicate", first.id)


def test_idempotency_keys_of_two_agents_do_not_meet(memory: Memory) -> None:
    memory.at(agent="ann").remember("one", idempotency_key="k")
    assert memory.at(agent="bob").remember("two", idempotency_key="k").status == "stored"


def test_many_are_stored_in_order_with_copies_recognised(memory: Memory) -> None:
    seen: list[tuple[int, int | None]] = []
    outcomes = memory.remember_many(
        ["one", Draft("two", kind="fact"), {"content": "three", "tags": ["x"]}, "one"],
        progress=lambda done, total: seen.append((done, total)),
    )
    assert [outcome.status for outcome in outcomes] == ["stored"] * 3 + ["duplicate"]
    assert outcomes[3].matched == outcomes[0].id
    assert seen[-1] == (4, 4)
    assert memory.remember_many([]) == []


def test_one_bad_item_of_many_stores_nothing(memory: Memory) -> None:
    with pytest.raises(InvalidInput):
        memory.remember_many(["good", "  "])
    with pytest.raises(InvalidInput, match="no colour"):
        memory.remember_many(["good", {"content": "x", "colour": "red"}])
    assert memory.count() == 0


BAD: list[tuple[dict[str, Any], str]] = [
    ({"content": ""}, "empty"),
    ({"content": " \n\t "}, "empty"),
    ({"content": "x" * 100_001}, "100,000"),
    ({"content": "a\x00b"}, "NUL"),
    ({"content": "a\ud800b"}, "surrogates"),
    ({"content": b"bytes"}, "not bytes"),
    ({"content": None}, "not NoneType"),
    ({"content": "x", "tags": "api"}, "list"),
    ({"content": "x", "tags": [""]}, "characters"),
    ({"content": "x", "tags": ["a\nb"]}, "control"),
    ({"content": "x", "tags": ["agent:root"]}, "agent"),
    ({"content": "x", "kind": ""}, "kind"),
    ({"content": "x", "metadata": ["a"]}, "mapping"),
    ({"content": "x", "metadata": {"a": float("nan")}}, "finite"),
    ({"content": "x", "metadata": {"a": datetime.now(UTC)}}, "datetime"),
    ({"content": "x", "metadata": {1: "a"}}, "keys"),
    ({"content": "x", "metadata": {"a": "x" * 100_000}}, "bytes"),
    ({"content": "x", "metadata": {"a": 2**64}}, "64 bits"),
    ({"content": "x", "confidence": 1.5}, "between 0 and 1"),
    ({"content": "x", "confidence": "high"}, "number"),
    ({"content": "x", "occurred_at": datetime(2024, 1, 1)}, "time zone"),
    ({"content": "x", "occurred_at": "2024-01-01"}, "datetime"),
    ({"content": "x", "ttl": -1}, "ttl"),
    ({"content": "x", "ttl": float("inf")}, "ttl"),
    ({"content": "x", "ttl": 5, "expires_at": datetime.now(UTC)}, "not both"),
    ({"content": "x", "expires_at": datetime(2020, 1, 1, tzinfo=UTC)}, "past"),
    ({"content": "x", "sequence": 1}, "conversation_id"),
    ({"content": "x", "conversation_id": "c", "sequence": -1}, "sequence"),
    ({"content": "x", "private": True}, "agent"),
    ({"content": "x", "pinned": "yes"}, "pinned"),
    ({"content": "x", "idempotency_key": ""}, "idempotency_key"),
    ({"content": "x", "deduplicate": "maybe"}, "deduplicate"),
]


@pytest.mark.parametrize(("arguments", "says"), BAD)
def test_bad_input_is_refused_and_nothing_is_written(
    memory: Memory, arguments: dict[str, Any], says: str
) -> None:
    with pytest.raises(InvalidInput, match=says):
        memory.remember(**arguments)
    assert memory.count() == 0


def test_the_content_limit_can_be_changed(store: Any) -> None:
    with Memory.open(str(store), embedder="none", max_content_chars=10) as memory:
        memory.remember("x" * 10)
        with pytest.raises(InvalidInput, match="the limit is 10"):
            memory.remember("x" * 11)


def test_an_expired_memory_is_gone_from_every_read(memory: Memory) -> None:
    soon = datetime.now(UTC) + timedelta(milliseconds=150)
    outcome = memory.remember("The code is 1234", expires_at=soon)
    assert memory.count() == 1
    while datetime.now(UTC) <= soon:
        pass
    assert memory.count() == 0
    assert len(memory.list()) == 0
    assert len(memory.recall("code")) == 0
    assert memory.tags() == {}
    with pytest.raises(RecordNotFound):
        memory.get(outcome.id)
    # Its text can be stored anew.
    assert memory.remember("The code is 1234").status == "stored"


@pytest.mark.parametrize("label", ["", " x", "a\x00", "a\x1fb", "a\u2028b", "x" * 201, "\ud800"])
def test_malformed_labels_are_refused(memory: Memory, label: str) -> None:
    for name in ("project", "agent", "namespace"):
        with pytest.raises(InvalidScope):
            memory.at(**{name: label})
