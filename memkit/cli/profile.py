"""Commands about what is known of a user or a project: profile show, add, remove."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from memkit.cli.handles import Command, Json, operated
from memkit.cli.output import printable, show, show_json
from memkit.cli.sessions import Session
from memkit.cli.writing import Id

app = typer.Typer(
    no_args_is_help=True,
    help="What is known of a user or project: constraints, preferences, decisions, facts.",
)


@operated()
def show_(
    session: Session,
    subject: Annotated[
        str | None, typer.Option(help="Facts about this one alone, by any of its names.")
    ] = None,
    limit: Annotated[int | None, typer.Option(help="At most so many of each section.")] = None,
    max_chars: Annotated[int | None, typer.Option(help="The longest the text may be.")] = None,
    entries: Annotated[
        bool, typer.Option("--entries", help="Every entry with its id, instead of the text.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Tell what is known, as a short text for a prompt."""
    told = session.call("profile", subject=subject, limit=limit, max_chars=max_chars)
    if as_json:
        show_json(told)
        return
    if not entries:
        show(told["text"] or "nothing is known")
        return
    facts = [each for held in told["facts"].values() for each in held]
    for section in ("constraints", "preferences", "decisions", "facts", "notes"):
        held = facts if section == "facts" else told[section]
        for entry in held:
            marks = [word for word in ("pinned", "manual") if entry[word]]
            said = " ".join((section, f"{entry['confidence']:.2f}", *marks))
            show(f"{entry['id']}  {said}  {' '.join(printable(entry['text']).split())}")


@operated(embeds=True)
def add(
    session: Session,
    text: Annotated[list[str], typer.Argument(metavar="TEXT", help="What is known.")],
    section: Annotated[
        str, typer.Option(help="constraints, preferences, decisions, facts or notes.")
    ] = "preferences",
    pinned: Annotated[bool, typer.Option("--pin/--no-pin", help="Whether it is held up.")] = True,
    private: Annotated[bool, typer.Option("--private", help="For --agent alone.")] = False,
    as_json: Json = False,
) -> None:
    """Add something that is known, by hand."""
    told = session.call(
        "add_to_profile",
        text=" ".join(text),
        section=section,
        pinned=pinned,
        private=private or None,
    )
    if as_json:
        show_json(told)
    else:
        show(f"{told['status']} {told['id']}")


@operated()
def remove(session: Session, id_: Id, as_json: Json = False) -> None:
    """Take an entry out: its record is forgotten, until it is restored."""
    told = session.call("remove_from_profile", id=id_)
    if as_json:
        show_json(told)
    else:
        show(f"forgotten {told['id']}")


_COMMANDS: Final[dict[str, Command]] = {"show": show_, "add": add, "remove": remove}
for _name, _command in _COMMANDS.items():
    app.command(_name)(_command)

#: The commands by name.
COMMANDS: Final[dict[str, Command]] = {}
#: Groups of commands by name.
APPS: Final = {"profile": app}
