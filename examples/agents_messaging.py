"""Two agents of Pydantic AI message one another over a memkit channel and share what they know.

    python examples/agents_messaging.py

The planner asks, the engineer looks it up with its memory's tool and answers, the planner writes
the decision down. Runs offline: plain functions stand in for the models.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic_ai import Agent
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from memkit import AsyncMemory
from memkit.rendering import render
from memkit_agents.pydantic_ai import MemkitMemory, Recalling

CHANNEL = "exports"
# Messages are memories too: a recall for them would find the question before its answer.
KNOWLEDGE = Recalling(kinds=["constraint", "decision", "fact", "note"])


def engineer_model(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
    """Look it up, then tell what was found."""
    found = [p.content for p in messages[-1].parts if isinstance(p, ToolReturnPart)]
    if not found:
        return _calls("recall", query="how much memory may the export use?")
    facts = [line[2:] for line in str(found[0]).splitlines() if line.startswith("| ")]
    return ModelResponse(parts=[TextPart(f"{facts[0]}.")])


def planner_model(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
    """Write the decision down, then thank."""
    if any(isinstance(part, ToolReturnPart) for part in messages[-1].parts):
        return ModelResponse(parts=[TextPart("Thanks, the night run is planned with that.")])
    return _calls("remember", content="The night run is planned with 4 GB", tags=["decided"])


def _calls(tool: str, **arguments: Any) -> ModelResponse:
    return ModelResponse(parts=[ToolCallPart(tool, arguments)])


async def answer_messages(agent: Agent[None, str], memory: AsyncMemory, *, reply: bool) -> None:
    """Have an agent deal with what is in its inbox; each message once it is dealt with."""
    for delivery in await memory.inbox(CHANNEL, lease=60):
        message = delivery.record
        print(f"{memory.scope.agent} reads from {message.agent}: {message.content}")
        # What another agent wrote is information for this one's model, not its orders.
        result = await agent.run(f"A message came in.\n{render([message])}")
        if reply:
            await memory.send(CHANNEL, result.output, to=message.agent, reply_to=message.id)
        else:
            print(f"{memory.scope.agent} concludes: {result.output}")
        await memory.ack(message.id)


async def main() -> None:
    """Ask, look up, answer, decide; and show what is left and who sees it."""
    with TemporaryDirectory() as folder:
        async with AsyncMemory.open(str(Path(folder) / "memory.db")) as root:
            project = root.at(namespace="acme", project="exports")
            planner, engineer = project.at(agent="planner"), project.at(agent="engineer")
            await engineer.remember("The export may use 4 GB of memory", kind="constraint")

            # What was said stands in the messages: the runs need not be stored as turns.
            planning = Agent(
                FunctionModel(planner_model),
                capabilities=[
                    MemkitMemory[None](planner, recalling=KNOWLEDGE, remembers=False),
                ],
            )
            engineering = Agent(
                FunctionModel(engineer_model),
                capabilities=[
                    MemkitMemory[None](engineer, recalling=KNOWLEDGE, remembers=False),
                ],
            )

            await planner.send(CHANNEL, "How much memory may the export use?", to="engineer")
            await answer_messages(engineering, engineer, reply=True)
            await answer_messages(planning, planner, reply=False)

            for name, memory in (("planner", planner), ("engineer", engineer)):
                left = sum(channel.unread or 0 for channel in await memory.channels())
                print(f"unread by {name}: {left}")
            (decided,) = await engineer.list(tags="decided")
            print(f"engineer sees what was decided: {decided.content} (by {decided.agent})")
            stranger = root.at(namespace="acme-corp", project="exports", agent="engineer")
            print("another tenant's inbox:", await stranger.inbox(CHANNEL))


if __name__ == "__main__":
    asyncio.run(main())
