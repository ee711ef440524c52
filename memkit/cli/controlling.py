"""What the commands on control data share: the store they open, and how they tell of it."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, cast

import typer

from memkit import __version__
from memkit.cli.output import show, show_json
from memkit.cli.writing import _span, moment
from memkit.config import load_settings
from memkit.errors import InvalidInput

if TYPE_CHECKING:
    from memkit.client import AsyncClient
    from memkit.server.control import Control

T = TypeVar("T")

Who = Annotated[str, typer.Argument(metavar="PRINCIPAL", help="Its name or id.")]
OfWhom = Annotated[str | None, typer.Argument(metavar="[PRINCIPAL]", help="Its name or id.")]


def on_control(store: str | None, work: Callable[[Control], Awaitable[T]]) -> T:
    """Do something with the control store of a store."""
    settings = load_settings(**({} if store is None else {"url": store})).settings

    async def main() -> T:
        if settings.url.startswith(("http://", "https://")):
            from memkit import AsyncMemory
            from memkit.cli.administering import Administration

            async with AsyncMemory.open(settings.url) as memory:
                over_there: Any = Administration(cast("AsyncClient", memory))
                return await work(over_there)
        from memkit.server.control import Control, control_url_for

        async with await Control.open(control_url_for(settings.url, settings)) as control:
            return await work(control)

    return asyncio.run(main())


async def note(control: Control, operation: str, *ids: str, namespace: str | None = None) -> None:
    """Put a change into the audit."""
    from memkit.server.control import AuditEntry

    try:
        who = f"local:{getpass.getuser()}"
    except (KeyError, OSError):
        who = "local"
    entry = AuditEntry(
        operation,
        principal_name=who,
        namespace=namespace,
        records=ids,
        surface="cli",
        user_agent=f"memkit {__version__}",
        changes=True,
    )
    await control.audit.record(entry)


def tell(told: dict[str, Any], text: str, *, as_json: bool) -> None:
    """Print what was done: a document for programs, or text for people."""
    if as_json:
        show_json(told)
    else:
        show(text)


def plain(values: dict[str, Any]) -> dict[str, Any]:
    """Values as JSON has them, absent ones left out."""
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in values.items()
        if value is not None
    }


def later(text: str) -> datetime:
    """A time from now on, given as a span or a time."""
    if text[-1:] not in "smhdw":
        return moment(text, "--expires")
    try:
        return datetime.now(UTC) + _span(text)
    except OverflowError:
        raise InvalidInput("--expires is beyond the calendar") from None


def earlier(text: str, what: str) -> datetime:
    """A time before now, given as a span or a time."""
    if text[-1:] not in "smhdw":
        return moment(text, what)
    try:
        return datetime.now(UTC) - _span(text)
    except OverflowError:
        raise InvalidInput(f"{what} is before the calendar") from None
