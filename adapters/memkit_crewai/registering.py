"""``storage="memkit"``: memkit among the storages that CrewAI knows by name."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from memkit.errors import ConfigurationError
from memkit_crewai.embedding import MemkitEmbedder
from memkit_crewai.framework import load
from memkit_crewai.handles import MemoryLike
from memkit_crewai.storage import MemkitStorage

if TYPE_CHECKING:
    from crewai.memory.storage.backend import StorageBackend

NAME: Final = "memkit"

Factory = Callable[[str], "StorageBackend | None"]


class Registration:
    """What :func:`register` did: how to undo it, and the embedder that goes with it."""

    def __init__(self, memory: MemoryLike, options: dict[str, Any], default: bool) -> None:
        self._memory = memory
        self._options = options
        self._names = {NAME, "lancedb"} if default else {NAME}
        self._storages: dict[str, MemkitStorage] = {}
        self._lock = threading.Lock()
        self._previous: Factory | None = None
        # A bound method is a new object each time: this one is known again.
        self._make: Factory = self._made

    @property
    def embedder(self) -> MemkitEmbedder:
        """The embedder of the memory that ``storage="memkit"`` means."""
        return self.storage(NAME).embedder

    def storage(self, spec: str) -> MemkitStorage:
        """The storage that a name means; made once."""
        where = None if spec in self._names else spec.removeprefix(NAME + ":")
        with self._lock:
            key = where or ""
            if key not in self._storages:
                memory = self._memory if where is None else where
                self._storages[key] = _Shared(memory, **self._options)
            return self._storages[key]

    def undo(self) -> None:
        """Give the names back to whoever had them, and close what was opened for them.

        Raises:
            ConfigurationError: somebody else registered since: that one must go first.
        """
        from crewai.memory.storage import factory

        if factory._factory is self._make:
            factory.set_memory_storage_factory(self._previous)
        elif factory._factory is not self._previous:
            raise ConfigurationError("another storage factory was set since: undo that first")
        self._close()

    def _set(self) -> None:
        from crewai.memory.storage import factory

        # CrewAI has no way to ask for the factory that is set.
        self._previous = factory._factory
        factory.set_memory_storage_factory(self._make)
        atexit.register(self._close)

    def _made(self, spec: str) -> StorageBackend | None:
        if spec in self._names or spec.startswith(NAME + ":"):
            return self.storage(spec)
        return None if self._previous is None else self._previous(spec)

    def _close(self) -> None:
        atexit.unregister(self._close)
        with self._lock:
            storages = list(self._storages.values())
            self._storages.clear()
        for storage in storages:
            MemkitStorage.close(storage)


class _Shared(MemkitStorage):
    """A storage that several of CrewAI's memories have: none of them closes it."""

    def close(self) -> None:
        """Nothing: the registration closes it."""


def register(memory: MemoryLike = None, *, default: bool = False, **options: Any) -> Registration:
    """Let CrewAI's ``Memory(storage="memkit")`` mean this memory.

    ``"memkit:<url>"`` means the store at that URL. Every other name is left to the factory
    that was set before, or to CrewAI.

    Args:
        memory: what ``"memkit"`` means, as for :class:`MemkitStorage`; opened when it is needed.
        default: take CrewAI's default too, which is named ``"lancedb"``: ``memory=True`` on
            a crew or an agent then means this memory.
        **options: further arguments of :class:`MemkitStorage`.

    Returns:
        the registration; its ``embedder`` is to be given to CrewAI, which asks a provider
        otherwise.

    Raises:
        MissingDependency: CrewAI is not installed.
    """
    load("register")
    made = Registration(memory, options, default)
    made._set()
    return made
