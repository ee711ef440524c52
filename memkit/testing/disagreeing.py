"""The theme of contradictions: kept once, seen by whoever may read both records, gone with one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memkit.scope import SYSTEM_NAMESPACE, Scope
from memkit.testing.suite import Suite, on_memory

if TYPE_CHECKING:
    from memkit.memory import AsyncMemory

ENABLED, DISABLED = "The cache is enabled.", "The cache is disabled."
ALL = ("open", "resolved", "dismissed", "closed")


class ContradictionTests(Suite):
    """Records that cannot both be right, on whatever store."""

    @on_memory
    async def test_a_contradiction_is_kept_once_settled_and_taken_back(
        self, memory: AsyncMemory
    ) -> None:
        older = (await memory.remember(ENABLED)).id
        newer = (await memory.remember(DISABLED)).id
        assert (await memory.reconcile()).found == 1
        assert (await memory.reconcile()).found == 0
        (found,) = await memory.contradictions()
        assert (found.older.id, found.newer.id, found.status) == (older, newer, "open")
        assert [each.kind for each in found.evidence] == ["negation"]
        assert await memory.count() == 2, "a contradiction is counted as a memory"

        await memory.resolve(found.id, keep=newer)
        assert (await memory.get(older)).superseded_by == newer
        assert await memory.contradictions() == []
        await memory.reopen(found.id)
        assert (await memory.get(older)).state == "active"

        await memory.resolve(found.id)
        assert (await memory.reconcile()).found == 0
        (dismissed,) = await memory.contradictions(states="dismissed")
        assert [each.what for each in dismissed.decisions] == ["keep", "reopen", "both"]

    @on_memory
    async def test_a_contradiction_is_seen_by_whoever_may_read_both(
        self, memory: AsyncMemory
    ) -> None:
        ann = memory.at(project="shop", agent="ann")
        for text in (ENABLED, DISABLED):
            await ann.remember(text, private=True)
        await memory.at(project="shop").remember(ENABLED)
        await memory.at(project="shop", task="t").remember(DISABLED)
        elsewhere = memory.within(Scope("another"))
        await elsewhere.remember(DISABLED)
        assert (await memory.reconcile()).found == 0
        assert (await ann.reconcile()).found == 1
        (found,) = await ann.contradictions()
        for other in (memory, memory.at(project="shop"), elsewhere):
            assert await other.contradictions(reach="subtree", states=ALL) == []
            assert await other.contradictions(ids=found.id, states=ALL) == []

    @on_memory
    async def test_a_contradiction_is_gone_with_either_record(self, memory: AsyncMemory) -> None:
        older = (await memory.remember(ENABLED)).id
        newer = (await memory.remember(DISABLED)).id
        await memory.reconcile()
        (found,) = await memory.contradictions()
        await memory.erase(older)
        assert await memory.contradictions(states=ALL) == []
        assert (await memory.get(newer)).links == ()
        backend = memory._engine.backend
        assert await backend.get(SYSTEM_NAMESPACE, (found.id,)) == {}
