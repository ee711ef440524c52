"""Commands that read: recall, list, count, get, related, tags, agents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from memkit.cli.handles import (
    Command,
    Condition,
    Json,
    Kinds,
    Reach,
    States,
    Tags,
    operated,
    selected,
)
from memkit.cli.output import notices, show, show_counts, show_json, show_record
from memkit.cli.sessions import Session
from memkit.cli.writing import moment

if TYPE_CHECKING:
    from memkit.service.outputs import HitJson


@operated(embeds=True)
def recall(
    session: Session,
    query: Annotated[list[str], typer.Argument(metavar="QUERY", help="What is asked.")],
    limit: Annotated[int | None, typer.Option(help="At most so many hits.")] = None,
    reach: Reach = "ancestors",
    kinds: Kinds = None,
    tags: Tags = None,
    filter: Condition = None,
    states: States = None,
    mode: Annotated[str, typer.Option(help="hybrid, dense or lexical.")] = "hybrid",
    as_of: Annotated[str | None, typer.Option(help="What stood then, ISO 8601.")] = None,
    at: Annotated[
        str | None, typer.Option(help="What 'last week' is counted from, ISO 8601.")
    ] = None,
    profile: Annotated[str | None, typer.Option(help="fast, balanced or best.")] = None,
    context: Annotated[int, typer.Option(help="So many turns around each hit.")] = 0,
    diverse: Annotated[
        bool, typer.Option("--diverse/--repetitive", help="Whether repetitions make room.")
    ] = True,
    min_relevance: Annotated[float, typer.Option(help="From 0 to 1.")] = 0.0,
    constraints: Annotated[
        bool, typer.Option("--constraints/--no-constraints", help="Whether they come along.")
    ] = True,
    explain: Annotated[bool, typer.Option("--explain", help="Say why, hit by hit.")] = False,
    as_json: Json = False,
) -> None:
    """Find the memories that answer a query best."""
    if mode != "lexical":
        # One question in a process of its own: waiting for the model is worth it.
        session.warm_up()
    told = session.call(
        "recall",
        query=" ".join(query),
        limit=limit,
        **selected(reach=reach, kinds=kinds, tags=tags, filter=filter, states=states),
        mode=mode,
        as_of=None if as_of is None else moment(as_of, "--as-of"),
        at=None if at is None else moment(at, "--at"),
        profile=profile,
        context=context,
        diverse=diverse,
        min_relevance=min_relevance,
        constraints=constraints,
    )
    if as_json:
        show_json(told)
        return
    if told["constraints"]:
        show("constraints (always apply):")
        for record in told["constraints"]:
            show_record(record, "  ")
    for hit in told["memories"]:
        show_record(hit, f"{hit['score']:.3f}  ")
        if explain:
            show(f"  why: {_why(hit)}", style="cyan")
        for turn in hit.get("context", ()):
            speaker = f"{turn['speaker']}: " if "speaker" in turn else ""
            show(f"    {speaker}{turn['content']}", style="dim")
    if not told["memories"]:
        show("nothing found")
    notices(told["notices"])


def _why(hit: HitJson) -> str:
    from memkit.types import Leg, Why

    why = hit["why"]
    legs = {name: Leg(leg["rank"], leg["score"]) for name, leg in why["legs"].items()}
    return str(Why(legs, why["fused"], why["factors"]))


@operated()
def list_(
    session: Session,
    reach: Reach = "ancestors",
    kinds: Kinds = None,
    tags: Tags = None,
    filter: Condition = None,
    states: States = None,
    order_by: Annotated[str, typer.Option(help="A time, number or text field.")] = "created_at",
    descending: Annotated[
        bool, typer.Option("--descending/--ascending", help="The greatest or the least first.")
    ] = True,
    limit: Annotated[int, typer.Option(help="At most so many.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="Where the last page ended.")] = None,
    as_json: Json = False,
) -> None:
    """List records, newest first."""
    page = session.call(
        "list",
        **selected(reach=reach, kinds=kinds, tags=tags, filter=filter, states=states),
        order_by=order_by,
        descending=descending,
        limit=limit,
        cursor=cursor,
    )
    if as_json:
        show_json(page)
        return
    for record in page["records"]:
        show_record(record)
    if not page["records"]:
        show("no records")
    if page["cursor"] is not None:
        notices([f"there are more: --cursor {page['cursor']}"])


@operated()
def count(
    session: Session,
    reach: Reach = "ancestors",
    kinds: Kinds = None,
    tags: Tags = None,
    filter: Condition = None,
    states: States = None,
    as_json: Json = False,
) -> None:
    """Count records."""
    told = session.call(
        "count", **selected(reach=reach, kinds=kinds, tags=tags, filter=filter, states=states)
    )
    if as_json:
        show_json(told)
    else:
        show(str(told["count"]))


@operated()
def get(
    session: Session,
    ids: Annotated[list[str], typer.Argument(metavar="ID...")],
    as_json: Json = False,
) -> None:
    """Show records whole; of several, those that are there."""
    if len(ids) > 1:
        found = session.call("get_many", ids=ids)
        if as_json:
            show_json(found)
        for number, each in enumerate([] if as_json else found["records"]):
            if number:
                show("")
            _show_whole(each)
        return
    record: dict[str, Any] = session.call("get", id=ids[0])
    if as_json:
        show_json(record)
        return
    _show_whole(record)


def _show_whole(record: dict[str, Any]) -> None:
    for name, value in record.items():
        show(f"{name:<16}{value}")


@operated()
def related(
    session: Session,
    id_: Annotated[str, typer.Argument(metavar="ID")],
    types: Annotated[
        list[str] | None, typer.Option("--type", help="Over links of this type; repeatable.")
    ] = None,
    depth: Annotated[int, typer.Option(help="At most so many links away.")] = 1,
    direction: Annotated[str, typer.Option(help="out, in or both.")] = "both",
    limit: Annotated[int, typer.Option(help="At most so many.")] = 50,
    as_json: Json = False,
) -> None:
    """Follow a record's links."""
    told = session.call(
        "related", id=id_, types=types or None, depth=depth, direction=direction, limit=limit
    )
    if as_json:
        show_json(told)
        return
    for item in told["related"]:
        show_record(item["record"], f"{' > '.join(edge['type'] for edge in item['path'])}  ")
    if not told["related"]:
        show("nothing is linked to it")


def _counts(session: Session, name: str, reach: str, *, as_json: bool) -> None:
    told = session.call(name, reach=reach)
    if as_json:
        show_json(told)
    else:
        show_counts(told["counts"])


@operated()
def tags(session: Session, reach: Reach = "ancestors", as_json: Json = False) -> None:
    """Show the tags and how many records have them."""
    _counts(session, "tags", reach, as_json=as_json)


@operated()
def agents(session: Session, reach: Reach = "ancestors", as_json: Json = False) -> None:
    """Show who wrote records, and how many."""
    _counts(session, "agents", reach, as_json=as_json)


COMMANDS: dict[str, Command] = {
    "recall": recall,
    "list": list_,
    "count": count,
    "get": get,
    "related": related,
    "tags": tags,
    "agents": agents,
}
