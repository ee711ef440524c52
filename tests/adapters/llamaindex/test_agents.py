"""LlamaIndex's own agents and chat engines remember by memkit, driven by a scripted model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from llama_index.core import Document, StorageContext, VectorStoreIndex
from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent, ReActAgent
from llama_index.core.base.llms.types import ChatMessage, ToolCallBlock
from llama_index.core.chat_engine import CondensePlusContextChatEngine, SimpleChatEngine
from llama_index.core.llms import CustomLLM
from llama_index.core.llms.mock import MockFunctionCallingLLM
from llama_index.core.workflow import Context

import memkit
from memkit import errors
from memkit_llamaindex import MemkitEmbedding, MemkitMemory, MemkitVectorStore, memory_tools

# Making an agent reads every attribute of it, those that pydantic has deprecated too; and a
# ReActAgent asks its context what it may not.
pytestmark = pytest.mark.filterwarnings(
    "ignore::pydantic.warnings.PydanticDeprecatedSince20",
    "ignore::pydantic.warnings.PydanticDeprecatedSince211",
    "ignore:is_running called from within a step:DeprecationWarning",
)


class Script:
    """A model that says what it was told to, and keeps what it was asked."""

    def __init__(self, *answers: ChatMessage | str) -> None:
        self.answers = [
            ChatMessage(role="assistant", content=each) if isinstance(each, str) else each
            for each in answers
        ]
        self.asked: list[list[ChatMessage]] = []
        self.llm = MockFunctionCallingLLM(response_generator=self._answer, is_chat_model=True)

    def _answer(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatMessage:
        self.asked.append(list(messages))
        return self.answers[min(len(self.asked), len(self.answers)) - 1]

    def prompt(self) -> str:
        return "\n".join(str(message) for message in self.asked[-1])


def calling(tool: str, **arguments: Any) -> ChatMessage:
    call = ToolCallBlock(tool_call_id="1", tool_name=tool, tool_kwargs=arguments)
    return ChatMessage(role="assistant", blocks=[call])


async def test_a_function_agent_recalls_in_its_second_session(handle: memkit.Memory) -> None:
    script = Script("Noted.", "It is called Ludo.")
    agent = FunctionAgent(llm=script.llm, tools=[], system_prompt="You are kind.")
    await agent.run("My cat is called Ludo", memory=MemkitMemory(handle, session_id="monday"))
    tuesday = MemkitMemory(handle, session_id="tuesday")
    answer = await agent.run("What is my cat called?", memory=tuesday)
    assert str(answer) == "It is called Ludo."
    assert "| My cat is called Ludo" in script.prompt()
    assert [str(message) for message in tuesday.get_all()] == [
        "user: What is my cat called?",
        "assistant: It is called Ludo.",
    ]


async def test_a_function_agent_remembers_and_recalls_by_tools(memory: memkit.Memory) -> None:
    acme = memory.at(namespace="acme", agent="helper")
    script = Script(
        calling("remember", content="The cat is called Ludo", kind="fact", tags=["pets"]),
        calling("recall", query="cat", limit=3),
        "Ludo it is.",
    )
    agent = FunctionAgent(llm=script.llm, tools=memory_tools(acme))
    remembering = MemkitMemory(memory.at(namespace="chats"), session_id="s")
    assert str(await agent.run("Keep in mind: Ludo", memory=remembering)) == "Ludo it is."
    (record,) = acme.list(kinds="fact")
    assert (record.content, record.agent) == ("The cat is called Ludo", "helper")
    assert record.tags == ("pets", "agent:helper")
    assert "| The cat is called Ludo" in script.prompt()
    # The turn with its tool calls is in the session, whole.
    again = MemkitMemory(memory.at(namespace="chats"), session_id="s").get_all()
    assert [message.role.value for message in again].count("tool") == 2
    assert isinstance(again[1].blocks[0], ToolCallBlock)


async def test_a_react_agent_runs_on_it(memory: memkit.Memory) -> None:
    memory.remember("The cat is called Ludo")

    class Thinking(CustomLLM):
        """Answers in the form that the agent asks for."""

        @property
        def metadata(self) -> Any:
            from llama_index.core.base.llms.types import LLMMetadata

            return LLMMetadata()

        def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> Any:
            from llama_index.core.base.llms.types import CompletionResponse

            known = "Ludo" if "Observation:" in prompt and "| The cat is" in prompt else None
            if known is None:
                arguments = json.dumps({"query": "cat"})
                text = f"Thought: I look it up.\nAction: recall\nAction Input: {arguments}"
            else:
                text = f"Thought: I can answer.\nAnswer: {known}"
            return CompletionResponse(text=text)

        def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> Any:
            yield self.complete(prompt)

    agent = ReActAgent(llm=Thinking(), tools=memory_tools(memory), streaming=False)
    remembering = MemkitMemory(memory, session_id="s")
    assert str(await agent.run("What is the cat called?", memory=remembering)) == "Ludo"
    assert "Ludo" in str(remembering.get_all()[-1])


async def test_agents_of_a_workflow_share_a_session(memory: memkit.Memory) -> None:
    script = Script("I am the first.")
    workflow = AgentWorkflow(
        agents=[FunctionAgent(name="first", description="the first", llm=script.llm, tools=[])],
        root_agent="first",
    )
    remembering = MemkitMemory(memory, session_id="s")
    await workflow.run("hello", memory=remembering)
    assert [str(message) for message in remembering.get_all()] == [
        "user: hello",
        "assistant: I am the first.",
    ]


async def test_a_context_is_saved_without_the_memory_and_goes_on(memory: memkit.Memory) -> None:
    script = Script("one", "two")
    agent = FunctionAgent(llm=script.llm, tools=[])
    context = Context(agent)
    await agent.run("first", ctx=context, memory=MemkitMemory(memory, session_id="s"))
    with pytest.warns(Warning, match="unserializable key: memory"):
        saved = json.loads(json.dumps(context.to_dict()))
    again = Context.from_dict(agent, saved)
    remembering = MemkitMemory(memory, session_id="s")
    await agent.run("second", ctx=again, memory=remembering)
    texts = [message.content for message in remembering.get_all()]
    assert texts == ["first", "one", "second", "two"]


def test_chat_engines_run_on_it(memory: memkit.Memory) -> None:
    memory.remember("The cat is called Ludo")
    script = Script("Ludo")
    remembering = MemkitMemory(memory, session_id="s")
    engine = SimpleChatEngine(llm=script.llm, memory=remembering, prefix_messages=[])
    assert str(engine.chat("what is the cat called?")) == "Ludo"
    assert "| The cat is called Ludo" in script.prompt()
    engine.chat("again?", chat_history=remembering.get())
    assert len(remembering.get_all()) == 4
    engine.reset()
    assert remembering.get_all() == []
    assert memory.count() == 1


def test_a_chat_engine_over_an_index_in_the_same_memory(memory: memkit.Memory) -> None:
    store = MemkitVectorStore(memory.at(project="docs"))
    index = VectorStoreIndex.from_documents(
        [Document(text="Ludo eats fish")],
        storage_context=StorageContext.from_defaults(vector_store=store),
        embed_model=MemkitEmbedding(memory),
    )
    script = Script("fish")
    engine = CondensePlusContextChatEngine.from_defaults(
        retriever=index.as_retriever(),
        llm=script.llm,
        memory=MemkitMemory(memory.at(project="chats"), session_id="s"),
    )
    assert str(engine.chat("what does Ludo eat?")) == "fish"
    assert "Ludo eats fish" in script.prompt()


def test_tools_keep_to_their_scope(memory: memkit.Memory) -> None:
    acme = memory_tools(memory.at(namespace="acme"))
    corp = memory_tools(memory.at(namespace="acme-corp"))
    assert str(acme[0](content="the secret is 42")) == "Remembered."
    assert str(acme[0](content="the secret is 42")) == "That was remembered already."
    assert "| the secret is 42" in str(acme[1](query="secret"))
    assert str(corp[1](query="secret")) == "Nothing is remembered of it."
    for tool in acme:
        arguments = tool.metadata.get_parameters_dict()["properties"]
        assert set(arguments) <= {"content", "kind", "tags", "query", "limit"}
        assert all("description" in argument for argument in arguments.values())


def test_what_a_tool_recalled_is_not_recalled_once_more(memory: memkit.Memory) -> None:
    remember, recall = memory_tools(memory)
    remember.call(content="cats purr")
    answer = ChatMessage(role="tool", content=str(recall.call(query="cats")))
    MemkitMemory(memory, session_id="s").put(answer)
    assert str(recall.call(query="cats")).count("cats purr") == 1


async def test_tools_await_too(handle: memkit.Memory) -> None:
    remember, recall = memory_tools(handle)
    assert str(await remember.acall(content="cats purr")) == "Remembered."
    assert "| cats purr" in str(await recall.acall(query="cats", limit=500))
    # The blocking form, where a loop runs.
    assert "| cats purr" in str(recall.call(query="cats"))
    with pytest.raises(errors.InvalidInput, match="content is empty"):
        await remember.acall(content=" ")
