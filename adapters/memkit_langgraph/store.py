"""MemkitStore: LangGraph's long-term memory on memkit."""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike
from types import TracebackType
from typing import Literal, Self

from langgraph.store.base import (
    BaseStore,
    IndexConfig,
    Op,
    Result,
    TTLConfig,
    ensure_embeddings,
)

from memkit import AsyncMemory
from memkit.errors import ConfigurationError, InvalidInput
from memkit.handles import Handles, MemoryLike, run
from memkit.protocols import Embedder
from memkit.scope import Scope
from memkit_langgraph.embeddings import LangChainEmbedder
from memkit_langgraph.store_operations import Operations
from memkit_langgraph.store_texts import WHOLE, check_paths


class MemkitStore(BaseStore):
    """A LangGraph store whose items are memories of one scope.

    ``graph = builder.compile(store=MemkitStore(memory.at(namespace="acme")))``

    Items are put into the handle's own place (its namespace, project and task) under their
    namespace and key; the store lists, changes and deletes nothing else there. Each item is a
    memory like others too: ``memory.recall`` finds its text. Blocking and asynchronous methods both
    work with every handle, in any thread and event loop.

    Args:
        memory: a ``Memory``, an ``AsyncMemory`` or a client, which stays open; or what
            ``AsyncMemory.open`` returns, the URL or path of a store, or ``None`` for the default
            one: it is opened at the first use, and ``close`` closes it.
        index: what of a value a query finds: ``fields`` is a list of JSON paths, by default the
            whole value (``$``). ``embed`` and ``dims`` are for a memory that is opened here: one
            that was handed in has its embedder.
        ttl: ``default_ttl`` in minutes and ``refresh_on_read``. Items end when their time is over,
            without a sweeper.
        private: keep the items for the handle's agent alone.
        kind: the kind of the memories.
        on_delete: ``erase``: what is deleted is gone for good; ``forget``: ``memory.restore`` can
            bring it back, which suits stores that a model's tools delete from.

    Raises:
        ConfigurationError: ``embed`` was given for a memory that has an embedder already.
        InvalidInput: an argument cannot be accepted.
    """

    supports_ttl = True

    def __init__(
        self,
        memory: MemoryLike = None,
        *,
        index: IndexConfig | None = None,
        ttl: TTLConfig | None = None,
        private: bool = False,
        kind: str = "note",
        on_delete: Literal["erase", "forget"] = "erase",
    ) -> None:
        if on_delete not in ("erase", "forget"):
            raise InvalidInput("on_delete is 'erase' or 'forget'")
        self.index_config: IndexConfig | None = None if index is None else index.copy()
        self.ttl_config = None if ttl is None else ttl.copy()
        self._paths = check_paths((index or {}).get("fields") or [WHOLE])
        self._kind, self._private = kind, private
        self._on_delete: Literal["erase", "forget"] = on_delete
        self._handles = Handles(memory, **_embedder(memory, index))
        self._operations: Operations | None = None
        if not self._handles.owned:
            self._on(self._handles.aio)

    @property
    def scope(self) -> Scope:
        """Where the items are kept."""
        return self._handles.aio.scope

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Carry out operations; the results stand in their order.

        What is read is as it was before the batch, and of several puts under one key the last
        stays. All are checked before the first is carried out; the deletions are made first, the
        puts then at once.

        Raises:
            InvalidNamespaceError: a label is not one.
            InvalidInput: an operation cannot be accepted.
        """
        return run(self._on(self._handles.aio).carry_out(ops))

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """As ``batch``, in the event loop that runs."""
        return await self._on(await self._handles.get()).carry_out(ops)

    def close(self) -> None:
        """Close the memory if the store opened it; one that was handed in stays open."""
        self._handles.close()

    async def aclose(self) -> None:
        """As ``close``, for code that awaits."""
        await self._handles.aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _: type[BaseException] | None,
        __: BaseException | None,
        ___: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        _: type[BaseException] | None,
        __: BaseException | None,
        ___: TracebackType | None,
    ) -> None:
        await self.aclose()

    def _on(self, memory: AsyncMemory) -> Operations:
        """The operations on the memory, once it is open."""
        if self._operations is None:
            if self._private and memory.scope.agent is None:
                raise InvalidInput("private items need an owner: bind agent= on the handle")
            self._operations = Operations(
                memory, self._paths, self._kind, self._private, self._on_delete
            )
        return self._operations


def _embedder(memory: MemoryLike, index: IndexConfig | None) -> dict[str, Embedder]:
    """What a memory that is opened here is opened with: the embeddings of ``index``."""
    embed = None if index is None else index.get("embed")
    if embed is None or index is None:
        return {}
    if memory is not None and not isinstance(memory, str | PathLike):
        raise ConfigurationError(
            "the memory that was handed in has its embedder: leave embed= out, and open the "
            "memory with embedder=LangChainEmbedder(embeddings)"
        )
    return {"embedder": LangChainEmbedder(ensure_embeddings(embed), dimension=index.get("dims"))}
