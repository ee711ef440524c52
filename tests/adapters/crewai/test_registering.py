"""``storage="memkit"``: memkit among the storages that CrewAI knows by name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from crewai import Agent, Crew, Task
from crewai.memory.storage import factory
from crewai.memory.unified_memory import Memory as CrewMemory

from memkit import Memory
from memkit.errors import ConfigurationError
from memkit_crewai import MemkitStorage, register

# CrewAI reads fields of its own that it calls deprecated, whenever an agent is made.
ITS_OWN_WARNINGS = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    yield
    assert factory._factory is None, "a test left its factory behind"


def test_the_name_means_the_memory_that_was_registered(project: Memory) -> None:
    made = register(project)
    memory = CrewMemory(storage="memkit", embedder=made.embedder)
    memory.remember("Deploys happen on Tuesdays", scope="/ops", categories=[], importance=0.5)
    (match,) = CrewMemory(storage="memkit", embedder=made.embedder).recall("deploys")
    assert match.record.content == "Deploys happen on Tuesdays"
    assert project.count() == 1
    memory.close()
    made.undo()
    assert project.count() == 1


def test_a_url_in_the_name_is_a_store_of_its_own(project: Memory, tmp_path: Path) -> None:
    made = register(project)
    where = tmp_path / "own.db"
    memory = CrewMemory(
        storage=f"memkit:{where}", embedder=made.storage(f"memkit:{where}").embedder
    )
    assert isinstance(memory._storage, MemkitStorage)
    assert memory.list_records() == []
    memory.close()
    assert memory.list_records() == []  # one that has the name too is not closed with it
    made.undo()
    assert where.exists()


def test_other_names_go_where_they_went(project: Memory) -> None:
    before, asked = MemkitStorage(project, root="/before"), []

    def previous(spec: str) -> Any:
        asked.append(spec)
        return before if spec == "mine" else None

    factory.set_memory_storage_factory(previous)
    made = register(project)
    assert factory.resolve_memory_storage("mine") is before
    assert factory.resolve_memory_storage("lancedb") is None
    assert factory.resolve_memory_storage("memkitten") is None
    assert asked == ["mine", "lancedb", "memkitten"]
    made.undo()
    assert factory._factory is previous
    factory.set_memory_storage_factory(None)


def test_registrations_are_undone_in_order(project: Memory) -> None:
    first = register(project)
    second = register(project, root="/second")
    with pytest.raises(ConfigurationError):
        first.undo()
    second.undo()
    first.undo()


@ITS_OWN_WARNINGS
def test_a_crew_with_memory_true_can_have_it(project: Memory, llm: Any) -> None:
    made = register(project, default=True)
    agent = Agent(role="r", goal="g", backstory="b", llm=llm())
    task = Task(description="say so", expected_output="a word", agent=agent)
    crew = Crew(name="Night Watch", agents=[agent], tasks=[task], memory=True)
    assert isinstance(crew._memory, CrewMemory)
    assert isinstance(crew._memory._storage, MemkitStorage)
    crew._memory.close()
    made.undo()
