"""A LlamaIndex agent that remembers: what it is told on Monday it knows on Tuesday.

    python examples/llamaindex_agent.py

Runs offline: a scripted model stands in for a real one, on a store that is thrown away.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import ChatMessage, MessageRole, ToolCallBlock
from llama_index.core.llms.mock import MockFunctionCallingLLM

from memkit import AsyncMemory
from memkit_llamaindex import MemkitMemory, memory_tools

# Making a LlamaIndex agent reads every attribute of it, those that pydantic deprecated too.
warnings.filterwarnings("ignore", category=DeprecationWarning, message="The `__fields")
warnings.filterwarnings("ignore", category=DeprecationWarning, message="Accessing the 'model_")


def scripted(messages: Sequence[ChatMessage], **_: Any) -> ChatMessage:
    """A model's answer: it keeps what it is told, and answers from what its prompt holds."""
    prompt = "\n".join(str(message.content) for message in messages)
    newest = messages[-1]
    if newest.role == MessageRole.TOOL:
        return ChatMessage(role="assistant", content="I shall keep that in mind.")
    if "may use 2 GB" in str(newest.content):
        keep = {"content": "The nightly export may use 2 GB of memory", "kind": "constraint"}
        call = ToolCallBlock(tool_call_id="1", tool_name="remember", tool_kwargs=keep)
        return ChatMessage(role="assistant", blocks=[call])
    known = "| The nightly export may use 2 GB of memory" in prompt
    return ChatMessage(role="assistant", content="2 GB." if known else "I do not know.")


async def main() -> None:
    """Two sessions of one user, and one of somebody else."""
    llm = MockFunctionCallingLLM(response_generator=scripted, is_chat_model=True)
    with TemporaryDirectory() as folder:
        async with AsyncMemory.open(str(Path(folder) / "memory.db")) as root:
            # The scope is bound here; nothing that a model says can leave it.
            ann = root.at(namespace="acme", project="exports", agent="assistant")
            bob = root.at(namespace="acme-corp", project="exports", agent="assistant")

            monday = MemkitMemory(ann, session_id="monday")
            agent = FunctionAgent(llm=llm, tools=memory_tools(ann))
            print("monday: ", await agent.run("The nightly export may use 2 GB.", memory=monday))

            question = "How much memory may the export use?"
            tuesday = MemkitMemory(ann, session_id="tuesday")
            print("tuesday:", await agent.run(question, memory=tuesday))

            # What was recalled stood in the prompt, and was not stored again.
            for message in await tuesday.aget_all():
                print("  kept: ", message)
            for record in await ann.list(kinds="constraint"):
                print("  known:", record.content, f"({record.kind}, by {record.agent})")

            other = FunctionAgent(llm=llm, tools=memory_tools(bob))
            stranger = MemkitMemory(bob, session_id="tuesday")
            print("another tenant:", await other.run(question, memory=stranger))


if __name__ == "__main__":
    asyncio.run(main())
