"""Facts on both time axes: random histories against a diary, and what single calls answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memkit import AsyncMemory, Memory
from memkit.config import load_settings
from memkit.engine import Engine
from memkit.errors import InvalidInput, RecordNotFound
from memkit.protocols import Capabilities, Operation, Patch, StoreSpec, WriteResult
from memkit.retrieval.analysis import ANALYZER
from memkit.scope import Scope
from memkit.testing.embedders import ToyEmbedder
from memkit.testing.facts import DAYS, DEEDS, WRITERS, Step, follow, race, random_steps
from memkit.vectorizer import Vectorizer
from tests.conformance.toy import ToyBackend
from tests.server.client.serving import serving

DAY = timedelta(days=1)
NOW = datetime.now(UTC)

STEP = st.tuples(
    st.sampled_from(DEEDS),
    st.integers(0, 30),
    st.integers(0, 4),
    st.integers(0, 4),
    st.integers(0, DAYS),
    st.none() | st.integers(1, 7),
)


@settings(max_examples=25)
@given(st.lists(STEP, min_size=1, max_size=14))
def test_facts_are_what_a_diary_says(steps: list[Step]) -> None:
    async def run() -> None:
        async with AsyncMemory.open(":memory:", embedder="none") as memory:
            await follow(memory, steps)

    asyncio.run(run())


def test_facts_of_a_server_are_what_a_diary_says(tmp_path: Path) -> None:
    async def run(url: str) -> None:
        async with AsyncMemory.open(url) as memory:
            for seed in range(2):
                steps = random_steps(seed, 8)
                await follow(memory, steps, name=f" {seed}", moments=2)

    with serving(str(tmp_path / "memory.db"), embedder=ToyEmbedder()) as server:
        asyncio.run(run(server.url))


def days(number: float) -> datetime:
    return NOW + number * DAY


def test_a_new_value_ends_the_one_before(memory: Memory) -> None:
    bonn = memory.assert_fact("Ann", "Lives in", "Bonn", valid_from=days(-90))
    rome = memory.assert_fact("Ann", "lives-in", "Rome", valid_from=days(-30))
    assert (bonn.status, rome.status, rome.closed) == ("stored", "stored", (bonn.record.id,))
    (now,) = memory.facts(subject="Ann")
    assert (now.object, now.valid_to, now.reason) == ("Rome", None, None)
    first, second = memory.facts(subject="Ann", history=True)
    assert (first.object, first.valid_to, first.ended_by) == ("Bonn", days(-30), rome.record.id)
    assert first.reason == f"Ann lives_in Rome from {days(-30):%Y-%m-%d}"
    assert second.object == "Rome"
    assert [f.object for f in memory.facts(subject="Ann", as_of=days(-40))] == ["Bonn"]


def test_recall_shows_what_holds_and_asked_what_it_took_the_place_of(memory: Memory) -> None:
    bonn = memory.assert_fact("Ann", "lives_in", "Bonn", valid_from=days(-90)).record
    rome = memory.assert_fact("Ann", "lives_in", "Rome", valid_from=days(-30)).record
    assert [hit.record.object for hit in memory.recall("Where does Ann live?")] == ["Rome"]
    both = memory.recall("Where does Ann live?", states=["active", "superseded"])
    told = {hit.record.object: (hit.record.state, hit.record.superseded_by) for hit in both}
    assert told == {"Rome": ("active", None), "Bonn": ("superseded", rome.id)}
    undone = memory.undo(rome.id)
    assert (undone.status, undone.reopened) == ("retracted", (bonn.id,))
    assert [hit.record.object for hit in memory.recall("Where does Ann live?")] == ["Bonn"]


def test_what_arrives_late_falls_into_its_place(memory: Memory) -> None:
    rome = memory.assert_fact("Ann", "lives_in", "Rome", valid_from=days(-30)).record
    late = memory.assert_fact("Ann", "lives_in", "Bonn", valid_from=days(-90))
    assert (late.closed, late.record.state, late.record.superseded_by) == (
        (), "superseded", rome.id,
    )  # fmt: skip
    assert [fact.object for fact in memory.facts(subject="Ann")] == ["Rome"]


def test_what_is_said_again_is_known(memory: Memory) -> None:
    first = memory.assert_fact("Ann", "likes", "tea")
    again = memory.assert_fact("Ann", "likes", "tea")
    assert (again.status, again.record.id) == ("duplicate", first.record.id)
    met = memory.assert_fact("Ann", "knows", "Bob")
    assert memory.assert_fact("Bob", "knows", "Ann").record.id == met.record.id
    assert memory.assert_fact("Bob", "knows", "Cyd").status == "stored"


def test_a_text_is_no_copy_of_a_fact(memory: Memory) -> None:
    fact = memory.assert_fact("Ann", "lives_in", "Bonn", content="Ann lives in Bonn, by the river")
    text = memory.remember("Ann lives in Bonn, by the river", kind="fact")
    near = memory.remember("Ann lives in Bonn by the river", kind="fact")
    assert fact.record.id not in (text.matched, near.matched)
    assert memory.get(fact.record.id).state == "active"


def test_a_correction_says_that_it_was_never_so(memory: Memory) -> None:
    old = memory.assert_fact("Ann", "lives_in", "Bohn", valid_from=days(-90)).record
    done = memory.correct_fact(old.id, object="Bonn")
    assert (done.status, done.closed, done.record.supersedes) == ("corrected", (old.id,), old.id)
    believed = memory.facts(subject="Ann", as_of=days(-40), known_at=old.created_at)
    assert [fact.object for fact in believed] == ["Bohn"]
    assert [fact.object for fact in memory.facts(subject="Ann", as_of=days(-40))] == ["Bonn"]
    again = memory.undo(done.record.id)
    assert [fact.object for fact in memory.facts(subject="Ann")] == ["Bohn"]
    assert again.record.id not in (old.id, done.record.id)
    with pytest.raises(InvalidInput, match="withdrawn before"):
        memory.undo(done.record.id)
    with pytest.raises(InvalidInput, match="says what the fact says"):
        memory.correct_fact(again.record.id, object="Bohn")


def test_what_joins_two_holds_for_both(memory: Memory) -> None:
    memory.assert_fact("Ann", "married_to", "Bob", valid_from=days(-90))
    (fact,) = memory.facts(subject="Bob")
    assert (fact.subject, fact.predicate, fact.object, fact.mirrored) == (
        "Bob", "married_to", "Ann", True,
    )  # fmt: skip
    (fact,) = memory.facts(object="Ann")
    assert (fact.subject, fact.object) == ("Bob", "Ann")
    later = memory.assert_fact("Cyd", "married_to", "Bob", valid_from=days(-30))
    assert memory.facts(subject="Ann") == []
    assert [fact.object for fact in memory.facts(subject="Bob")] == ["Cyd"]
    memory.undo(later.record.id)
    assert [fact.object for fact in memory.facts(subject="Ann")] == ["Bob"]
    assert memory.facts(subject="Ann", object="Ann") == []
    assert len(memory.facts(subject="Bob", object="Ann")) == 1


def test_what_ends_a_fact_that_ended_another_lets_that_one_hold_again(memory: Memory) -> None:
    first = memory.assert_fact("Ann", "married_to", "Bob", valid_from=days(-90)).record
    second = memory.assert_fact("Bob", "married_to", "Cyd", valid_from=days(-60))
    assert second.closed == (first.id,)
    third = memory.assert_fact("Cyd", "married_to", "Dan", valid_from=days(-30))
    assert (third.closed, third.reopened) == ((second.record.id,), (first.id,))
    assert [fact.object for fact in memory.facts(subject="Ann")] == ["Bob"]
    assert memory.get(first.id).state == "active"


def test_forgetting_and_erasing_a_fact_lets_the_one_before_hold_again(memory: Memory) -> None:
    bonn = memory.assert_fact("Ann", "lives_in", "Bonn", valid_from=days(-90)).record
    rome = memory.assert_fact("Ann", "lives_in", "Rome", valid_from=days(-30)).record
    memory.forget(rome.id)
    assert memory.get(bonn.id).state == "active"
    assert memory.restore(rome.id).state == "active"
    assert memory.get(bonn.id).superseded_by == rome.id
    assert memory.erase(rome.id).erased == (rome.id,)
    held = memory.get(bonn.id)
    assert (held.state, held.superseded_by) == ("active", None)
    fixed = memory.correct_fact(bonn.id, object="Berlin").record
    assert set(memory.erase(fixed.id).erased) == {fixed.id, bonn.id}
    assert memory.facts(subject="Ann", history=True) == []


def test_a_withdrawn_fact_stays_withdrawn_when_it_is_restored(memory: Memory) -> None:
    old = memory.assert_fact("Ann", "lives_in", "Bonn").record
    memory.retract_fact(old.id)
    memory.forget(old.id)
    assert memory.restore(old.id).state == "superseded"
    assert memory.facts(subject="Ann") == []


def test_a_fact_is_corrected_as_one_and_a_text_is_not(memory: Memory) -> None:
    fact = memory.assert_fact("Ann", "lives_in", "Bonn").record
    with pytest.raises(InvalidInput, match="correct_fact"):
        memory.correct(fact.id, "Ann lives in Rome")
    text = memory.remember("Ann lives in Bonn", kind="fact").record
    for call in (memory.retract_fact, memory.undo, memory.correct_fact):
        change: Callable[[str], object] = call
        with pytest.raises(InvalidInput, match="no fact"):
            change(text.id)
    with pytest.raises(RecordNotFound):
        memory.undo("01890a5d-ac96-774b-bcce-b302099a8057")
    with pytest.raises(InvalidInput, match="valid_to must be after"):
        memory.assert_fact("Ann", "lives_in", "Bonn", valid_from=days(0), valid_to=days(0))


def test_a_timeline_tells_what_began_and_ended_in_order(memory: Memory) -> None:
    memory.assert_fact("Ann", "lives_in", "Rome", valid_from=days(-30))
    memory.assert_fact("Ann", "lives_in", "Bonn", valid_from=days(-90))
    memory.assert_fact("Bob", "likes", "Ann", valid_from=days(-60), valid_to=days(-50))
    memory.assert_fact("Bob", "likes", "tea", valid_from=days(-60))
    told = [(m.at, m.what, m.fact.object) for m in memory.timeline("Ann") if m.fact is not None]
    assert told == [
        (days(-90), "begins", "Bonn"),
        (days(-60), "begins", "Ann"),
        (days(-50), "ends", "Ann"),
        (days(-30), "ends", "Bonn"),
        (days(-30), "begins", "Rome"),
    ]
    part = memory.timeline("Ann", since=days(-60), until=days(-30), limit=1)
    assert [(moment.at, moment.what) for moment in part] == [(days(-60), "begins")]
    with pytest.raises(InvalidInput, match="until must be after"):
        memory.timeline(since=days(0), until=days(0))


def test_a_timeline_of_a_scope_tells_its_records_by_when_they_happened(memory: Memory) -> None:
    memory.remember("The move", occurred_at=days(-20))
    memory.remember("The sale", occurred_at=days(-40))
    memory.remember("A note of today")
    memory.forget(memory.remember("Never mind", occurred_at=days(-30)).id)
    told = [moment.record.content for moment in memory.timeline()]
    assert told == ["The sale", "The move", "A note of today"]
    assert [m.record.content for m in memory.timeline(since=days(-30), until=days(-1))] == [
        "The move"
    ]


def test_places_hold_facts_of_their_own(memory: Memory) -> None:
    memory.assert_fact("Ann", "lives_in", "Bonn", valid_from=days(-2))
    here = memory.at(project="p", agent="bob")
    here.assert_fact("Ann", "lives_in", "Rome", valid_from=days(-1), private=True)
    assert [fact.object for fact in memory.facts(subject="Ann")] == ["Bonn"]
    assert [fact.object for fact in here.facts(subject="Ann")] == ["Rome", "Bonn"]
    assert memory.facts(subject="Ann", reach="subtree", object="Rome") == []
    assert [fact.object for fact in here.facts(subject="Ann", reach="exact")] == ["Rome"]


def test_a_fact_that_goes_elsewhere_lets_the_one_before_hold_again(memory: Memory) -> None:
    ann = memory.at(agent="ann")
    bonn = ann.assert_fact("Ann", "lives_in", "Bonn", valid_from=days(-2)).record
    rome = ann.assert_fact("Ann", "lives_in", "Rome", valid_from=days(-1)).record
    ann.update(rome.id, private=True)
    assert (ann.get(bonn.id).state, ann.get(rome.id).state) == ("active", "active")
    assert [fact.object for fact in memory.facts(subject="Ann")] == ["Bonn"]
    ann.update(rome.id, private=False)
    assert ann.get(bonn.id).superseded_by == rome.id
    ann.update(rome.id, tags=["msg:news"])
    assert ann.get(bonn.id).state == "active"


def test_predicates_are_declared_for_a_namespace(memory: Memory) -> None:
    memory.assert_fact("Ann", "drives", "a bus", valid_from=days(-2))
    memory.assert_fact("Ann", "drives", "a tram", valid_from=days(-1))
    assert len(memory.facts(subject="Ann")) == 2
    assert memory.declare_predicate("Drives", single=True).declared
    assert [fact.object for fact in memory.facts(subject="Ann")] == ["a tram"]
    assert [record.object for record in memory.list()] == ["a tram"]
    known = {rule.name: rule for rule in memory.predicates()}
    assert known["drives"].declared
    assert (known["married_to"].single, known["married_to"].symmetric) == (True, True)


def test_a_store_that_is_only_read_shows_what_holds(store: Path) -> None:
    with Memory.open(str(store), embedder="none") as memory:
        bonn = memory.assert_fact("Ann", "lives_in", "Bonn", valid_from=days(-2)).record
        memory.assert_fact("Ann", "lives_in", "Rome", valid_from=days(-1))
    _write(store, bonn.id, state="active", superseded_by=None, superseded_at=None)
    with Memory.open(str(store), embedder="none", read_only=True) as memory:
        assert [hit.record.object for hit in memory.recall("Ann lives")] == ["Rome"]
        stretches = memory.facts(subject="Ann", history=True)
        assert [fact.record.state for fact in stretches] == ["superseded", "active"]
        assert memory.get(bonn.id).state == "active"


def _write(store: Path, id_: str, **changed: object) -> None:
    async def run() -> None:
        async with AsyncMemory.open(str(store), embedder="none") as memory:
            held = await memory.get(id_)
            new = replace(held, version=held.version + 1, **changed)  # type: ignore[arg-type]
            await memory._engine.backend.write([Patch(new, held.version)])

    asyncio.run(run())


class Piecemeal(ToyBackend):
    """A backend that carries operations out one by one, with others' in between."""

    @property
    def capabilities(self) -> Capabilities:
        return replace(super().capabilities, atomic_batch=False)

    async def write(self, batch: Sequence[Operation]) -> list[WriteResult]:
        done: list[WriteResult] = []
        for operation in batch:
            done += await super().write([operation])
            await asyncio.sleep(0)
        return done


def test_writers_leave_one_current_value_where_no_batch_is_atomic(tmp_path: Path) -> None:
    async def run(memory: AsyncMemory) -> None:
        await asyncio.gather(*(race(memory, writer) for writer in range(WRITERS)))
        (current,) = await memory.facts(subject="Ann")
        assert [record.id for record in await memory.list(limit=100)] == [current.id]
        await follow(memory, random_steps(7, 12), name=" 7")

    async def main() -> None:
        backend = Piecemeal(tmp_path / "store")
        info = await backend.open(StoreSpec(None, ANALYZER))
        engine = Engine(backend, Vectorizer(None), load_settings().settings, info)
        try:
            await run(AsyncMemory(engine, Scope()))
        finally:
            await engine.close()

    asyncio.run(main())
