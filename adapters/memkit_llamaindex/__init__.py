"""memkit in LlamaIndex: memory, chat store, vector store, embedding and tools of one memory.

LlamaIndex takes seconds to import, so each name is imported when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from memkit_llamaindex.chat_store import MemkitChatStore, MemkitSyncChatStore
    from memkit_llamaindex.embedding import MemkitEmbedding
    from memkit_llamaindex.memory import MemkitMemory
    from memkit_llamaindex.memory_block import MemkitMemoryBlock
    from memkit_llamaindex.tools import memory_tools
    from memkit_llamaindex.vector_store import MemkitVectorStore

__all__ = [
    "MemkitChatStore",
    "MemkitEmbedding",
    "MemkitMemory",
    "MemkitMemoryBlock",
    "MemkitSyncChatStore",
    "MemkitVectorStore",
    "memory_tools",
]

_MODULES = {
    "MemkitChatStore": "chat_store",
    "MemkitEmbedding": "embedding",
    "MemkitMemory": "memory",
    "MemkitMemoryBlock": "memory_block",
    "MemkitSyncChatStore": "chat_store",
    "MemkitVectorStore": "vector_store",
    "memory_tools": "tools",
}


def __getattr__(name: str) -> Any:
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from memkit.providers.requirements import require

    require("llama_index.core", name, "llamaindex")
    value = getattr(import_module(f"{__name__}.{module}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
