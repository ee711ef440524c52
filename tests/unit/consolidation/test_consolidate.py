"""What a consolidation makes, of what, for whom; and that it can be taken back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from memkit import Draft, Memory
from memkit.errors import InvalidInput, LanguageModelUnavailable
from memkit.filters import Eq
from tests.unit.consolidation.stories import (
    LONG_AGO,
    cats,
    deploys,
    everything,
    exported,
    made,
    talk,
)

#: All but dossiers: whom a text names is another matter.
NEAR = ("clusters", "episodes")


def test_near_records_become_a_summary_in_their_own_words(memory: Memory) -> None:
    ids = [
        done.id
        for done in memory.remember_many(
            [
                *deploys(4, confidence=0.9, tags=["ops", "x"]),
                Draft("Nothing like the others at all", tags=["ops"]),
            ]
        )
    ]
    done = memory.consolidate(what=NEAR)
    assert (done.clusters, done.episodes, done.records, done.made) == (1, 0, 4, 1)
    assert done.run is not None
    assert not done.more
    (summary,) = made(memory, "summary")
    assert [each.id for each in done.summaries] == [summary.id]
    assert done.summaries[0].sources == 4
    texts = {memory.get(id_).content for id_ in ids[:4]}
    assert set(summary.content.splitlines()) <= texts
    assert {(link.type, link.target) for link in summary.links} == {
        ("derived_from", id_) for id_ in ids[:4]
    }
    assert summary.confidence == 0.9
    assert summary.tags == ("ops", "x")
    assert summary.run == done.run
    assert summary.metadata == {"records": 4, "written_by": "extraction"}
    sources = [memory.get(id_) for id_ in ids]
    assert [record.summarized_by for record in sources] == [*[summary.id] * 4, None]
    assert [record.version for record in sources] == [1] * 5
    assert all(record.updated_at == record.created_at for record in sources)


def test_a_summary_comes_before_what_it_speaks_for(memory: Memory) -> None:
    memory.remember_many(deploys(4))
    memory.consolidate(what=NEAR)
    (summary,) = made(memory, "summary")
    first, *others = memory.recall("deploy pipeline of the billing service", diverse=False)
    assert first.record.id == summary.id
    assert len(others) == 4


def test_a_second_run_does_only_what_is_new(memory: Memory) -> None:
    memory.remember_many(deploys())
    memory.consolidate(what=NEAR)
    again = memory.consolidate(what=NEAR)
    assert (again.run, again.made, again.records) == (None, 0, 0)
    assert len(memory.runs()) == 1
    memory.remember_many(cats())
    third = memory.consolidate(what=NEAR)
    assert (third.made, third.records) == (1, 4)
    assert "Felix" in third.summaries[0].content
    assert len(made(memory, "summary")) == 2


def test_a_dry_run_tells_what_would_be_made_and_stores_nothing(
    memory: Memory, tmp_path: Path
) -> None:
    memory.remember_many([*deploys(), *talk("trip", 5)])
    before = exported(memory, tmp_path)
    told = memory.consolidate(what=NEAR, dry_run=True)
    assert exported(memory, tmp_path) == before
    assert memory.runs() == []
    done = memory.consolidate(what=NEAR)
    assert (told.run, told.dry_run) == (None, True)
    assert told.summaries == done.summaries
    assert (told.clusters, told.episodes, told.records) == (1, 1, 9)


def test_it_is_undone_without_a_trace(memory: Memory, tmp_path: Path) -> None:
    memory.remember_many([*deploys(), *cats(), *talk("trip", 9), Draft("Alone")])
    before = exported(memory, tmp_path)
    done = memory.consolidate()
    assert done.run is not None
    assert exported(memory, tmp_path) != before
    run = memory.undo_run(done.run)
    assert run.state == "undone"
    assert exported(memory, tmp_path) == before
    # What it made can be made again.
    again = memory.consolidate()
    assert [each.id for each in again.summaries] == [each.id for each in done.summaries]


def test_a_quiet_conversation_becomes_an_episode(memory: Memory) -> None:
    memory.remember_many(talk("trip", 5))
    done = memory.consolidate(what="episodes")
    (episode,) = made(memory, "episode")
    assert done.summaries[0].id == episode.id
    assert episode.metadata == {
        "conversation_id": "trip",
        "began_at": LONG_AGO.isoformat(),
        "ended_at": (LONG_AGO + timedelta(minutes=4)).isoformat(),
        "speakers": ["Ann", "Bob"],
        "records": 5,
        "written_by": "extraction",
    }
    assert episode.occurred_at == LONG_AGO + timedelta(minutes=4)
    assert (episode.conversation_id, episode.speaker) == (None, None)
    assert "Ann said, " in episode.content
    assert "Turn 0 of trip" in episode.content


def test_a_conversation_that_goes_on_waits(memory: Memory) -> None:
    now = datetime.now(UTC)
    memory.remember_many(talk("now", 5, begun=now - timedelta(minutes=9)))
    # One whose clock was ahead is no more than new.
    memory.remember_many(talk("ahead", 5, begun=now + timedelta(days=400)))
    assert memory.consolidate(what=NEAR).made == 0
    memory.remember_many(talk("two", 2))
    assert memory.consolidate(what=NEAR).made == 0


def test_a_long_conversation_is_cut_where_it_paused(memory: Memory) -> None:
    first = talk("trip", 6)
    later = [
        Draft(
            f"Later turn {n} is about luggage number {n}.",
            conversation_id="trip",
            sequence=6 + n,
            occurred_at=LONG_AGO + timedelta(days=1, minutes=n),
        )
        for n in range(5)
    ]
    late = Draft(
        "One more word.",
        conversation_id="trip",
        sequence=11,
        occurred_at=LONG_AGO + timedelta(days=3),
    )
    memory.remember_many([*first, *later, late])
    done = memory.consolidate(what=NEAR)
    # The last word alone is no episode: it stays with what was before.
    assert [each.sources for each in done.summaries] == [6, 6]
    memory.remember_many(talk("endless", 150, every=1))
    done = memory.consolidate(what=NEAR)
    assert [each.sources for each in done.summaries] == [50, 50, 50]


def test_what_is_never_spoken_for(own: Memory) -> None:
    ann = own.at(agent="ann")
    for n in range(4):
        ann.send("news", f"The deploy pipeline of the billing service failed on host {n}.")
    own.remember_many(deploys(4, kind="constraint"))
    own.remember_many(deploys(4, kind="learning", pinned=True))
    own.remember_many(deploys(4, kind="error", ttl=3600))
    for n in range(4):
        own.assert_fact("billing", "runs_on", f"host {n}", content=f"Billing runs on host {n}.")
    forgotten = own.remember_many(deploys(4, kind="research"))
    for each in forgotten:
        own.forget(each.id)
    assert own.consolidate(what=NEAR).made == 0
    assert all(record.summarized_by is None for record in everything(own))


def test_places_do_not_mix(own: Memory) -> None:
    apollo, zeus = own.at(project="apollo"), own.at(project="zeus")
    ann, bob = apollo.at(agent="ann"), apollo.at(agent="bob")
    for handle, fields in (
        (own, {}),
        (apollo, {}),
        (zeus, {}),
        (apollo.at(task="t"), {}),
        (ann, {"private": True}),
        (bob, {"private": True}),
    ):
        # Each is one too few by itself.
        handle.remember_many(deploys(2, **fields))
    assert own.consolidate(what=NEAR).made == 0
    ann.remember_many([Draft(d.content + " Again!", private=True) for d in deploys(1)])
    assert own.consolidate(what=NEAR).made == 0
    assert bob.consolidate(what=NEAR).made == 0
    done = ann.consolidate(what=NEAR)
    assert done.made == 1
    summary = ann.get(done.summaries[0].id)
    assert (summary.visibility, summary.agent, summary.project) == ("private", "ann", "apollo")
    assert bob.list(kinds="summary").records == ()
    assert own.list(kinds="summary", reach="subtree").records == ()
    # A run below a place does not look above it.
    own.remember_many([Draft(d.content + " Again!") for d in deploys(1)])
    assert apollo.consolidate(what=NEAR).made == 0
    assert own.consolidate(what=NEAR).made == 1


def test_a_namespace_is_a_wall(own: Memory) -> None:
    one, other = own.at(namespace="one"), own.at(namespace="other")
    one.remember_many(deploys(4))
    other.remember_many(deploys(4))
    done = one.consolidate(what=NEAR)
    assert done.records == 4
    assert all(record.summarized_by is None for record in everything(other))
    assert other.consolidate(what=NEAR).records == 4


def test_without_vectors_words_decide(store: Path) -> None:
    with Memory.open(str(store), embedder="none") as memory:
        memory.remember_many([*deploys(), *cats(), Draft("Something else entirely")])
        done = memory.consolidate(what=NEAR)
    assert (done.clusters, done.records) == (2, 8)


def test_a_limit_is_kept_and_the_next_call_goes_on(memory: Memory, tmp_path: Path) -> None:
    memory.remember_many([*deploys(), *cats(), *talk("trip", 4)])
    before = exported(memory, tmp_path)
    first = memory.consolidate(what=NEAR, limit=1)
    assert (first.made, first.more) == (1, True)
    assert memory.runs()[0].state == "interrupted"
    rest = memory.consolidate(what=NEAR)
    assert (rest.run, rest.made, rest.more) == (first.run, 2, False)
    assert (rest.clusters, rest.episodes, rest.records) == (2, 1, 12)
    assert memory.runs()[0].counts["records"] == 12
    memory.undo_run(first.run or "")
    assert exported(memory, tmp_path) == before


def test_small_groups_are_left_unless_asked_for(memory: Memory) -> None:
    memory.remember_many(deploys(2))
    assert memory.consolidate(what=NEAR).made == 0
    assert memory.consolidate(what=NEAR, min_size=2).made == 1


def test_progress_is_told(own: Memory) -> None:
    own.remember_many([*deploys(), *talk("trip", 4)])
    told: list[tuple[int, int | None]] = []
    own.consolidate(progress=lambda done, total: told.append((done, total)))
    assert told[-1][0] == told[-1][1]
    assert [done for done, _ in told] == sorted(done for done, _ in told)


@pytest.mark.parametrize(
    "wrong",
    [
        {"what": "everything"},
        {"what": ()},
        {"what": 3},
        {"min_size": 1},
        {"min_size": 31},
        {"limit": 0},
        {"model": "gpt"},
        {"dry_run": "yes"},
    ],
)
def test_arguments_that_cannot_be(memory: Memory, wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        memory.consolidate(**wrong)  # type: ignore[arg-type]


def test_a_model_that_is_not_there_cannot_be_asked(memory: Memory) -> None:
    with pytest.raises(LanguageModelUnavailable):
        memory.consolidate(model=True)


def test_dossiers_gather_what_is_known_of_an_entity(memory: Memory, tmp_path: Path) -> None:
    memory.remember_many(
        [
            Draft("Yesterday Carla Weber reviewed the plan."),
            Draft("The budget was approved by Carla Weber."),
            Draft("In Bonn we met Carla Weber and her team."),
        ]
    )
    memory.assert_fact("Carla Weber", "lives_in", "Bonn", content="Carla Weber lives in Bonn.")
    before = exported(memory, tmp_path)
    done = memory.consolidate(what=["dossiers"])
    dossiers = memory.list(kinds="dossier", filter=Eq("metadata.entity", "Carla Weber")).records
    assert len(dossiers) == 1
    text = dossiers[0].content
    assert text.startswith("Carla Weber:\nCarla Weber lives in Bonn.\n")
    assert "reviewed the plan" in text
    # A view of records speaks for none of them.
    assert all(record.summarized_by is None for record in everything(memory))
    assert memory.consolidate(what="dossiers").made == 0
    # Once more is known it is made anew, in the place of the one before.
    memory.remember("Later Carla Weber left for Rome.")
    anew = memory.consolidate(what="dossiers")
    (newer,) = memory.list(kinds="dossier", filter=Eq("metadata.entity", "Carla Weber")).records
    assert newer.id != dossiers[0].id
    assert "left for Rome" in newer.content
    assert memory.get(dossiers[0].id).state == "archived"
    memory.undo_run(anew.run or "")
    (back,) = memory.list(kinds="dossier", filter=Eq("metadata.entity", "Carla Weber")).records
    assert back.id == dossiers[0].id
    memory.undo_run(done.run or "")
    assert exported(memory, tmp_path)[: len(before)] == before


def test_erasing_a_source_erases_what_quotes_it(memory: Memory, tmp_path: Path) -> None:
    first, *others = [done.id for done in memory.remember_many(deploys(4))]
    memory.consolidate(what=NEAR)
    (summary,) = made(memory, "summary")
    receipt = memory.erase(first)
    assert set(receipt.erased) == {first, summary.id}
    assert [memory.get(id_).summarized_by for id_ in others] == [None] * 3
    assert "host 0" not in str(exported(memory, tmp_path))
    # What is left belongs together as before.
    assert memory.consolidate(what=NEAR).records == 3
