"""memkit in CrewAI: a storage, an embedder and a memory that keep CrewAI's own interfaces.

Every name is imported when it is first used, and CrewAI itself, which takes seconds, only when
one of them is made. They need the extra ``crewai``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from memkit_crewai.framework import load

if TYPE_CHECKING:
    from memkit_crewai.embedding import MemkitEmbedder
    from memkit_crewai.memory import MemkitMemory
    from memkit_crewai.registering import Registration, register
    from memkit_crewai.storage import MemkitStorage

__all__ = ["MemkitEmbedder", "MemkitMemory", "MemkitStorage", "Registration", "register"]

_HOMES = {
    "MemkitEmbedder": "embedding",
    "MemkitMemory": "memory",
    "MemkitStorage": "storage",
    "Registration": "registering",
    "register": "registering",
}


def __getattr__(name: str) -> Any:
    try:
        module = _HOMES[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    if module == "memory":
        # The one that is a subclass of CrewAI's own: it cannot wait until it is made.
        load(name)
    found = getattr(import_module(f"{__name__}.{module}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
