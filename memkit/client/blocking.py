"""Client: Memory on a server."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from memkit.blocking import Memory

if TYPE_CHECKING:
    from memkit.client.remote import AsyncClient

T = TypeVar("T")


class Client(Memory):
    """A handle on a memory that a server keeps; every call returns when it is done.

    Made by ``Memory.open("http://…", token=…)``. The methods are :class:`Memory`'s, each of
    which goes to :class:`AsyncClient`.
    """

    def __init__(self, memory: AsyncClient) -> None:
        self._remote = memory
        super().__init__(memory, memory.connection.loop)

    def __repr__(self) -> str:
        return repr(self._remote)

    @property
    def asynchronous(self) -> AsyncClient:
        """The handle that this is a face of."""
        return self._remote

    def at(
        self,
        *,
        namespace: str | None = None,
        project: str | None = None,
        task: str | None = None,
        agent: str | None = None,
    ) -> Client:
        """A narrower handle on the same connection; as Memory's."""
        narrower = self._remote.at(namespace=namespace, project=project, task=task, agent=agent)
        return Client(narrower)

    def close(self) -> None:
        """End the connections, for all handles on them; the server goes on."""
        self._remote.connection.close_from_outside()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        # In the connection's own loop, not the calling thread's: a request would only be handed
        # over from there.
        return self._remote.connection.wait(work)
