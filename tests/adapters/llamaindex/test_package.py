"""The package itself: what it imports, what it says when LlamaIndex is missing, what it refuses."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatMessage

import memkit
import memkit_llamaindex
from memkit import errors
from memkit_llamaindex import (
    MemkitChatStore,
    MemkitEmbedding,
    MemkitMemory,
    MemkitMemoryBlock,
    MemkitSyncChatStore,
    MemkitVectorStore,
    memory_tools,
)

CLASSES = [
    MemkitChatStore,
    MemkitEmbedding,
    MemkitMemory,
    MemkitMemoryBlock,
    MemkitSyncChatStore,
    MemkitVectorStore,
]


def python(script: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_it_imports_no_framework() -> None:
    script = (
        "import sys, memkit, memkit_llamaindex; dir(memkit_llamaindex); "
        "print([name for name in sys.modules if name.startswith('llama_index')])"
    )
    assert python(script).strip() == "[]"


def test_a_missing_framework_is_said_with_the_extra() -> None:
    script = """
import sys
sys.modules["llama_index"] = None
from memkit.errors import MissingDependency
import memkit_llamaindex
for name in memkit_llamaindex.__all__:
    try:
        getattr(memkit_llamaindex, name)
    except MissingDependency as error:
        print(error)
try:
    from memkit_llamaindex import MemkitMemory
except MissingDependency:
    print("the same")
"""
    lines = python(script).splitlines()
    assert lines[-1] == "the same"
    assert lines[:-1] == [
        f'{name} needs llama_index.core: pip install "agent-memkit[llamaindex]"'
        for name in memkit_llamaindex.__all__
    ]


def test_what_it_exports_is_there() -> None:
    assert set(memkit_llamaindex.__all__) == {kind.__name__ for kind in CLASSES} | {"memory_tools"}
    assert set(memkit_llamaindex.__all__) <= set(dir(memkit_llamaindex))
    with pytest.raises(AttributeError, match="MemkitNothing"):
        _ = memkit_llamaindex.MemkitNothing


@pytest.mark.parametrize("kind", CLASSES)
def test_an_object_is_copied_with_its_memory_and_never_pickled(
    memory: memkit.Memory, kind: type[Any]
) -> None:
    made = kind(memory)
    with pytest.raises(errors.ConfigurationError, match="cannot be pickled"):
        pickle.dumps(made)
    for twin in (copy.copy(made), copy.deepcopy(made), made.model_copy(deep=True)):
        assert twin._handles is made._handles
    with pytest.raises(errors.ConfigurationError, match="make a new one"):
        kind.from_dict({})
    made.close()
    memory.remember("a memory that was handed in stays open")


@pytest.mark.parametrize("kind", [*CLASSES, memory_tools])
def test_what_is_no_memory_is_refused(kind: Any) -> None:
    with pytest.raises(errors.InvalidInput, match="not int"):
        kind(7)


def test_what_it_opened_it_closes(tmp_path: Path) -> None:
    store = MemkitSyncChatStore(tmp_path / "own.db")
    store.add_message("s", ChatMessage(role="user", content="hello"))
    store.close()
    with pytest.raises(errors.StoreClosed):
        store.get_messages("s")
    again = MemkitSyncChatStore(str(tmp_path / "own.db"))
    assert [message.content for message in again.get_messages("s")] == ["hello"]
    again.close()


def test_settings_hold_no_memory_and_no_secret(memory: memkit.Memory) -> None:
    store = MemkitVectorStore(memory, kind="paper")
    told = store.to_dict()
    assert told["class_name"] == "MemkitVectorStore"
    assert told["kind"] == "paper"
    assert "memory.db" not in repr(store) + str(told)
