"""The theme of consolidation: summaries beside their sources, made once, taken back wholly."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from memkit.drafts import Draft
from memkit.protocols import Patch
from memkit.testing.suite import Suite, on_memory
from memkit.types import State

if TYPE_CHECKING:
    from memkit.memory import AsyncMemory

NEAR = ("clusters", "episodes")


def _notes(count: int) -> list[Draft]:
    return [
        Draft(f"the deploy pipeline of the billing service failed on host {n}")
        for n in range(count)
    ]


async def _held(memory: AsyncMemory) -> dict[str, dict[str, Any]]:
    """All that is stored, by id, but for what recalls count."""
    found = await memory.list(states=list(State), reach="subtree", limit=1000)
    names = ("content", "state", "version", "updated_at", "links", "summarized_by", "archived_by")
    return {record.id: {name: getattr(record, name) for name in names} for record in found}


class ConsolidationTests(Suite):
    """Clusters by words, since the memories of this suite have no embedder."""

    @on_memory
    async def test_near_records_get_one_summary_and_undoing_leaves_no_trace(
        self, memory: AsyncMemory
    ) -> None:
        await memory.remember_many([*_notes(4), Draft("nothing of the kind")])
        turns = [
            Draft(f"turn {n} of a talk", conversation_id="talk", sequence=n, speaker="ann")
            for n in range(3)
        ]
        await memory.remember_many(turns)
        before = await _held(memory)
        done = await memory.consolidate(what=NEAR)
        # The talk goes on still.
        assert (done.clusters, done.episodes, done.records) == (1, 0, 4)
        (summary,) = await memory.list(kinds="summary")
        by = {id_: each["summarized_by"] for id_, each in (await _held(memory)).items()}
        marked = sorted(id_ for id_, said in by.items() if said is not None)
        assert marked == sorted(link.target for link in summary.links)
        assert {by[id_] for id_ in marked} == {summary.id}
        assert (await memory.consolidate(what=NEAR)).made == 0
        assert done.run is not None
        await memory.undo_run(done.run)
        assert await _held(memory) == before

    @on_memory
    async def test_marks_and_summaries_that_a_crash_left_out_are_made_once(
        self, memory: AsyncMemory
    ) -> None:
        others = [
            Draft(f"a grey cat wants tuna for dinner at {n} every single day") for n in range(3)
        ]
        await memory.remember_many([*_notes(3), *others])
        first = await memory.consolidate(what=NEAR, limit=1)
        assert (first.made, first.more) == (1, True)
        (summary,) = await memory.list(kinds="summary")
        # As a writer leaves it that ended between the summary and the last of its marks.
        target = await memory.get(summary.links[0].target)
        await memory._engine.backend.write(
            [Patch(replace(target, summarized_by=None), target.version)]
        )
        done = await memory.consolidate(what=NEAR)
        assert (done.run, done.made, done.clusters, done.records) == (first.run, 1, 2, 6)
        assert (await memory.get(target.id)).summarized_by == summary.id
        assert len(await memory.list(kinds="summary")) == 2

    @on_memory
    async def test_places_do_not_mix(self, memory: AsyncMemory) -> None:
        apollo = memory.at(project="apollo")
        ann = apollo.at(agent="ann")
        notes = [draft.content for draft in _notes(6)]
        await memory.remember_many([Draft(text) for text in notes[:2]])
        await apollo.remember_many([Draft(text) for text in notes[2:4]])
        await ann.remember_many([Draft(text, private=True) for text in notes[4:]])
        assert (await ann.consolidate(what=NEAR)).made == 0
        assert (await memory.consolidate(what=NEAR)).made == 0
        await ann.remember(notes[0], private=True)
        done = await ann.consolidate(what=NEAR)
        assert (done.made, done.records) == (1, 3)
        (summary,) = await ann.list(kinds="summary")
        assert (summary.visibility, summary.agent, summary.project) == ("private", "ann", "apollo")
        assert len(await apollo.list(kinds="summary")) == 0
