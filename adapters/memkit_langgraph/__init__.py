"""memkit in LangGraph and LangChain.

Every name is imported when it is first used: those for LangChain's own interfaces need the extra
``langchain``, the store and the middleware ``langgraph``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from memkit.errors import MissingDependency
from memkit.providers.requirements import install_hint

if TYPE_CHECKING:
    from memkit_langgraph.embeddings import LangChainEmbedder, MemkitEmbeddings
    from memkit_langgraph.history import MemkitChatMessageHistory
    from memkit_langgraph.middleware import MemkitMiddleware
    from memkit_langgraph.retriever import MemkitRetriever
    from memkit_langgraph.store import MemkitStore
    from memkit_langgraph.tools import RecallTool, RememberTool, memory_tools
    from memkit_langgraph.vectorstore import MemkitVectorStore

__all__ = [
    "LangChainEmbedder",
    "MemkitChatMessageHistory",
    "MemkitEmbeddings",
    "MemkitMiddleware",
    "MemkitRetriever",
    "MemkitStore",
    "MemkitVectorStore",
    "RecallTool",
    "RememberTool",
    "memory_tools",
]

# Each name's module and the extra that brings what it needs.
_HOMES = {
    "LangChainEmbedder": ("embeddings", "langchain"),
    "MemkitChatMessageHistory": ("history", "langchain"),
    "MemkitEmbeddings": ("embeddings", "langchain"),
    "MemkitMiddleware": ("middleware", "langgraph"),
    "MemkitRetriever": ("retriever", "langchain"),
    "MemkitStore": ("store", "langgraph"),
    "MemkitVectorStore": ("vectorstore", "langchain"),
    "RecallTool": ("tools", "langchain"),
    "RememberTool": ("tools", "langchain"),
    "memory_tools": ("tools", "langchain"),
}
_FRAMEWORKS = ("langchain", "langchain_core", "langgraph")


def __getattr__(name: str) -> Any:
    try:
        module, extra = _HOMES[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    try:
        found = getattr(import_module(f"{__name__}.{module}"), name)
    except MissingDependency:
        raise
    except ImportError as cause:
        missing = (cause.name or "").partition(".")[0]
        if missing not in _FRAMEWORKS:
            raise
        raise MissingDependency(install_hint(missing.replace("_", "-"), name, extra)) from cause
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
