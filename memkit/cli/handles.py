"""The options that every command shares, and the memory that they open."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
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


@contextmanager
def opened(
    store: str | None,
    namespace: str | None,
    project: str | None,
    task: str | None,
    agent: str | None,
    embedder: str | None,
    **settings: Any,
) -> Iterator[Memory]:
    """A memory at the scope of a command's options.

    What an option leaves open comes from the environment or a ``memkit.toml``.
    """
    from memkit import Memory

    with Memory.open(
        store,
        namespace=namespace,
        project=project,
        task=task,
        agent=agent,
        embedder=embedder,
        **settings,
    ) as memory:
        yield memory


Command = Callable[..., None]
