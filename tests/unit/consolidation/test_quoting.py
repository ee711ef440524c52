"""A summary does not say what its sources do not say any more, or not to everybody."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from memkit import Memory
from memkit.errors import RecordNotFound
from tests.unit.consolidation.stories import deploys, made

SECRET = "The deploy pipeline of the billing service has the password tulip."


def _summarized(memory: Memory) -> str:
    """The id of one of several records that a summary quotes."""
    id_ = memory.remember(SECRET).id
    memory.remember_many(deploys(4))
    assert memory.consolidate(what="clusters").made == 1
    assert memory.get(id_).summarized_by is not None
    return id_


@pytest.mark.parametrize(
    "act",
    [
        lambda memory, id_: memory.update(id_, content="The pipeline has a password."),
        lambda memory, id_: memory.correct(id_, "The pipeline has no password."),
        lambda memory, id_: memory.forget(id_),
        lambda memory, id_: memory.erase(id_),
        lambda memory, id_: memory.update(id_, tags=["msg:board"]),
    ],
    ids=["update", "correct", "forget", "erase", "channel"],
)
def test_what_quotes_a_record_goes_with_what_it_said(
    memory: Memory, act: Callable[[Memory, str], object]
) -> None:
    id_ = _summarized(memory)
    (summary,) = made(memory, "summary")
    act(memory, id_)
    assert made(memory, "summary") == []
    with pytest.raises(RecordNotFound):
        memory.get(summary.id)
    assert all(record.summarized_by is None for record in memory.list())
    # The others belong together still.
    assert memory.consolidate(what="clusters").made == 1
    assert "tulip" not in made(memory, "summary")[0].content


@pytest.mark.parametrize(
    "act",
    [
        lambda memory, id_: memory.pin(id_),
        lambda memory, id_: memory.update(id_, metadata={"seen": True}),
        lambda memory, id_: memory.archive(id_),
    ],
    ids=["pin", "metadata", "archive"],
)
def test_what_changes_no_text_leaves_the_summary(
    memory: Memory, act: Callable[[Memory, str], object]
) -> None:
    id_ = _summarized(memory)
    act(memory, id_)
    assert len(made(memory, "summary")) == 1


def test_whoever_keeps_a_record_for_themselves_takes_it_out_of_everything(own: Memory) -> None:
    ann, bob = own.at(agent="ann"), own.at(agent="bob")
    id_ = ann.remember("I live in Porto. " + SECRET).id
    ann.remember_many(deploys(4))
    assert ann.consolidate(what="clusters").made == 1
    assert ann.extract().facts == 1
    assert bob.facts() != []
    ann.update(id_, private=True)
    assert bob.facts() == []
    assert not any("tulip" in hit.content or "Porto" in hit.content for hit in bob.recall("tulip"))
    assert made(bob, "summary") == []


def test_what_is_put_anew_is_not_quoted_as_it_was(memory: Memory) -> None:
    memory.put("note", SECRET)
    memory.remember_many(deploys(4))
    assert memory.consolidate(what="clusters").made == 1
    memory.put("note", "Nothing to see here.")
    assert made(memory, "summary") == []


def test_undoing_an_extraction_takes_dossiers_of_its_facts_along(own: Memory) -> None:
    own.remember("I live in Porto.", speaker="Ines")
    for place in ("market", "harbour", "bridge"):
        own.remember(f"Ines walked to the {place} on foot, {len(place)} times.")
    run = own.extract().run
    assert run is not None
    assert own.consolidate(what="dossiers").made >= 1
    assert any("Porto" in each.content for each in made(own, "dossier"))
    own.undo_run(run)
    assert not any("lives in Porto" in each.content for each in made(own, "dossier"))
