"""The theme of profiles: constraints ride along, and what is known is known to whom it may be."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from memkit.scope import Scope
from memkit.testing.suite import Suite, on_memory

if TYPE_CHECKING:
    from memkit.memory import AsyncMemory
    from memkit.types import RecallResult


class ProfileTests(Suite):
    """Constraints with every recall, and profiles, as they are at the moment."""

    @on_memory
    async def test_constraints_ride_along_with_every_recall(self, memory: AsyncMemory) -> None:
        kept = await memory.remember("Tests come first.", kind="constraint", deduplicate="off")
        rule = await memory.remember("Nothing leaves.", kind="constraint", deduplicate="off")
        between = datetime.now(UTC)
        assert _told(await memory.recall("x")) == ["Nothing leaves.", "Tests come first."]
        await memory.pin(kept.id)
        assert _told(await memory.recall("x")) == ["Tests come first.", "Nothing leaves."]
        await memory.correct(rule.id, "Little leaves.")
        assert _told(await memory.recall("x")) == ["Tests come first.", "Little leaves."]
        then = await memory.recall("x", as_of=between)
        assert sorted(_told(then)) == ["Nothing leaves.", "Tests come first."]
        await memory.forget(kept.id)
        assert _told(await memory.recall("x")) == ["Little leaves."]
        assert _told(await memory.recall("x", constraints=False)) == []

    @on_memory
    async def test_constraints_and_profiles_keep_to_their_scope(self, memory: AsyncMemory) -> None:
        ann, ben = (memory.at(project="a", agent=name) for name in ("ann", "ben"))
        other, stranger = memory.at(project="b"), memory.within(Scope("another"))
        await memory.remember("All keep this.", kind="constraint")
        await ann.remember("The project keeps this.", kind="constraint")
        await ann.remember("Ann keeps this alone.", kind="constraint", private=True)
        await ann.remember("Ann likes this alone.", kind="preference", private=True)
        for _ in range(2):
            assert len(_told(await ann.recall("x"))) == 3
            assert len(_told(await ben.recall("x"))) == 2
            assert _told(await other.recall("x")) == ["All keep this."]
            assert _told(await stranger.recall("x")) == []
            assert len((await ann.profile()).preferences) == 1
            for handle in (ben, other, stranger):
                assert "alone" not in (await handle.profile()).text

    @on_memory
    async def test_a_profile_tells_what_is_known_now(self, memory: AsyncMemory) -> None:
        await memory.remember("Likes tea.", kind="preference", confidence=0.6)
        likes = await memory.add_to_profile("Answers are short.")
        await memory.assert_fact(
            "Ann", "lives_in", "Bonn", valid_from=datetime(2020, 1, 1, tzinfo=UTC)
        )
        await memory.assert_fact("Ann", "lives_in", "Rome")
        known = await memory.profile()
        assert [entry.text for entry in known.preferences] == ["Answers are short.", "Likes tea."]
        assert [entry.object for entry in known.facts["lives_in"]] == ["Rome"]
        await memory.remove_from_profile(likes.id)
        known = await memory.profile(subject="Ann")
        assert [entry.text for entry in known.preferences] == ["Likes tea."]
        assert [entry.object for entry in known.facts["lives_in"]] == ["Rome"]


def _told(result: RecallResult) -> list[str]:
    return [record.content for record in result.constraints]
