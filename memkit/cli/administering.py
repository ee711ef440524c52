"""A server's own data as commands use it: the operations of the table, here or over there."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Self, cast

from memkit import __version__
from memkit.config import load_settings

if TYPE_CHECKING:
    from memkit.memory import AsyncMemory
    from memkit.server.control import Control
    from memkit.service import Operation

_Remote = Callable[["Operation", dict[str, Any]], Coroutine[Any, Any, Any]]


class Administration:
    """Carries out operations on principals, tokens, grants and the audit.

    By their handlers on the control data of a store, as an administrator, whoever can open
    them; by requests on a server. Enter it with ``with``.

    Args:
        store: the store, or a server's URL; ``None``: the one that is configured.
    """

    def __init__(self, store: str | None) -> None:
        self._store = store
        self._runner = asyncio.Runner()
        self._opened = AsyncExitStack()
        self._remote: _Remote | None = None
        self._control: Control

    def __enter__(self) -> Self:
        try:
            self._runner.run(self._open())
        except BaseException:
            self._runner.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._runner.run(self._opened.aclose())
        finally:
            self._runner.close()

    def call(self, name: str, /, **given: Any) -> Any:
        """Carry an operation out; its result is JSON of the operation's output type.

        Args:
            name: the operation's name.
            **given: its arguments; ``None`` is left out.

        Raises:
            MemkitError: what the operation raises.
        """
        from memkit.service.table import OPERATIONS

        asked = {key: value for key, value in given.items() if value is not None}
        carry_out = self._here if self._remote is None else self._remote
        return self._runner.run(carry_out(OPERATIONS[name], asked))

    async def _open(self) -> None:
        settings = load_settings(**({} if self._store is None else {"url": self._store})).settings
        if settings.url.startswith(("http://", "https://")):
            from memkit import AsyncMemory

            opening = AsyncMemory.open(settings.url)
            client: Any = await self._opened.enter_async_context(opening)
            self._remote = client.call
        else:
            from memkit.server.control import Control, control_url_for

            control = await Control.open(control_url_for(settings.url, settings))
            self._control = await self._opened.enter_async_context(control)

    async def _here(self, operation: Operation, given: dict[str, Any]) -> Any:
        from memkit.service.calling import Embedded, Origin, Place, Service, changes

        # These handlers touch no memory; opening it would fail where a server holds the store.
        service = Service(cast("AsyncMemory", None), self._control)
        caller, origin = Embedded(whoever()), Origin("cli", client=f"memkit {__version__}")
        told = await service.call(operation, given, caller=caller, place=Place(), origin=origin)
        if changes(operation):
            ids = [told[name] for name in ("principal", "id") if name in told]
            if not ids and "principal" in given:
                ids = [(await self._control.principal(given["principal"])).id]
            await note(self._control, operation.name, *ids, namespace=given.get("namespace"))
        return told


async def note(control: Control, operation: str, *ids: str, namespace: str | None = None) -> None:
    """Put a change into the audit.

    Args:
        control: whose audit.
        operation: what was done.
        *ids: of what it was done to.
        namespace: where.
    """
    from memkit.server.control import AuditEntry

    entry = AuditEntry(
        operation,
        principal_name=whoever(),
        namespace=namespace,
        records=ids,
        surface="cli",
        user_agent=f"memkit {__version__}",
        changes=True,
    )
    await control.audit.record(entry)


def whoever() -> str:
    """Who runs the command, as the audit names them."""
    try:
        return f"local:{getpass.getuser()}"
    except (KeyError, OSError):
        return "local"
