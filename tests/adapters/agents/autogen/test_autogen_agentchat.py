"""AgentChat's AssistantAgent with a memkit memory."""

from __future__ import annotations

import asyncio
from importlib import import_module

from memkit import Memory
from memkit_agents.autogen import MemkitMemory
from tests.adapters.agents.autogen.autogen_fakes import ScriptedClient

agents = import_module("autogen_agentchat.agents")


def test_an_assistant_is_told_what_is_remembered(memory: Memory, no_sockets: None) -> None:
    lab = memory.at(namespace="acme", project="apollo")
    lab.remember("The API takes 100 requests a minute")
    client = ScriptedClient("A hundred", "Yes")
    agent = agents.AssistantAgent("helper", client, memory=[MemkitMemory(lab)])

    async def talk() -> list[str]:
        first = await agent.run(task="how many requests does the API take?")
        second = await agent.run(task="requests a minute, then?")
        return [first.messages[-1].content, second.messages[-1].content]

    assert asyncio.run(talk()) == ["A hundred", "Yes"]
    for messages in client.asked:
        told = [str(m.content) for m in messages if "bar are stored text" in str(m.content)]
        assert len(told) == 1
        assert "| The API takes 100 requests a minute" in told[0].splitlines()
