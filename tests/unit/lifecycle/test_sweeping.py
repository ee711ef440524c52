"""Sweeps: what has decayed is told, archived and brought back."""

from datetime import timedelta

import pytest

from memkit import Memory
from memkit.clock import utc_now
from memkit.errors import InvalidInput, RecordNotFound, RunNotFound
from memkit.filters import Eq
from tests.unit.lifecycle.aging import aged, states


def test_a_dry_run_tells_what_has_decayed_and_why_and_changes_nothing(memory: Memory) -> None:
    old, weak, young = aged(
        memory,
        {"content": "the old note", "days": 150},
        {"content": "a handoff", "kind": "handoff", "confidence": 0.6, "days": 120},
        {"content": "a young note", "days": 30},
    )
    before = [memory.get(id_) for id_ in (old, weak, young)]
    swept = memory.sweep()
    assert (swept.dry_run, swept.run, swept.archived) == (True, None, 2)
    assert swept.counts == {"handoff": 1, "note": 1}
    assert [each.id for each in swept.records] == [weak, old]
    _, note = swept.records
    assert (note.kind, note.half_life_days, note.excerpt) == ("note", 60, "the old note")
    assert note.why == {"confidence": 0.5, "age": pytest.approx(2 ** (-150 / 60), rel=1e-3)}
    assert note.strength == pytest.approx(0.5 * 2 ** (-150 / 60), rel=1e-3)
    assert note.age_days == pytest.approx(150, abs=0.1)
    assert [memory.get(id_) for id_ in (old, weak, young)] == before
    assert memory.runs() == []


def test_what_is_archived_leaves_recall_and_is_found_when_asked_for(memory: Memory) -> None:
    old, young = aged(
        memory,
        {"content": "the boiler was mended by Ines", "days": 200},
        {"content": "the boiler leaks again", "days": 1},
    )
    swept = memory.sweep(dry_run=False)
    assert swept.archived == 1
    record = memory.get(old)
    assert (record.state, record.archived_by) == ("archived", swept.run)
    assert record.archived_at is not None
    assert [hit.record.id for hit in memory.recall("boiler")] == [young]
    both = {hit.record.id for hit in memory.recall("boiler", states=["active", "archived"])}
    assert both == {old, young}
    assert [record.id for record in memory.list()] == [young]
    assert [record.id for record in memory.list(states="archived")] == [old]
    assert memory.sweep(dry_run=False).archived == 0


def test_undoing_a_sweep_leaves_everything_as_it_was(memory: Memory) -> None:
    ids = aged(
        memory,
        {"content": "one", "days": 300, "tags": ["x"], "metadata": {"n": 1}},
        {"content": "two", "days": 400, "kind": "observation", "uses": 2},
        {"content": "three", "days": 1},
    )
    memory.link(ids[2], ids[0])
    before = [memory.get(id_) for id_ in ids]
    swept = memory.sweep(dry_run=False)
    assert states(memory, ids) == ["archived", "archived", "active"]
    (run,) = memory.runs()
    assert (run.id, run.operation, run.state) == (swept.run, "sweep", "done")
    assert run.counts == {"note": 1, "observation": 1}
    undone = memory.undo_run(run.id)
    assert (undone.state, undone.counts["restored"], undone.counts["erased"]) == ("undone", 2, 0)
    after = [memory.get(id_) for id_ in ids]
    names = ("content", "state", "updated_at", "tags", "metadata", "links", "uses", "archived_by")
    for was, now in zip(before, after, strict=True):
        assert [getattr(was, name) for name in names] == [getattr(now, name) for name in names]
        assert now.archived_at is None
    assert memory.undo_run(run.id).counts["restored"] == 2
    # As old as before, so that the next sweep takes them again.
    assert memory.sweep().archived == 2
    with pytest.raises(RunNotFound):
        memory.undo_run(ids[0])


def test_what_a_sweep_never_takes(memory: Memory) -> None:
    ancient = utc_now() - timedelta(days=4000)
    kept = aged(
        memory,
        {"content": "pinned", "days": 4000, "pinned": True},
        *(
            {"content": f"a {kind}", "days": 4000, "kind": kind}
            for kind in ("constraint", "decision", "preference", "antipattern", "fact")
        ),
        {"content": "a message", "days": 4000, "kind": "message"},
        {"content": "a note on a channel", "days": 4000, "tags": ["msg:ops"]},
        {"content": "sure of little, but new", "days": 1, "confidence": 0.05},
        {"content": "used a day ago", "days": 4000, "uses": 1, "used_at": utc_now().isoformat()},
    )
    fact = memory.assert_fact("Ada", "lives_in", "London", valid_from=ancient).record.id
    assert memory.sweep(now=utc_now() + timedelta(days=30)).records == ()
    assert memory.sweep(dry_run=False).archived == 0
    assert set(states(memory, [*kept, fact])) == {"active"}
    (held,) = memory.facts(subject="Ada")
    assert held.object == "London"


def test_use_and_feedback_keep_a_record_longer(memory: Memory) -> None:
    # 0.5 is a tenth after 139 days of a note; with 20 uses after three times as many.
    days = {"content": "plain", "days": 150}, {"content": "used", "days": 150, "uses": 20}
    plain, used = aged(memory, *days)
    (praised,) = aged(memory, {"content": "praised", "days": 150, "useful": 9})
    assert [each.id for each in memory.sweep().records] == [plain]
    later = {each.id: each for each in memory.sweep(now=utc_now() + timedelta(days=280)).records}
    assert set(later) == {plain, used, praised}
    assert later[used].half_life_days == 180
    assert later[praised].why["quality"] == pytest.approx(1.9)


def test_kinds_reach_and_limit_narrow_a_sweep(memory: Memory) -> None:
    aged(memory, {"content": "top", "days": 500}, {"content": "h", "kind": "handoff", "days": 400})
    (inner,) = aged(memory, {"content": "in a project", "days": 300, "project": "p"})
    assert memory.sweep().archived == 3
    assert memory.sweep(kinds="handoff").counts == {"handoff": 1}
    assert memory.sweep(reach="exact").archived == 2
    assert [each.id for each in memory.at(project="p").sweep().records] == [inner]
    assert memory.sweep(dry_run=False, limit=1).archived == 1
    assert memory.sweep().archived == 2


def test_a_sweep_refuses_what_makes_no_sense(memory: Memory) -> None:
    with pytest.raises(InvalidInput, match="dry_run"):
        memory.sweep(dry_run=False, now=utc_now() + timedelta(days=1))
    with pytest.raises(InvalidInput):
        memory.sweep(limit=0)
    with pytest.raises(InvalidInput):
        memory.sweep(reach="everywhere")
    with pytest.raises(InvalidInput):
        memory.sweep(kinds=[])
    assert memory.runs() == []


def test_a_clock_set_back_archives_and_resurrects_nothing(memory: Memory) -> None:
    old, young = aged(memory, {"content": "old", "days": 300}, {"content": "young", "days": 2})
    memory.sweep(dry_run=False)
    assert memory.sweep(dry_run=False, now=utc_now() - timedelta(days=3000)).archived == 0
    assert states(memory, [old, young]) == ["archived", "active"]


def test_other_agents_private_records_are_left_alone(memory: Memory) -> None:
    (mine,) = aged(
        memory.at(agent="ann"),
        {"content": "hers", "days": 300, "agent": "ann", "visibility": "private"},
    )
    assert memory.sweep(dry_run=False).archived == 0
    swept = memory.at(agent="ann").sweep(dry_run=False)
    assert [each.id for each in swept.records] == [mine]
    assert memory.runs()[0].id != swept.run
    assert swept.run is not None
    with pytest.raises(RunNotFound):
        memory.at(agent="bob").undo_run(swept.run)
    memory.at(agent="ann").undo_run(swept.run)
    assert memory.at(agent="ann").get(mine).state == "active"


def test_a_record_is_archived_and_restored_by_hand(memory: Memory) -> None:
    id_ = memory.remember("the spare key hangs in the shed").id
    archived = memory.archive(id_)
    assert (archived.state, archived.archived_by) == ("archived", None)
    assert memory.archive(id_) == memory.get(id_) == archived
    assert len(memory.recall("spare key")) == 0
    restored = memory.restore(id_)
    assert (restored.state, restored.archived_at) == ("active", None)
    assert len(memory.recall("spare key")) == 1
    memory.forget(id_)
    with pytest.raises(InvalidInput):
        memory.archive(id_)
    with pytest.raises(RecordNotFound):
        memory.at(project="p").archive("00000000-0000-7000-8000-000000000000")


def test_the_same_told_again_while_it_is_archived_is_a_new_record(memory: Memory) -> None:
    first = memory.remember("the gate squeaks")
    memory.archive(first.id)
    again = memory.remember("the gate squeaks")
    assert (again.status, again.id != first.id) == ("stored", True)


def test_what_was_told_again_meanwhile_stays_beside_what_comes_back(memory: Memory) -> None:
    (old,) = aged(memory, {"content": "the gate squeaks", "days": 300})
    swept = memory.sweep(dry_run=False)
    new = memory.remember("the gate squeaks").id
    assert swept.run is not None
    memory.undo_run(swept.run)
    assert states(memory, [old, new]) == ["active", "active"]


def test_a_turn_lends_its_words_no_more_and_lends_them_again(memory: Memory) -> None:
    turns = [("who fed the parrot", 300), ("it was Ines", 1)]
    first, second = aged(
        memory,
        *(
            {"content": text, "days": days, "conversation_id": "c", "sequence": n}
            for n, (text, days) in enumerate(turns)
        ),
    )
    # An import does not lend; a change of the first turn does.
    memory.update(first, content="who fed the grey parrot")
    aged_again = memory.sweep(now=utc_now() + timedelta(days=200), kinds="note")
    assert {each.id for each in aged_again.records} >= {first}

    def found() -> list[str]:
        return [hit.record.id for hit in memory.recall("parrot", mode="lexical")]

    assert found() == [first, second]
    memory.archive(first)
    assert found() == []
    memory.restore(first)
    assert found() == [first, second]


def test_events_tell_of_what_is_archived_and_comes_back(local: Memory) -> None:
    (old,) = aged(local, {"content": "old", "days": 300})
    with local.watch() as events:
        swept = local.sweep(dry_run=False)
        assert swept.run is not None
        told = next(events)
        assert (told.type, told.id) == ("updated", old)
        local.undo_run(swept.run)
        told = next(events)
        assert (told.type, told.id) == ("restored", old)


def test_a_policy_says_what_a_sweep_takes(memory: Memory) -> None:
    note, decision = aged(
        memory,
        {"content": "a note", "days": 30},
        {"content": "a decision", "kind": "decision", "confidence": 0.85, "days": 100},
    )
    assert memory.sweep().archived == 0
    memory.set_policy("note", half_life_days=5)
    assert [each.id for each in memory.sweep().records] == [note]
    memory.set_policy("note", archive=False)
    memory.set_policy("decision", half_life_days=20, archive=True)
    assert [each.id for each in memory.sweep().records] == [decision]
    memory.set_policy(None, archive_after=6)
    assert memory.sweep().archived == 0
    memory.set_policy(None, archive_after=0, archive_below=0.03)
    assert [each.id for each in memory.sweep().records] == [decision]
    assert memory.list(filter=Eq("kind", "decision")).records[0].state == "active"
