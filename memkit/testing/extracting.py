"""The theme of extraction: by rules, once, linked to its source, undone and erased with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memkit.testing.suite import Suite, on_memory

if TYPE_CHECKING:
    from memkit.memory import AsyncMemory

TEXT = "I moved to Porto in May. I love hiking. We decided to use trams."


class ExtractionTests(Suite):
    """What a text says is kept beside it, whatever the backend."""

    @on_memory
    async def test_what_a_text_says_is_extracted_once_and_undone(self, memory: AsyncMemory) -> None:
        source = (await memory.remember(TEXT, speaker="Sam")).record
        done = await memory.extract(use="rules")
        assert (done.facts, done.preferences, done.decisions) == (1, 1, 1)
        (fact,) = await memory.facts(subject="Sam", predicate="lives_in")
        assert (fact.object, fact.record.run) == ("Porto", done.run)
        assert fact.record.source == f"memory://{source.id}#char=0,23"
        assert [link.target for link in fact.record.links] == [source.id]
        assert (await memory.extract(use="rules")).known == 3
        assert done.run is not None
        await memory.undo_run(done.run)
        assert [record.id for record in await memory.list()] == [source.id]

    @on_memory
    async def test_what_was_extracted_is_erased_with_its_source(self, memory: AsyncMemory) -> None:
        source = (await memory.remember(TEXT, speaker="Sam")).record
        await memory.remember("Alice lives in Rome.")
        await memory.extract(use="rules")
        receipt = await memory.erase([source.id])
        assert len(receipt.erased) == 4
        assert [fact.subject for fact in await memory.facts()] == ["Alice"]
