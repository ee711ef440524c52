"""The options that commands share, and the memory that they open."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from memkit import Memory

_SCOPE = "Scope"

Store = Annotated[
    str | None, typer.Option("--store", metavar="URL", help="The store.", rich_help_panel=_SCOPE)
]
Namespace = Annotated[str | None, typer.Option(help="The tenant.", rich_help_panel=_SCOPE)]
Project = Annotated[str | None, typer.Option(help="The project inside it.", rich_help_panel=_SCOPE)]
Task = Annotated[str | None, typer.Option(help="The task inside that.", rich_help_panel=_SCOPE)]
Agent = Annotated[str | None, typer.Option(help="Who speaks.", rich_help_panel=_SCOPE)]
Embedder = Annotated[
    str | None,
    typer.Option(metavar="URL", help="What embeds: local, none, ...", rich_help_panel=_SCOPE),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Reach = Annotated[str, typer.Option(help="How far to look: exact, ancestors or subtree.")]
Kinds = Annotated[list[str] | None, typer.Option("--kind", help="Of this kind; repeatable.")]
Tags = Annotated[list[str] | None, typer.Option("--tag", help="With this tag; repeatable.")]

Command = Callable[..., None]
#: What the options of a command say of its memory, as settings; what was left open is absent.
Place = dict[str, Any]

_PLACE: dict[str, Any] = {
    "store": Store,
    "namespace": Namespace,
    "project": Project,
    "task": Task,
    "agent": Agent,
}


def placed(function: Command) -> Command:
    """Make a command of a function whose first argument is the :data:`Place` it is about."""
    return _command(function, function, {**_PLACE, "embedder": Embedder})


def scoped(*, embeds: bool = False) -> Callable[[Command], Command]:
    """Make a command of a function whose first argument is the memory it works on.

    Args:
        embeds: whether it needs vectors; otherwise no model is loaded.
    """

    def decorate(function: Command) -> Command:
        def on_memory(place: Place, **given: Any) -> None:
            with opened({"embedder": "none", **place} if not embeds else place) as memory:
                function(memory, **given)

        options = {**_PLACE, "embedder": Embedder} if embeds else _PLACE
        return _command(function, on_memory, options)

    return decorate


def opened(place: Place) -> Memory:
    """The memory of a place; what that leaves open comes from the environment or a file."""
    from memkit import Memory

    url, embedder = place.get("url"), place.get("embedder")
    rest = {name: value for name, value in place.items() if name not in ("url", "embedder")}
    return Memory.open(url, embedder=embedder, **rest)


def _command(function: Command, run: Command, options: dict[str, Any]) -> Command:
    @wraps(function)
    def command(**given: Any) -> None:
        asked = {name: given.pop(name) for name in options}
        asked["url"] = asked.pop("store")
        run({name: value for name, value in asked.items() if value is not None}, **given)

    _, *own = inspect.signature(function, eval_str=True).parameters.values()
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)
        for name, kind in options.items()
    ]
    parameters = [item.replace(kind=inspect.Parameter.KEYWORD_ONLY) for item in own] + added
    # typer reads a command's options off its signature.
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {item.name: item.annotation for item in parameters}
    return command
