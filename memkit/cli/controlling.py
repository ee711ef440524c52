"""What the commands on control data share: the store they open, and how they tell of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from memkit.cli.output import show, show_json
from memkit.cli.writing import _span, moment
from memkit.config import load_settings
from memkit.errors import InvalidInput

if TYPE_CHECKING:
    from memkit.server.control import Control

T = TypeVar("T")

Who = Annotated[str, typer.Argument(metavar="PRINCIPAL", help="Its name or id.")]
OfWhom = Annotated[str | None, typer.Argument(metavar="[PRINCIPAL]", help="Its name or id.")]


def call(store: str | None, name: str, /, **given: Any) -> Any:
    """Carry one operation on control data out; its result as JSON."""
    from memkit.cli.administering import Administration

    with Administration(store) as administration:
        return administration.call(name, **given)


def on_control(store: str | None, what: str, work: Callable[[Control], Awaitable[T]]) -> T:
    """Do something that no operation does with the control store of a store.

    Args:
        store: the store; ``None``: the one that is configured.
        what: what is done, for the refusal where the store is a server.
        work: does it.
    """
    settings = load_settings(**({} if store is None else {"url": store})).settings
    if settings.url.startswith(("http://", "https://")):
        raise InvalidInput(f"{what} is done where the server's store is: name that store")

    async def main() -> T:
        from memkit.server.control import Control, control_url_for

        async with await Control.open(control_url_for(settings.url, settings)) as control:
            return await work(control)

    return asyncio.run(main())


def tell(told: dict[str, Any], text: str, *, as_json: bool) -> None:
    """Print what was done: a document for programs, or text for people."""
    if as_json:
        show_json(told)
    else:
        show(text)


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
