"""Commands that read: recall, list, get, related, tags, agents."""

from __future__ import annotations

from typing import Annotated

import typer

from memkit.blocking import Memory
from memkit.cli.handles import (
    Command,
    Json,
    Kinds,
    Reach,
    Tags,
    scoped,
)
from memkit.cli.output import (
    as_hit,
    as_record,
    notices,
    show,
    show_counts,
    show_json,
    show_record,
)
from memkit.cli.writing import moment


@scoped(embeds=True)
def recall(
    memory: Memory,
    words: Annotated[list[str], typer.Argument(metavar="QUERY", help="What is asked.")],
    limit: Annotated[int | None, typer.Option(help="At most so many hits.")] = None,
    reach: Reach = "ancestors",
    kind: Kinds = None,
    tag: Tags = None,
    mode: Annotated[str, typer.Option(help="hybrid, dense or lexical.")] = "hybrid",
    as_of: Annotated[str | None, typer.Option(help="What stood then, ISO 8601.")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Say why, hit by hit.")] = False,
    as_json: Json = False,
) -> None:
    """Find the memories that answer a query best."""
    if mode != "lexical":
        # One question in a process of its own: waiting for the model is worth it.
        memory.warm_up()
    hits = memory.recall(
        " ".join(words),
        limit=limit,
        reach=reach,
        kinds=kind,
        tags=tag,
        mode=mode,
        as_of=None if as_of is None else moment(as_of, "--as-of"),
    )
    if as_json:
        show_json({"hits": [as_hit(hit) for hit in hits], "notices": list(hits.notices)})
        return
    for hit in hits:
        show_record(hit.record, f"{hit.score:.3f}  ")
        if explain:
            show(f"  why: {hit.why}", style="cyan")
    if not hits:
        show("nothing found")
    notices(hits.notices)


@scoped()
def list_(
    memory: Memory,
    reach: Reach = "ancestors",
    kind: Kinds = None,
    tag: Tags = None,
    state: Annotated[
        list[str] | None, typer.Option(help="In this state (active); repeatable.")
    ] = None,
    limit: Annotated[int, typer.Option(help="At most so many.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="Where the last page ended.")] = None,
    as_json: Json = False,
) -> None:
    """List records, newest first."""
    page = memory.list(
        reach=reach,
        kinds=kind,
        tags=tag,
        states=state or ("active",),
        limit=limit,
        cursor=cursor,
    )
    if as_json:
        show_json({"records": [as_record(record) for record in page], "cursor": page.cursor})
        return
    for record in page:
        show_record(record)
    if not page.records:
        show("no records")
    if page.cursor is not None:
        notices([f"there are more: --cursor {page.cursor}"])


@scoped()
def get(
    memory: Memory,
    id_: Annotated[str, typer.Argument(metavar="ID")],
    as_json: Json = False,
) -> None:
    """Show a record whole."""
    record = memory.get(id_)
    if as_json:
        show_json(as_record(record))
        return
    for name, value in as_record(record).items():
        show(f"{name:<16}{value}")


@scoped()
def related(
    memory: Memory,
    id_: Annotated[str, typer.Argument(metavar="ID")],
    type_: Annotated[
        list[str] | None, typer.Option("--type", help="Over links of this type; repeatable.")
    ] = None,
    depth: Annotated[int, typer.Option(help="At most so many links away.")] = 1,
    direction: Annotated[str, typer.Option(help="out, in or both.")] = "both",
    limit: Annotated[int, typer.Option(help="At most so many.")] = 50,
    as_json: Json = False,
) -> None:
    """Follow a record's links."""
    found = memory.related(id_, types=type_, depth=depth, direction=direction, limit=limit)
    if as_json:
        show_json(
            {
                "related": [
                    {
                        "depth": item.depth,
                        "path": [{"type": edge.type, "target": edge.target} for edge in item.path],
                        "record": as_record(item.record),
                    }
                    for item in found
                ]
            }
        )
        return
    for item in found:
        show_record(item.record, f"{' > '.join(edge.type for edge in item.path)}  ")
    if not found:
        show("nothing is linked to it")


@scoped()
def tags(
    memory: Memory,
    reach: Reach = "ancestors",
    as_json: Json = False,
) -> None:
    """Show the tags and how many records have them."""
    show_counts("tags", memory.tags(reach=reach), as_json=as_json)


@scoped()
def agents(
    memory: Memory,
    reach: Reach = "ancestors",
    as_json: Json = False,
) -> None:
    """Show who wrote records, and how many."""
    show_counts("agents", memory.agents(reach=reach), as_json=as_json)


COMMANDS: dict[str, Command] = {
    "recall": recall,
    "list": list_,
    "get": get,
    "related": related,
    "tags": tags,
    "agents": agents,
}
