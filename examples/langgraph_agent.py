"""A LangGraph agent that remembers across threads, with a middleware and with tools.

    python examples/langgraph_agent.py

Runs offline on a store that is thrown away. The model is a stand-in that follows a few rules:
in its place goes the name of a real one, and nothing else changes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from langchain.agents import create_agent
from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langgraph.checkpoint.memory import InMemorySaver

from memkit import Memory
from memkit_langgraph import MemkitMiddleware, memory_tools

_STORED = re.compile(r"^\s*\| ?(.*)$", re.MULTILINE)


class StandIn(BaseChatModel):
    """Quotes the first memory that it is shown, and stores what it is told to note."""

    @property
    def _llm_type(self) -> str:
        return "stand-in"

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> StandIn:
        """It knows its tools by heart."""
        return self

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self._answer(messages))])

    def _answer(self, messages: list[BaseMessage]) -> AIMessage:
        last = messages[-1]
        if isinstance(last, ToolMessage):
            return AIMessage(str(last.text))
        shown = str(last.text)
        asked = shown.rpartition("</memory>")[2].strip()
        if asked.startswith("Note: "):
            arguments = {"content": asked.removeprefix("Note: "), "kind": "decision"}
            return AIMessage("", tool_calls=[{"name": "remember", "args": arguments, "id": "1"}])
        known = _STORED.findall(shown)
        return AIMessage(f"You told me: {known[0]}" if known else "I do not know that yet.")


def main() -> None:
    """Talk in three threads, for two tenants."""
    with TemporaryDirectory() as folder, Memory.open(str(Path(folder) / "memory.db")) as memory:
        memory.warm_up()

        def agent_for(tenant: str) -> Any:
            scope = memory.at(namespace=tenant, agent="assistant")
            return create_agent(
                StandIn(),
                memory_tools(scope),
                middleware=[MemkitMiddleware(scope)],
                checkpointer=InMemorySaver(),
            )

        def say(agent: Any, thread: str, text: str) -> None:
            state = agent.invoke(
                {"messages": [HumanMessage(text)]}, {"configurable": {"thread_id": thread}}
            )
            print(f"[{thread}] {text}\n    -> {state['messages'][-1].text}")

        acme = agent_for("acme")
        say(acme, "monday", "I am allergic to peanuts.")
        say(acme, "monday", "Note: The team meets on Thursdays at ten.")
        say(acme, "friday", "Which food must I avoid?")
        say(acme, "sunday", "When does the team meet?")
        say(agent_for("acme-corp"), "friday", "Which food must I avoid?")

        kept = memory.at(namespace="acme").list(descending=False)
        print("acme's memory:", [f"{record.kind}: {record.content}" for record in kept][:3])


if __name__ == "__main__":
    main()
