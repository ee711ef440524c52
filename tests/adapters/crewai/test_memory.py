"""CrewAI's own objects on memkit: memories, views, agents and crews."""

from __future__ import annotations

import asyncio
import copy
import json
import logging
from typing import Any

import pytest
from crewai import Agent, Crew, Task
from crewai.memory.unified_memory import Memory as CrewMemory

from memkit import Memory
from memkit.testing.embedders import ToyEmbedder
from memkit_crewai import MemkitMemory, MemkitStorage

SAVE = {"suggested_scope": "/limits", "categories": ["api"], "importance": 0.8}

# CrewAI reads fields of its own that it calls deprecated, whenever an agent is made.
ITS_OWN_WARNINGS = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def told(scope: str = "/") -> dict[str, Any]:
    """What spares CrewAI a question to its model."""
    return {"scope": scope, "categories": [], "importance": 0.5}


def contents(matches: list[Any]) -> list[str]:
    return [match.record.content for match in matches]


def test_crewais_own_memory_works_with_the_storage_and_its_embedder(
    storage: MemkitStorage, llm: Any
) -> None:
    model = llm(memory=SAVE)
    memory = CrewMemory(storage=storage, embedder=storage.embedder, llm=model)
    record = memory.remember("The API allows 100 requests a minute", metadata={"page": 3})
    assert record is not None
    assert (record.scope, record.categories, record.importance) == ("/limits", ["api"], 0.8)
    for depth in ("shallow", "deep"):
        (match,) = memory.recall("how many requests does the API allow?", depth=depth)
        assert match.record.content == "The API allows 100 requests a minute"
        assert match.record.metadata["page"] == 3
    updated = memory.update(record.id, content="The API allows 200 requests a minute")
    assert contents(memory.recall("requests", depth="shallow")) == [updated.content]
    assert memory.list_scopes() == ["/limits"]
    assert memory.tree() == "/ (1 records)\n  /limits (1 records)"
    assert memory.info().record_count == 1
    assert memory.list_categories() == {"api": 1}
    assert memory.forget(categories=["api"]) == 1
    assert memory.recall("requests") == []
    memory.remember("again", **told())
    memory.reset()
    assert memory.list_records() == []
    memory.close()


def test_many_are_stored_in_the_background(crew: MemkitMemory) -> None:
    steps = ["first the schema", "then a dry run", "deploy on Tuesday", "tell the customers"]
    crew.remember_many(steps, **told("/plan"))
    crew.remember_many(["one and the same", "one and the same"], **told("/plan"))
    for depth in ("shallow", "deep"):
        found = crew.recall("what is to be done?", limit=50, depth=depth)
        assert sorted(contents(found)) == sorted([*steps, "one and the same"])


def test_views_stay_in_their_scopes(crew: MemkitMemory) -> None:
    acme, corp = crew.scope("/acme"), crew.scope("/acme-corp")
    acme.remember("the plan of acme", categories=[], importance=0.5)
    corp.remember("the plan of corp", categories=[], importance=0.5)
    crew.remember("the plan of others", **told("/others"))
    assert contents(acme.recall("the plan")) == ["the plan of acme"]
    both = crew.slice(["/acme", "/others"])
    assert sorted(contents(both.recall("the plan"))) == ["the plan of acme", "the plan of others"]
    assert both.remember("not kept", scope="/acme") is None
    assert acme.info().record_count == 1
    acme.reset()
    assert sorted(r.content for r in crew.list_records()) == [
        "the plan of corp",
        "the plan of others",
    ]


def test_a_root_scope_is_kept_and_narrowed(storage: MemkitStorage, llm: Any) -> None:
    memory = MemkitMemory(storage=storage, llm=llm(), root_scope="/crew/night")
    record = memory.remember("the plan", **told("/x"))
    assert record is not None
    assert record.scope == "/crew/night/x"
    assert contents(memory.recall("plan", scope="/x")) == ["the plan"]
    assert memory.recall("plan", scope="/y") == []
    memory.close()


def test_private_memories_are_shown_to_their_source(crew: MemkitMemory) -> None:
    crew.remember("I doubt the plan", **told(), source="ada", private=True)
    crew.remember("the plan stands", **told(), source="bob")
    for depth in ("shallow", "deep"):
        asked: dict[str, Any] = {"query": "the plan", "depth": depth}
        assert contents(crew.recall(**asked)) == ["the plan stands"]
        assert contents(crew.recall(**asked, source="bob")) == ["the plan stands"]
        assert len(crew.recall(**asked, source="ada")) == 2
        assert len(crew.recall(**asked, include_private=True)) == 2


def test_another_agents_private_memories_are_never_shown(project: Memory, llm: Any) -> None:
    ada = MemkitMemory(storage=project.at(agent="ada"), llm=llm())
    bob = MemkitMemory(storage=project.at(agent="bob"), llm=llm())
    ada.remember("I doubt the plan", **told(), source="ada", private=True)
    ada.remember("the plan stands", **told())
    assert contents(bob.recall("the plan", source="ada", include_private=True)) == [
        "the plan stands"
    ]
    ada.close()
    bob.close()


def test_without_a_model_nobody_is_asked(project: Memory, caplog: Any) -> None:
    memory = MemkitMemory(storage=project)
    with caplog.at_level(logging.ERROR):
        record = memory.remember("the plan is to wait")
        memory.remember("the plan is to wait")
    assert record is not None
    assert record.scope == "/"
    assert len(memory.recall("the plan " * 100)) == 2
    memory.close()


def test_an_embedder_of_ones_own_stays(tmp_path: Any) -> None:
    theirs = ToyEmbedder(48, "theirs")

    def embed(texts: list[str]) -> Any:
        return theirs.embed(texts)

    with Memory.open(tmp_path / "given.db", embedder="given:theirs?dimensions=48") as given:
        memory = MemkitMemory(storage=given, embedder=embed)
        memory.remember("the plan is to wait", **told())
        assert contents(memory.recall("the plan")) == ["the plan is to wait"]
        memory.close()


def test_a_copy_is_on_the_same_store(crew: MemkitMemory) -> None:
    twin = copy.deepcopy(crew)
    twin.remember("the plan", **told())
    assert contents(crew.recall("the plan")) == ["the plan"]
    twin.close()


def test_it_can_be_awaited(crew: MemkitMemory) -> None:
    async def work() -> list[str]:
        await crew.aremember("the plan", **told())
        return contents(await crew.arecall("the plan"))

    assert asyncio.run(work()) == ["the plan"]


@ITS_OWN_WARNINGS
def test_an_agent_reads_and_writes_its_memory(storage: MemkitStorage, llm: Any) -> None:
    model = llm(
        extract={"memories": ["The limit was raised to 200 requests"]},
        Extract={"memories": ["The limit was raised to 200 requests"]},
    )
    model.answers["Current Task"] = "Thought: I know\nFinal Answer: It was raised to 200"
    memory = MemkitMemory(storage=storage, llm=model)
    memory.remember("The API allows 100 requests a minute", **told("/limits"))
    agent = Agent(role="Analyst", goal="g", backstory="b", llm=model, memory=memory)
    task = Task(
        description="How many requests does the API allow?", expected_output="a number", agent=agent
    )
    result = Crew(agents=[agent], tasks=[task]).kickoff()
    assert "200" in str(result)
    prompts = [text for text in model.asked if "Relevant memories" in text]
    assert "| The API allows 100 requests a minute" in prompts[0]
    memory.drain_writes()
    assert any("200" in record.content for record in memory.list_records())
    memory.close()


@ITS_OWN_WARNINGS
def test_a_crew_shares_a_memory_and_its_agents_keep_their_own(project: Memory, llm: Any) -> None:
    model = llm(
        Extract={"memories": ["The export streams in pages"]},
        extract={"memories": ["The export streams in pages"]},
    )
    model.answers["Current Task"] = "Thought: done\nFinal Answer: The export streams in pages"
    shared = MemkitMemory(storage=project.at(agent="crew"), llm=model)
    notes = MemkitMemory(storage=MemkitStorage(project.at(agent="ada"), root="/notes"), llm=model)
    notes.remember("I doubt the page size", **told(), source="ada", private=True)
    ada = Agent(role="Ada", goal="g", backstory="b", llm=model)
    task = Task(description="Fix the export", expected_output="a fix", agent=ada)
    crew = Crew(agents=[ada], tasks=[task], memory=shared)
    crew.kickoff()
    assert contents(shared.recall("export pages", source="ada"))[0] == "The export streams in pages"
    assert "I doubt the page size" not in json.dumps(model.asked)
    assert contents(notes.recall("page size", source="ada")) == ["I doubt the page size"]
    shared.close()
    notes.close()


def test_agents_have_tools_for_their_memory(crew: MemkitMemory) -> None:
    from crewai.tools.memory_tools import create_memory_tools

    recall, remember = create_memory_tools(crew)
    assert "scope=/" in remember.run(contents=["Deploys happen on Tuesdays"])
    said = recall.run(queries=["deploys"])
    assert "| Deploys happen on Tuesdays" in said


@pytest.mark.parametrize("embedder", ["local"])
def test_the_default_embedder_finds_by_meaning(tmp_path: Any, embedder: str) -> None:
    with Memory.open(tmp_path / "real.db", embedder=embedder) as memory:
        crew = MemkitMemory(storage=memory)
        crew.remember("The API allows 100 requests a minute", **told())
        crew.remember("Lunch is served at noon", **told())
        assert contents(crew.recall("how often may we call the service?"))[0].startswith("The API")
        crew.close()
