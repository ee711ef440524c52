"""Contradictions of a store: found once, told with why, settled and taken back."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from memkit import Memory
from memkit.errors import InvalidInput, RecordNotFound
from memkit.testing.embedders import ToyEmbedder

LESS = "The API allows 60 requests a minute."
MORE = "The API allows 100 requests a minute."
THEN = datetime(2024, 1, 1, tzinfo=UTC)
ALL = ("open", "resolved", "dismissed", "closed")


@pytest.fixture
def two(memory: Memory) -> tuple[str, str]:
    """An older and a newer record that contradict each other, among others that do not."""
    older = memory.remember(MORE).id
    newer = memory.remember(LESS).id
    memory.remember_many(["Bob likes tea.", "The API allows everybody in.", "Ann lives in Rome."])
    return older, newer


def test_two_records_that_disagree_are_found_once(memory: Memory, two: tuple[str, str]) -> None:
    done = memory.reconcile()
    assert (done.records, done.found, done.known, done.finished) == (5, 1, 0, True)
    (found,) = memory.contradictions()
    assert (found.older.id, found.newer.id) == two
    assert found.status == "open"
    assert found.run == done.run
    assert [(each.kind, each.first) for each in found.evidence] == [
        ("number", "100 requests per minute")
    ]
    assert found.confidence >= 0.5
    assert MORE in found.sentence
    again = memory.reconcile()
    assert (again.found, again.known) == (0, 1)
    assert len(memory.contradictions(states=ALL)) == 1


def test_the_newer_record_links_to_the_older_one_and_nothing_else_of_it_changes(
    memory: Memory, two: tuple[str, str]
) -> None:
    before = memory.get(two[1])
    memory.reconcile()
    (reached,) = memory.related(two[1], types=["contradicts"], direction="out")
    assert reached.record.id == two[0]
    after = memory.get(two[1])
    assert (after.version, after.updated_at) == (before.version, before.updated_at)


def test_a_contradiction_is_no_memory(memory: Memory, two: tuple[str, str]) -> None:
    memory.reconcile()
    assert memory.count() == 5
    assert len(memory.list().records) == 5
    assert {hit.record.kind for hit in memory.recall("contradiction API requests")} == {"note"}


def test_it_is_listed_by_its_own_id_and_by_those_of_its_records(
    memory: Memory, two: tuple[str, str]
) -> None:
    memory.reconcile()
    (found,) = memory.contradictions()
    for id_ in (found.id, *two):
        assert [each.id for each in memory.contradictions(ids=id_)] == [found.id]
    assert memory.contradictions(ids=[memory.remember("Another one.").id]) == []
    assert memory.contradictions(ids=[]) == []


def test_a_dry_run_only_tells(memory: Memory, two: tuple[str, str]) -> None:
    done = memory.reconcile(dry_run=True)
    assert (done.run, done.found) == (None, 1)
    assert {done.contradictions[0].older.id, done.contradictions[0].newer.id} == set(two)
    assert memory.contradictions(states=ALL) == []
    assert memory.get(two[1]).links == ()


def test_keeping_one_supersedes_the_other_and_reopening_takes_it_back(
    memory: Memory, two: tuple[str, str]
) -> None:
    memory.reconcile()
    (found,) = memory.contradictions()
    done = memory.resolve(found.id, keep=two[1], note="as the handbook says")
    assert done.status == "resolved"
    (decision,) = done.decisions
    assert (decision.what, decision.kept, decision.how) == ("keep", two[1], "person")
    assert decision.note == "as the handbook says"
    old = memory.get(two[0])
    assert (old.state, old.superseded_by) == ("superseded", two[1])
    assert memory.contradictions() == []
    # Once more is no more.
    assert len(memory.resolve(found.id, keep=two[1]).decisions) == 1
    with pytest.raises(InvalidInput, match="reopen it first"):
        memory.resolve(found.id, keep=two[0])

    again = memory.reopen(found.id, note="the handbook is old")
    assert again.status == "open"
    assert [each.what for each in again.decisions] == ["keep", "reopen"]
    old = memory.get(two[0])
    assert (old.state, old.superseded_by) == ("active", None)
    assert memory.reopen(found.id).decisions == again.decisions


def test_what_was_reopened_is_recognised_as_a_copy_again(
    memory: Memory, two: tuple[str, str]
) -> None:
    memory.reconcile()
    (found,) = memory.contradictions()
    memory.resolve(found.id, keep=two[1])
    memory.reopen(found.id)
    assert memory.remember(MORE).status == "duplicate"


def test_what_both_hold_is_never_reported_again(memory: Memory, two: tuple[str, str]) -> None:
    memory.reconcile()
    (found,) = memory.contradictions()
    assert memory.resolve(found.id).status == "dismissed"
    assert {memory.get(id_).state for id_ in two} == {"active"}
    assert memory.get(two[1]).links == ()
    assert memory.reconcile().found == 0
    assert memory.contradictions() == []
    assert [each.id for each in memory.contradictions(states="dismissed")] == [found.id]
    assert memory.reopen(found.id).status == "open"
    assert memory.get(two[1]).links != ()


def test_only_one_of_the_two_can_be_kept(memory: Memory, two: tuple[str, str]) -> None:
    memory.reconcile()
    (found,) = memory.contradictions()
    with pytest.raises(InvalidInput, match="one of the two"):
        memory.resolve(found.id, keep=memory.remember("A third one.").id)
    with pytest.raises(RecordNotFound):
        memory.resolve(two[0])


def test_it_closes_while_one_of_the_two_does_not_stand(
    memory: Memory, two: tuple[str, str]
) -> None:
    memory.reconcile()
    (found,) = memory.contradictions()
    memory.forget(two[0])
    assert memory.contradictions() == []
    (closed,) = memory.contradictions(states="closed")
    assert closed.id == found.id
    with pytest.raises(InvalidInput, match="closed"):
        memory.resolve(found.id, keep=two[1])
    memory.restore(two[0])
    assert [each.id for each in memory.contradictions()] == [found.id]


def test_it_closes_when_one_of_the_two_says_something_else(
    memory: Memory, two: tuple[str, str]
) -> None:
    memory.reconcile()
    memory.update(two[0], content="The API allows 60 requests per minute, says the handbook.")
    assert memory.contradictions() == []
    (closed,) = memory.contradictions(states="closed")
    assert closed.evidence == ()


@pytest.mark.parametrize("which", [0, 1])
def test_it_is_gone_with_either_record(memory: Memory, two: tuple[str, str], which: int) -> None:
    memory.reconcile()
    memory.resolve(memory.contradictions()[0].id, note="a secret about it")
    memory.erase(two[which])
    assert memory.contradictions(states=ALL) == []
    assert memory.get(two[1 - which]).links == ()


def test_nothing_of_it_stays_in_the_store_after_an_erasure(store: Path) -> None:
    with Memory.open(str(store), embedder=ToyEmbedder()) as memory:
        older, _ = memory.remember(MORE).id, memory.remember(LESS).id
        memory.reconcile()
        memory.resolve(memory.contradictions()[0].id, note="the-word-that-must-vanish")
        memory.erase(older)
        memory.compact()
    for path in store.parent.iterdir():
        data = path.read_bytes()
        assert b"the-word-that-must-vanish" not in data
        assert b"100 requests" not in data


# Places.


def test_records_of_two_places_are_not_set_against_each_other(memory: Memory) -> None:
    memory.remember(MORE)
    memory.at(project="shop").remember(LESS)
    memory.at(project="shop", task="t1").remember("The API allows 30 requests a minute.")
    assert memory.reconcile().found == 0


def test_a_private_contradiction_is_its_agents_alone(memory: Memory) -> None:
    ann, bob = memory.at(agent="ann"), memory.at(agent="bob")
    ann.remember(MORE, private=True)
    ann.remember(LESS, private=True)
    bob.remember("The API allows 30 requests a minute.", private=True)
    memory.remember("The API allows 10 requests a minute.")
    assert memory.reconcile().found == 0
    assert bob.reconcile().found == 0
    assert ann.reconcile().found == 1
    (found,) = ann.contradictions()
    for other in (memory, bob):
        assert other.contradictions(states=ALL) == []
        assert other.contradictions(ids=found.id, states=ALL) == []
        with pytest.raises(RecordNotFound):
            other.resolve(found.id)


def test_a_namespace_knows_nothing_of_another(memory: Memory) -> None:
    one, other = memory.at(namespace="one"), memory.at(namespace="other")
    one.remember(MORE)
    other.remember(LESS)
    assert one.reconcile().found == other.reconcile().found == 0
    one.remember(LESS)
    assert one.reconcile().found == 1
    (found,) = one.contradictions(reach="subtree")
    assert other.contradictions(ids=found.id, states=ALL) == []
    with pytest.raises(RecordNotFound):
        other.reopen(found.id)


def test_a_reader_below_sees_what_is_above_and_not_the_other_way_round(memory: Memory) -> None:
    shop = memory.at(project="shop")
    shop.remember(MORE)
    shop.remember(LESS)
    assert memory.reconcile().found == 1
    assert memory.contradictions() == []
    assert len(memory.contradictions(reach="subtree")) == 1
    assert len(shop.at(task="t1").contradictions()) == 1
    assert memory.at(project="other").contradictions() == []


# What is compared.


def test_messages_and_linked_records_are_not_compared(memory: Memory) -> None:
    memory.send("news", MORE)
    memory.send("news", LESS)
    older, newer = memory.remember(MORE).id, memory.remember(LESS).id
    memory.link(newer, older, "follows")
    assert memory.reconcile().found == 0


def test_without_vectors_words_find_it(store: Path) -> None:
    with Memory.open(str(store), embedder="none") as memory:
        memory.remember(MORE)
        memory.remember(LESS)
        memory.remember("Something else altogether.")
        assert memory.reconcile().found == 1
        assert memory.contradictions()[0].similarity == 1.0


def test_since_looks_only_at_what_is_new(memory: Memory, two: tuple[str, str]) -> None:
    assert memory.reconcile(since=datetime.now(UTC) + timedelta(days=1)).records == 0
    now = memory.get(two[1]).created_at
    done = memory.reconcile(since=now)
    assert done.records < 5
    assert done.found == 1


def test_a_limited_reconciliation_goes_on_when_it_is_called_again(embedded: Memory) -> None:
    for number in range(6):
        embedded.remember(f"Shelf {'abcdef'[number]}x holds {number + 3} boxes of screws.")
    embedded.remember(MORE)
    embedded.remember(LESS)
    first = embedded.reconcile(limit=3)
    assert (first.records, first.finished) == (3, False)
    second = embedded.reconcile(limit=3)
    third = embedded.reconcile(limit=3)
    assert {first.run, second.run, third.run} == {first.run}
    assert (second.finished, third.finished) == (False, True)
    assert (third.records, third.found) == (8, 1)
    assert embedded.reconcile().run != first.run


def test_progress_is_told(memory: Memory, two: tuple[str, str]) -> None:
    told: list[tuple[int, int | None]] = []
    memory.reconcile(progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (5, 5)


# Rules.


def test_the_rule_of_the_newest_settles_what_is_clear(memory: Memory) -> None:
    older = memory.remember(MORE, occurred_at=THEN)
    newer = memory.remember(LESS, occurred_at=THEN + timedelta(days=30))
    done = memory.reconcile(rule="newest")
    assert (done.found, done.settled) == (1, 1)
    (told,) = memory.contradictions(states="resolved")
    assert (told.decisions[0].how, told.decisions[0].kept) == ("newest", newer.id)
    assert memory.get(older.id).state == "superseded"
    assert memory.reopen(told.id).status == "open"
    assert memory.get(older.id).state == "active"


@pytest.mark.parametrize("reason", ["at once", "pinned"])
def test_the_rule_of_the_newest_leaves_open_what_is_not(memory: Memory, reason: str) -> None:
    apart = timedelta(days=30 if reason == "pinned" else 0)
    memory.remember(MORE, occurred_at=THEN, pinned=reason == "pinned")
    memory.remember(LESS, occurred_at=THEN + apart)
    done = memory.reconcile(rule="newest")
    assert (done.found, done.settled) == (1, 0)
    assert len(memory.contradictions()) == 1


def test_the_rule_of_confidence_keeps_the_surer(memory: Memory) -> None:
    older = memory.remember(MORE, confidence=0.9)
    newer = memory.remember(LESS, confidence=0.4)
    assert memory.reconcile(rule="confidence").settled == 1
    assert memory.get(newer.id).superseded_by == older.id


def test_arguments_are_checked(memory: Memory) -> None:
    with pytest.raises(InvalidInput, match="rule"):
        memory.reconcile(rule="loudest")
    with pytest.raises(InvalidInput, match="states"):
        memory.contradictions(states="shut")
    with pytest.raises(InvalidInput, match="states"):
        memory.contradictions(states=[])
    with pytest.raises(InvalidInput, match="reach"):
        memory.contradictions(reach="far")
    with pytest.raises(InvalidInput, match="limit"):
        memory.reconcile(limit=0)
    with pytest.raises(InvalidInput, match="zone"):
        memory.reconcile(since=datetime(2026, 1, 1))


# Facts.


@pytest.fixture
def facts(memory: Memory) -> tuple[str, str]:
    first = memory.assert_fact("Alice", "lives_in", "Paris", valid_from=THEN, source="a letter")
    second = memory.assert_fact("Alice", "lives_in", "Rome", valid_from=THEN, source="a call")
    return first.record.id, second.record.id


def test_facts_that_claim_the_same_moment_contradict_each_other(
    memory: Memory, facts: tuple[str, str]
) -> None:
    assert memory.reconcile().found == 1
    (found,) = memory.contradictions()
    assert {found.older.id, found.newer.id} == set(facts)
    assert [(each.kind, each.first, each.second) for each in found.evidence] == [
        ("fact", "Paris", "Rome")
    ]


def test_facts_that_follow_each_other_do_not(memory: Memory) -> None:
    memory.assert_fact("Alice", "lives_in", "Paris", valid_from=THEN)
    memory.assert_fact("Alice", "lives_in", "Rome", valid_from=THEN + timedelta(days=9))
    memory.assert_fact("Alice", "likes", "tea", valid_from=THEN)
    memory.assert_fact("Alice", "likes", "coffee", valid_from=THEN)
    memory.assert_fact("Bob", "lives_in", "Oslo", valid_from=THEN)
    assert memory.reconcile().found == 0


def test_a_fact_that_begins_before_the_stated_end_of_another_contradicts_it(
    memory: Memory,
) -> None:
    until = THEN + timedelta(days=100)
    memory.assert_fact("Alice", "works_at", "Acme", valid_from=THEN, valid_to=until)
    memory.assert_fact("Alice", "works_at", "Initech", valid_from=THEN + timedelta(days=50))
    memory.assert_fact("Alice", "works_at", "Hooli", valid_from=until)
    memory.reconcile()
    found = memory.contradictions()
    assert {each.evidence[0].first for each in found} == {"Acme"}
    assert {each.evidence[0].second for each in found} == {"Initech"}


def test_keeping_a_fact_withdraws_the_other_and_reopening_asserts_it_anew(
    memory: Memory, facts: tuple[str, str]
) -> None:
    memory.reconcile(rule="newest")
    (found,) = memory.contradictions()
    paris = facts[0]
    memory.resolve(found.id, keep=paris)
    assert [fact.object for fact in memory.facts(subject="Alice")] == ["Paris"]
    assert memory.get(facts[1]).retracted_at is not None
    again = memory.reopen(found.id)
    assert again.status == "open"
    assert [each.what for each in again.decisions] == ["keep", "reopen"]
    assert [fact.object for fact in memory.facts(subject="Alice")] == ["Rome"]
    assert [each.id for each in memory.contradictions(states=ALL)] == [again.id]
    assert memory.reconcile().found == 0


def test_a_note_can_contradict_a_fact_that_holds(memory: Memory) -> None:
    memory.assert_fact("Alice", "lives_in", "Paris", valid_from=THEN)
    note = memory.remember("Alice lives in Rome.").id
    assert memory.reconcile().found == 1
    (found,) = memory.contradictions(ids=note)
    assert [each.kind for each in found.evidence] == ["value"]
    memory.resolve(found.id, keep=note)
    assert memory.facts(subject="Alice") == []
    # The fact is asserted anew, and so contradicts the note anew.
    assert memory.reopen(found.id).status == "open"
    assert [fact.object for fact in memory.facts(subject="Alice")] == ["Paris"]


# Several at once.


def test_of_two_who_decide_at_once_one_is_heard(embedded: Memory) -> None:
    older, newer = embedded.remember(MORE).id, embedded.remember(LESS).id
    embedded.reconcile()
    (found,) = embedded.contradictions()
    refused: list[InvalidInput] = []
    ready = threading.Barrier(2)

    def decide(keep: str) -> None:
        ready.wait()
        try:
            embedded.resolve(found.id, keep=keep)
        except InvalidInput as error:
            refused.append(error)

    threads = [threading.Thread(target=decide, args=(id_,)) for id_ in (older, newer)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 1
    states = sorted(embedded.get(id_).state for id_ in (older, newer))
    assert states == ["active", "superseded"]
