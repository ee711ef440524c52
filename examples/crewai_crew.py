"""A CrewAI crew of two: they share the project's memory, and each keeps private notes.

    python examples/crewai_crew.py

Runs offline on a store that is thrown away. The model is a stand-in that says what it was given to
say: in its place goes a real one, and nothing else changes.
"""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

# CrewAI reports on itself unless it is told not to, and warns of its own imports and fields.
os.environ |= {"CREWAI_DISABLE_TELEMETRY": "true", "CREWAI_TRACING_ENABLED": "false"}
warnings.simplefilter("ignore")

from crewai import Agent, Crew, Task  # noqa: E402
from crewai.llms.base_llm import BaseLLM  # noqa: E402
from pydantic import Field  # noqa: E402

from memkit import Memory  # noqa: E402
from memkit_crewai import MemkitMemory  # noqa: E402

FINDING = "The nightly export runs out of memory since the audit table was added"
FIX = "The export now streams in pages of ten thousand rows"
DOUBT = "I doubt that the audit table is needed at all"


class StandIn(BaseLLM):
    """Says one thing, sorts what is to be remembered, and keeps what it was asked."""

    says: str
    heard: list[str] = Field(default_factory=list)

    def call(self, messages: Any, *args: Any, **kwargs: Any) -> str:
        """Answer a task, or one of CrewAI's questions about a memory."""
        text = messages if isinstance(messages, str) else str(messages[-1]["content"])
        self.heard.append(text)
        if text.startswith("Content:"):
            return json.dumps({"memories": [self.says]})
        if text.startswith("Content to store:"):
            return json.dumps({"suggested_scope": "/exports", "categories": [], "importance": 0.8})
        return f"Thought: I know this.\nFinal Answer: {self.says}"


def main() -> None:
    """Let two agents work one after the other, and show who knows what."""
    with TemporaryDirectory() as folder, Memory.open(str(Path(folder) / "memory.db")) as root:
        project = root.at(namespace="acme", project="exports")
        models = {"researcher": StandIn(model="1", says=FINDING)}
        models["engineer"] = StandIn(model="2", says=FIX)

        # A memory for each agent: what is shared is the project's, what is private its own.
        memories = {
            name: MemkitMemory(storage=project.at(agent=name), llm=model)
            for name, model in models.items()
        }
        agents = {
            name: Agent(role=name, goal="g", backstory="b", llm=models[name], memory=memory)
            for name, memory in memories.items()
        }
        tasks = [
            Task(
                description="Why does the nightly export run out of memory?",
                expected_output="one sentence",
                agent=agents["researcher"],
                # Memories are saved in the background: the next agent waits for them.
                callback=lambda _: memories["researcher"].drain_writes(),
            ),
            Task(
                description="Mend the nightly export, which runs out of memory",
                expected_output="one sentence",
                agent=agents["engineer"],
            ),
        ]
        crew = Crew(agents=list(agents.values()), tasks=tasks)
        memories["researcher"].remember(
            DOUBT, scope="/notes", categories=[], importance=0.3, source="researcher", private=True
        )
        crew.kickoff()

        told = "".join(text for text in models["engineer"].heard if "Relevant memories" in text)
        print("the engineer was told of the finding:", f"| {FINDING}" in told)
        print("the engineer was told of the doubt:", DOUBT in told)
        for record in project.list(descending=False):
            print(f"the project remembers, by {record.agent}: {record.content}")
        for name, memory in memories.items():
            found = memory.recall("the audit table", source="researcher", include_private=True)
            notes = [match.record.content for match in found if match.record.private]
            print(f"private notes that the {name} finds: {notes}")
            memory.close()


if __name__ == "__main__":
    main()
