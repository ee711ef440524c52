"""One memory in LangGraph, LlamaIndex and CrewAI at once: each knows what the others stored.

    python examples/three_frameworks.py

Runs offline on a store that is thrown away, with stand-ins for the models.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypedDict

# CrewAI reports on itself unless it is told not to, and warns of its own imports and fields.
os.environ |= {"CREWAI_DISABLE_TELEMETRY": "true", "CREWAI_TRACING_ENABLED": "false"}
warnings.simplefilter("ignore")

from crewai import Agent, Crew, Task  # noqa: E402
from crewai.llms.base_llm import BaseLLM  # noqa: E402
from langgraph.graph import END, START, StateGraph  # noqa: E402
from langgraph.store.base import BaseStore  # noqa: E402
from llama_index.core.llms import ChatMessage  # noqa: E402
from pydantic import Field  # noqa: E402

import memkit_crewai  # noqa: E402
import memkit_langgraph  # noqa: E402
import memkit_llamaindex  # noqa: E402
from memkit import Memory  # noqa: E402

LIMIT = "The API allows 100 requests a minute"
WINDOW = "Deploys happen on Tuesdays"
OWNER = "Ada owns the billing service"


class State(TypedDict):
    """What the graph hands from node to node."""

    text: str


class StandIn(BaseLLM):
    """In the place of a model: it keeps what it was asked."""

    heard: list[str] = Field(default_factory=list)

    def call(self, messages: Any, *args: Any, **kwargs: Any) -> str:
        """Always the same answer."""
        self.heard.append(str(messages))
        return f"Thought: I know this.\nFinal Answer: {OWNER}"


class Graph:
    """LangGraph: what its node puts into the store, and what a tool of its finds."""

    name = "LangGraph"

    def __init__(self, project: Memory) -> None:
        ours = project.at(agent="graph")
        self._tools = {tool.name: tool for tool in memkit_langgraph.memory_tools(ours)}
        builder = StateGraph(State)
        builder.add_node("note", self._note)
        builder.add_edge(START, "note")
        builder.add_edge("note", END)
        self._graph = builder.compile(store=memkit_langgraph.MemkitStore(ours))

    def _note(self, state: State, *, store: BaseStore) -> State:
        store.put(("limits",), "api", {"text": state["text"]})
        return state

    def store(self) -> None:
        """Store the one thing that this framework knows."""
        self._graph.invoke({"text": LIMIT})

    def ask(self, question: str) -> str:
        """What it has for the question."""
        return str(self._tools["recall"].invoke({"query": question}))


class Index:
    """LlamaIndex: what a user says in one session, and what the next one's prompt holds."""

    name = "LlamaIndex"

    def __init__(self, project: Memory) -> None:
        self._ours = project.at(agent="index")

    def store(self) -> None:
        """Store the one thing that this framework knows."""
        monday = memkit_llamaindex.MemkitMemory(self._ours, session_id="monday")
        monday.put(ChatMessage(WINDOW, role="user"))

    def ask(self, question: str) -> str:
        """What it has for the question."""
        tuesday = memkit_llamaindex.MemkitMemory(self._ours, session_id="tuesday")
        tuesday.put(ChatMessage(question, role="user"))
        return "\n".join(str(message.content) for message in tuesday.get())


class Analysts:
    """CrewAI: what is remembered in a scope, and what an agent's prompt holds."""

    name = "CrewAI"

    def __init__(self, project: Memory) -> None:
        self._model = StandIn(model="stand-in")
        # Without llm= it asks no model how to sort what it stores.
        self._memory = memkit_crewai.MemkitMemory(storage=project.at(agent="crew"))
        agent = Agent(role="Analyst", goal="g", backstory="b", llm=self._model, memory=self._memory)
        task = Task(description="{question}", expected_output="a sentence", agent=agent)
        self._crew = Crew(agents=[agent], tasks=[task])

    def store(self) -> None:
        """Store the one thing that this framework knows."""
        self._memory.remember(OWNER, scope="/people", categories=["people"], importance=0.8)

    def ask(self, question: str) -> str:
        """What it has for the question."""
        self._crew.kickoff({"question": question})
        self._memory.close()
        return "\n".join(self._model.heard)


def main() -> None:
    """Store one thing by each framework, and ask each for all."""
    question = "How many requests does the API allow, when are deploys, and who owns billing?"
    with TemporaryDirectory() as folder, Memory.open(str(Path(folder) / "memory.db")) as root:
        project = root.at(namespace="acme", project="apollo")
        frameworks: list[Graph | Index | Analysts] = [
            Graph(project),
            Index(project),
            Analysts(project),
        ]
        for each in frameworks:
            each.store()
        for each in frameworks:
            answer = each.ask(question)
            known = [text for text in (LIMIT, WINDOW, OWNER) if text in answer]
            print(f"{each.name} knows of {len(known)} of 3")
        elsewhere = root.at(namespace="acme-corp", project="apollo")
        print("another tenant finds:", len(elsewhere.recall(question)))


if __name__ == "__main__":
    main()
