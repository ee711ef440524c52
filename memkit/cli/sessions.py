"""A command's session: the operations of the table on the memory that its options name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from memkit import AsyncMemory
    from memkit.events.watching import Watch
    from memkit.service import Operation
    from memkit.types import Event


class Session:
    """Carries operations out: by their handlers on a store, by requests on a server.

    Enter it with ``with``.
    """

    def __init__(self, place: dict[str, Any]) -> None:
        self._place = place
        self._runner = asyncio.Runner()
        self._memory: AsyncMemory

    def __enter__(self) -> Self:
        try:
            self._memory = self._runner.run(self._opened())
        except BaseException:
            self._runner.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._runner.run(self._memory.close())
        finally:
            self._runner.close()

    def call(self, name: str, **given: Any) -> Any:
        """Carry an operation out; its result is JSON of the operation's output type.

        Args:
            name: the operation's name.
            **given: its arguments; ``None`` is left out.

        Raises:
            MemkitError: what the operation raises.
        """
        return self.call_with(
            name, {key: value for key, value in given.items() if value is not None}
        )

    def call_with(self, name: str, given: dict[str, Any]) -> Any:
        """As :meth:`call`, with what is ``None`` among the arguments as well."""
        from memkit.service.table import OPERATIONS

        remote = getattr(self._memory, "call", self._here)
        return self._runner.run(remote(OPERATIONS[name], given))

    def watch(self, tell: Callable[[Event], bool], **given: Any) -> str | None:
        """Hand events to ``tell`` until it returns ``False``; the cursor of the last one."""
        return self._runner.run(self._watch(tell, given))

    def warm_up(self) -> None:
        """Wait for a model of this process; a server has its own."""
        if not hasattr(self._memory, "call"):
            self._runner.run(self._memory.warm_up())

    async def _opened(self) -> AsyncMemory:
        from memkit import AsyncMemory

        given = dict(self._place)
        return await AsyncMemory.open(given.pop("url", None), **given)

    async def _here(self, operation: Operation, given: dict[str, Any]) -> Any:
        """Carry an operation out by its handler, as whoever can open the store."""
        from memkit.service.calling import Embedded, Origin, Place, Service

        return await Service(self._memory).call(
            operation, given, caller=Embedded(), place=Place(), origin=Origin("cli")
        )

    async def _watch(self, tell: Callable[[Event], bool], given: dict[str, Any]) -> str | None:
        watching: Watch
        if hasattr(self._memory, "call"):
            watching = self._memory.watch(**given)
        else:
            from memkit.service.streams import STREAMS

            watching = await self._here(STREAMS["watch"], given)
        async with watching:
            async for event in watching:
                if not tell(event):
                    break
            return watching.cursor
