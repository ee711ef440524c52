"""Commands about whom and what records tell of: entities, entity, link-types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

import typer

from memkit.blocking import Memory
from memkit.cli.handles import Command, Json, Reach, operated, scoped
from memkit.cli.output import notices, progress, show, show_json
from memkit.cli.sessions import Session

app = typer.Typer(
    no_args_is_help=True, help="Whom and what memories tell of, under all their names."
)


@operated()
def entities(
    session: Session,
    query: Annotated[
        str | None, typer.Argument(help="A name, a part of one, or one misspelt.")
    ] = None,
    reach: Reach = "ancestors",
    limit: Annotated[int, typer.Option(help="At most so many.")] = 50,
    as_json: Json = False,
) -> None:
    """List whom and what memories name, the most often named first."""
    told = session.call("entities", query=query, reach=reach, limit=limit)
    if as_json:
        show_json(told)
        return
    for each in told["entities"]:
        also = f"  ({', '.join(each['aliases'])})" if each["aliases"] else ""
        show(f"{each['records']:>6}  {each['name']}{also}")
    if not told["entities"]:
        show("nobody and nothing is named so" if query else "nobody and nothing is named")


@operated(embeds=True)
def alias(
    session: Session,
    name: Annotated[str, typer.Argument(help="What it is called.")],
    other: Annotated[str, typer.Argument(help="Another name of it.")],
    as_json: Json = False,
) -> None:
    """Say that two names are one entity's; memkit fact undo takes it back."""
    # Not ``call``, whose own first argument is a name.
    given: dict[str, Any] = {"name": name, "other": other}
    told = session.call_with("alias", given)
    if as_json:
        show_json(told)
        return
    show(f"{told['status']} {told['id']}")
    notices(told["notices"])


@operated()
def dossier(
    session: Session,
    entity: Annotated[str, typer.Argument(help="One of its names.")],
    limit: Annotated[int, typer.Option(help="At most so many of each part.")] = 20,
    reach: Reach = "ancestors",
    as_json: Json = False,
) -> None:
    """Tell all that is known of an entity."""
    told = session.call("dossier", entity=entity, limit=limit, reach=reach)
    if as_json:
        show_json(told)
        return
    if told["near"] or not (told["records"] or told["facts"]):
        like = f"; like it are {', '.join(told['near'])}" if told["near"] else ""
        show(f"nothing is known of {told['name']}{like}")
        return
    also = f", also {', '.join(told['aliases'])}" if told["aliases"] else ""
    show(f"{told['name']}{also}", style="bold")
    kinds = ", ".join(f"{count} {kind}" for kind, count in told["kinds"].items())
    if told["first_seen"] is not None:
        seen = f"{told['first_seen'][:10]} to {told['last_seen'][:10]}"
        show(f"{told['records']} memories ({kinds}), {seen}")
    _part("Facts", [_fact(fact) for fact in told["facts"]])
    _part(
        "Memories",
        [f"{each['id']}  {' '.join(each['content'].split())}" for each in told["memories"]],
    )
    _part(
        "Timeline",
        [f"{each['at'][:10]}  {each['what']}  {_said(each)}" for each in told["timeline"]],
    )
    _part("Named beside it", [f"{each['records']:>6}  {each['name']}" for each in told["related"]])


def _part(title: str, lines: list[str]) -> None:
    if lines:
        show(f"\n{title}", style="bold")
        for line in lines:
            show(line)


def _fact(fact: Mapping[str, Any]) -> str:
    said = f"{fact['subject']} {fact['predicate']} {fact['object']}"
    return f"{fact['id']}  {said}, since {fact['valid_from'][:10]}"


def _said(moment: Mapping[str, Any]) -> str:
    fact = moment["fact"]
    if fact is None:
        return str(moment["record"]["content"])
    return f"{fact['subject']} {fact['predicate']} {fact['object']}"


@scoped()
def note(
    memory: Memory,
    again: Annotated[
        bool, typer.Option("--again", help="Also in memories that have names.")
    ] = False,
    after: Annotated[
        str | None, typer.Option(metavar="ID", help="Go on behind this, an earlier cursor.")
    ] = None,
    limit: Annotated[int | None, typer.Option(help="At most so many memories.")] = None,
    as_json: Json = False,
) -> None:
    """Find the names in memories that were stored without."""
    with progress("finding names", quiet=as_json) as tell:
        noted = memory.note_entities(again=again, after=after, limit=limit, progress=tell)
    if as_json:
        from memkit.service.entities import noted_json

        show_json(noted_json(noted))
        return
    more = "" if noted.cursor is None else f"; go on with --after {noted.cursor}"
    show(f"{noted.looked} memories looked at, {noted.stamped} changed{more}")


@operated()
def link_types(session: Session, as_json: Json = False) -> None:
    """List the types of links and what they mean."""
    told = session.call("link_types")
    if as_json:
        show_json(told)
        return
    for each in told["types"]:
        back = "" if each["symmetric"] else f"back: {each['inverse']}"
        show(f"{each['name']:<14}{back:<22}{each['meaning']}")


for _name, _command in {"alias": alias, "dossier": dossier, "note": note}.items():
    app.command(_name)(_command)

#: The commands by name.
COMMANDS: Final[Mapping[str, Command]] = {"entities": entities, "link-types": link_types}
#: Groups of commands by name.
APPS: Final[Mapping[str, typer.Typer]] = {"entity": app}
