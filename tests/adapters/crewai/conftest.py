"""CrewAI without telemetry, with a model that answers as it is told."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

# Read when CrewAI is imported.
os.environ |= {
    "CREWAI_DISABLE_TELEMETRY": "true",
    "CREWAI_TRACING_ENABLED": "false",
    "CREWAI_TESTING": "true",
    "OTEL_SDK_DISABLED": "true",
}

from memkit import Memory
from memkit_crewai.framework import load

# CrewAI's own import gives warnings, which are errors here.
load("the tests")

from crewai.llms.base_llm import BaseLLM  # noqa: E402
from pydantic import Field  # noqa: E402

from memkit_crewai import MemkitMemory, MemkitStorage  # noqa: E402


class FakeLLM(BaseLLM):
    """A model whose answer to each kind of request is set beforehand.

    ``answers`` maps a word of a request to the answer; the first that is found is given.
    """

    answers: dict[str, Any] = Field(default_factory=dict)
    asked: list[str] = Field(default_factory=list)

    def call(self, messages: Any, *args: Any, **kwargs: Any) -> str:
        text = (
            messages
            if isinstance(messages, str)
            else " ".join(str(each["content"]) for each in messages)
        )
        self.asked.append(text)
        for word, answer in self.answers.items():
            if word in text:
                return answer if isinstance(answer, str) else json.dumps(answer)
        return "Final Answer: done"


@pytest.fixture(autouse=True)
def quiet(no_sockets: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No connections, and CrewAI's own files in a folder that is thrown away."""
    monkeypatch.setenv("CREWAI_STORAGE_DIR", str(tmp_path / "crewai"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


@pytest.fixture
def project(memory: Memory) -> Memory:
    return memory.at(namespace="acme", project="apollo")


@pytest.fixture
def storage(project: Memory) -> MemkitStorage:
    return MemkitStorage(project)


@pytest.fixture
def llm() -> Callable[..., FakeLLM]:
    def made(**answers: Any) -> FakeLLM:
        return FakeLLM(model="fake", answers=answers, asked=[])

    return made


@pytest.fixture
def crew(storage: MemkitStorage, llm: Callable[..., FakeLLM]) -> Iterator[MemkitMemory]:
    """CrewAI's memory on memkit, whose model has nothing to say."""
    memory = MemkitMemory(storage=storage, llm=llm())
    yield memory
    memory.close()
