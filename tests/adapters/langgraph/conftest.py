"""What these tests share: coroutine tests, and a model that says what it is told to."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import Field

# LangSmith sends nothing unless it is told to; not even by the environment of who runs this.
_TRACING = (
    "LANGSMITH_TRACING",
    "LANGSMITH_TRACING_V2",
    "LANGCHAIN_TRACING_V2",
    "LANGCHAIN_TRACING",
)


def pytest_configure(config: pytest.Config) -> None:
    """Know the mark of LangChain's suites, whether the plugin that it is for is there or not."""
    config.addinivalue_line("markers", "vcr: replays recorded traffic, of which there is none")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a coroutine test in a loop of its own, whatever plugins there are."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True


@pytest.fixture(autouse=True)
def _untraced(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _TRACING:
        monkeypatch.delenv(name, raising=False)


class ScriptedModel(BaseChatModel):
    """A chat model that gives its answers in turn and keeps what it was asked.

    An answer is a message, or a function from the messages to one.
    """

    answers: list[Any] = Field(default_factory=list)
    asked: list[list[BaseMessage]] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> ScriptedModel:
        """Tools are called by what the script says."""
        return self

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        self.asked.append(list(messages))
        answer = self.answers.pop(0) if self.answers else "I see."
        if callable(answer):
            answer = answer(messages)
        message = AIMessage(answer) if isinstance(answer, str) else answer
        return ChatResult(generations=[ChatGeneration(message=message)])


@pytest.fixture
def scripted() -> Callable[..., ScriptedModel]:
    """Makes a model that gives these answers in turn, and then always the same."""
    return lambda *answers: ScriptedModel(answers=list(answers))
