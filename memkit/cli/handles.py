"""The options that commands share, and the memory that they open."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memkit.errors import InvalidInput

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
Token = Annotated[
    str | None,
    typer.Option(
        metavar="SECRET",
        help="For a server; MEMKIT_TOKEN is seen by fewer.",
        rich_help_panel=_SCOPE,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Reach = Annotated[str, typer.Option(help="How far to look: exact, ancestors or subtree.")]
Kinds = Annotated[list[str] | None, typer.Option("--kind", help="Of this kind; repeatable.")]
Tags = Annotated[list[str] | None, typer.Option("--tag", help="With this tag; repeatable.")]

States = Annotated[
    list[str] | None, typer.Option("--state", help="In this state (active); repeatable.")
]
Condition = Annotated[
    str | None,
    typer.Option(
        "--filter",
        metavar="JSON",
        help='That match, as {"field": "metadata.n", "op": "gt", "value": 2}.',
    ),
]

Command = Callable[..., None]
#: What the options of a command say of its memory, as settings; what was left open is absent.
Place = dict[str, Any]

_PLACE: dict[str, Any] = {
    "store": Store,
    "namespace": Namespace,
    "project": Project,
    "task": Task,
    "agent": Agent,
    "token": Token,
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


def operated(*, embeds: bool = False) -> Callable[[Command], Command]:
    """Make a command of a function whose first argument is the session it works in.

    Args:
        embeds: as for :func:`scoped`.
    """

    def decorate(function: Command) -> Command:
        def in_session(place: Place, **given: Any) -> None:
            from memkit.cli.sessions import Session

            with Session({"embedder": "none", **place} if not embeds else place) as session:
                function(session, **given)

        options = {**_PLACE, "embedder": Embedder} if embeds else _PLACE
        return _command(function, in_session, options)

    return decorate


def selected(
    *,
    reach: str,
    kinds: list[str] | None,
    tags: list[str] | None,
    filter: str | None,
    states: list[str] | None,
) -> dict[str, Any]:
    """The options that say which records are meant, as an operation's input has them."""
    told: dict[str, Any] = {"reach": reach, "kinds": kinds or None, "tags": tags or None}
    told["filter"] = None if filter is None else json_object(filter, "--filter")
    told["states"] = states or None
    return told


def json_object(text: str, what: str) -> dict[str, Any]:
    """The object of a text.

    Raises:
        InvalidInput: it is none.
    """
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise InvalidInput(f"{what} takes a JSON object")
    return value


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
