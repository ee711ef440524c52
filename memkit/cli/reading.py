"""The commands that read: recall, list, get, related, tags, agents."""

from __future__ import annotations

from typing import Annotated

import typer

from memkit.cli import layout, options
from memkit.cli.output import one_line
from memkit.cli.session import Session

_ACTIVE = ("active",)


def recall(
    session: Session,
    query: Annotated[str, typer.Argument(metavar="QUERY", help="What is asked; - reads it.")],
    limit: Annotated[
        int | None, typer.Option("--limit", "-n", metavar="N", help="At most so many hits.")
    ] = None,
    reach: options.Reach = "ancestors",
    kind: options.Kinds = None,
    tag: options.Tags = None,
    mode: Annotated[
        str,
        typer.Option(
            "--mode",
            metavar="HOW",
            help="hybrid, dense (meaning alone) or lexical (words alone).",
        ),
    ] = "hybrid",
    explain: Annotated[
        bool, typer.Option("--explain", help="Show why each hit stands where it does.")
    ] = False,
    state: options.States = None,
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", metavar="TIME", help="What stood then (ISO 8601 with a zone)."),
    ] = None,
) -> None:
    """Find the memories that answer a question, best first."""
    output = session.output
    with session.memory(reading=True, embeds=mode != "lexical") as memory:
        if mode != "lexical":
            # A process for one question: an answer in full beats one a moment earlier.
            memory.warm_up()
        result = memory.recall(
            options.content([query]),
            limit=limit,
            reach=reach,
            kinds=options.chosen(kind),
            tags=options.chosen(tag),
            mode=mode,
            states=options.chosen(state) or _ACTIVE,
            as_of=options.instant(as_of, "--as-of"),
        )
    if output.as_json:
        hits = [layout.hit_json(hit) for hit in result]
        output.document({"hits": hits, "notices": list(result.notices)})
        return
    for rank, hit in enumerate(result, 1):
        layout.show_hit(output, rank, hit, explain=explain)
    output.notice(*result.notices)
    if not result.hits:
        output.notice("nothing was found; --reach subtree looks into projects and tasks below")


def list_records(
    session: Session,
    reach: options.Reach = "ancestors",
    kind: options.Kinds = None,
    tag: options.Tags = None,
    state: options.States = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", metavar="N", help="At most so many on a page.")
    ] = 50,
    cursor: Annotated[
        str | None,
        typer.Option("--cursor", metavar="CURSOR", help="Go on where the page before ended."),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All pages, one after another.")
    ] = False,
    order_by: Annotated[
        str, typer.Option("--order-by", metavar="FIELD", help="A time, number or text field.")
    ] = "created_at",
    ascending: Annotated[
        bool, typer.Option("--ascending", help="The least or oldest first.")
    ] = False,
) -> None:
    """List memories, newest first."""
    output, records = session.output, []
    with session.memory(reading=True, embeds=False) as memory:
        while True:
            page = memory.list(
                reach=reach,
                kinds=options.chosen(kind),
                tags=options.chosen(tag),
                states=options.chosen(state) or _ACTIVE,
                order_by=order_by,
                descending=not ascending,
                cursor=cursor,
                limit=limit,
            )
            cursor = page.cursor
            if output.as_json:
                records += [layout.record_json(record) for record in page]
            else:
                for record in page:
                    layout.show_row(output, record)
            if cursor is None or not everything:
                break
    if output.as_json:
        output.document({"records": records, "cursor": cursor})
    elif cursor is not None:
        output.notice(f"there are more: --cursor {cursor}, or --all")


def get(session: Session, ids: options.Ids) -> None:
    """Show memories whole, whatever their state."""
    output = session.output
    with session.memory(reading=True, embeds=False) as memory:
        records = [memory.get(id_) for id_ in ids]
    if output.as_json:
        output.document({"records": [layout.record_json(record) for record in records]})
        return
    for number, record in enumerate(records):
        if number:
            output.line("")
        layout.show_record(output, record)


def related(
    session: Session,
    id_: options.Id,
    type_: Annotated[
        list[str] | None,
        typer.Option("--type", metavar="TYPE", help="Only over such links (repeat: any of them)."),
    ] = None,
    depth: Annotated[
        int, typer.Option("--depth", metavar="N", help="At most so many links away, 1 to 6.")
    ] = 1,
    direction: Annotated[
        str, typer.Option("--direction", metavar="WAY", help="out, in or both.")
    ] = "both",
    limit: Annotated[
        int, typer.Option("--limit", "-n", metavar="N", help="At most so many memories.")
    ] = 50,
) -> None:
    """Show the memories that links lead to from one."""
    output = session.output
    with session.memory(reading=True, embeds=False) as memory:
        found = memory.related(
            id_, types=options.chosen(type_), depth=depth, direction=direction, limit=limit
        )
    if output.as_json:
        rows = [
            {
                "depth": item.depth,
                "path": [{"type": edge.type, "target": edge.target} for edge in item.path],
                "record": layout.record_json(item.record),
            }
            for item in found
        ]
        output.document({"related": rows})
        return
    for item in found:
        output.line(one_line(" > ".join(edge.type for edge in item.path)), clip=True)
        layout.show_row(output, item.record)
    if not found:
        output.notice("no links lead to or from it")


def tags(session: Session, reach: options.Reach = "ancestors") -> None:
    """List the tags, and on how many memories each is."""
    with session.memory(reading=True, embeds=False) as memory:
        counts = memory.tags(reach=reach)
    _show_counts(session, "tags", counts)


def agents(session: Session, reach: options.Reach = "ancestors") -> None:
    """List the agents, and how many memories each wrote."""
    with session.memory(reading=True, embeds=False) as memory:
        counts = memory.agents(reach=reach)
    _show_counts(session, "agents", counts)


def _show_counts(session: Session, what: str, counts: dict[str, int]) -> None:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    if session.output.as_json:
        session.output.document({what: dict(ordered)})
        return
    width = max((len(f"{count:,}") for _, count in ordered), default=0)
    for label, count in ordered:
        session.output.line((f"{count:>{width},}", "bold"), f"  {one_line(label)}", clip=True)
    if not ordered:
        session.output.notice(f"there are no {what} here")
