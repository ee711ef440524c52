"""Commands about facts: fact assert, correct, retract, undo, list, declare, predicates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from memkit.cli.handles import Command, Json, Reach, operated
from memkit.cli.output import notices, show, show_json
from memkit.cli.sessions import Session
from memkit.cli.writing import Id, Labels, Meta, Sure, metadata_of, optional_moment

if TYPE_CHECKING:
    from memkit.service.facts import AssertedJson, FactJson

app = typer.Typer(
    no_args_is_help=True, help="What is true of whom, since when, and what was believed."
)

Since = Annotated[str | None, typer.Option(help="Since when, ISO 8601; from now on if left out.")]
Until = Annotated[str | None, typer.Option(help="Until when, ISO 8601; without end if left out.")]
Source = Annotated[str | None, typer.Option(help="Where it came from.")]
Sentence = Annotated[str | None, typer.Option(help="The sentence that is recalled.")]


def _show(told: AssertedJson, as_json: bool) -> None:
    if as_json:
        show_json(told)
        return
    show(f"{told['status']} {told['id']}")
    for id_ in told["closed"]:
        show(f"  {id_} no longer holds")
    for id_ in told["reopened"]:
        show(f"  {id_} holds again")
    notices(told["notices"])


@operated(embeds=True)
def assert_(
    session: Session,
    subject: Annotated[str, typer.Argument(help="Whom it is about.")],
    predicate: Annotated[str, typer.Argument(help="What is said: lives_in, likes, ...")],
    object_: Annotated[str, typer.Argument(metavar="OBJECT", help="The value.")],
    valid_from: Since = None,
    valid_to: Until = None,
    content: Sentence = None,
    confidence: Sure = None,
    source: Source = None,
    tags: Labels = None,
    metadata: Meta = None,
    private: Annotated[bool, typer.Option("--private", help="For --agent alone.")] = False,
    as_json: Json = False,
) -> None:
    """Store a fact: what is true of a subject, and since when."""
    told = session.call(
        "assert_fact",
        subject=subject,
        predicate=predicate,
        object=object_,
        valid_from=optional_moment(valid_from, "--valid-from"),
        valid_to=optional_moment(valid_to, "--valid-to"),
        content=content,
        confidence=confidence,
        source=source,
        tags=tags or None,
        metadata=metadata_of(metadata) or None,
        private=private or None,
    )
    _show(told, as_json)


@operated(embeds=True)
def correct(
    session: Session,
    id_: Id,
    object_: Annotated[str | None, typer.Option("--object", help="The value.")] = None,
    valid_from: Since = None,
    valid_to: Until = None,
    content: Sentence = None,
    confidence: Sure = None,
    source: Source = None,
    as_json: Json = False,
) -> None:
    """Say what was right instead of a fact that never was."""
    told = session.call(
        "correct_fact",
        id=id_,
        object=object_,
        valid_from=optional_moment(valid_from, "--valid-from"),
        valid_to=optional_moment(valid_to, "--valid-to"),
        content=content,
        confidence=confidence,
        source=source,
    )
    _show(told, as_json)


@operated()
def retract(session: Session, id_: Id, as_json: Json = False) -> None:
    """Withdraw a fact that was never right."""
    _show(session.call("retract_fact", id=id_), as_json)


@operated()
def undo(session: Session, id_: Id, as_json: Json = False) -> None:
    """Take back a fact or a correction of one."""
    _show(session.call("undo", id=id_), as_json)


@operated()
def list_(
    session: Session,
    subject: Annotated[str | None, typer.Argument(help="About this.")] = None,
    predicate: Annotated[str | None, typer.Option(help="That say this.")] = None,
    object_: Annotated[str | None, typer.Option("--object", help="With this value.")] = None,
    as_of: Annotated[str | None, typer.Option(help="What was true then.")] = None,
    known_at: Annotated[str | None, typer.Option(help="What was believed then.")] = None,
    history: Annotated[bool, typer.Option("--history", help="Whenever one held.")] = False,
    reach: Reach = "ancestors",
    limit: Annotated[int, typer.Option(help="At most so many.")] = 100,
    as_json: Json = False,
) -> None:
    """Tell what is true, was true, or was believed."""
    told = session.call(
        "facts",
        subject=subject,
        predicate=predicate,
        object=object_,
        as_of=optional_moment(as_of, "--as-of"),
        known_at=optional_moment(known_at, "--known-at"),
        history=history,
        reach=reach,
        limit=limit,
    )
    if as_json:
        show_json(told)
        return
    for fact in told["facts"]:
        show(_line(fact))


def _line(fact: FactJson) -> str:
    until = "" if fact["valid_to"] is None else f" until {fact['valid_to'][:10]}"
    why = "" if fact["reason"] is None else f" ({fact['reason']})"
    said = f"{fact['subject']} {fact['predicate']} {fact['object']}"
    return f"{fact['id']}  {said}, since {fact['valid_from'][:10]}{until}{why}"


@operated()
def timeline(
    session: Session,
    entity: Annotated[str | None, typer.Argument(help="Whom it is about.")] = None,
    since: Annotated[str | None, typer.Option(help="From this moment, ISO 8601.")] = None,
    until: Annotated[str | None, typer.Option(help="Up to this moment, ISO 8601.")] = None,
    reach: Reach = "ancestors",
    limit: Annotated[int, typer.Option(help="At most so many.")] = 100,
    as_json: Json = False,
) -> None:
    """Tell what happened, in order of time: to someone, or in the scope."""
    told = session.call(
        "timeline",
        entity=entity,
        since=optional_moment(since, "--since"),
        until=optional_moment(until, "--until"),
        reach=reach,
        limit=limit,
    )
    if as_json:
        show_json(told)
        return
    for moment in told["moments"]:
        fact = moment["fact"]
        what = moment["record"]["content"]
        if fact is not None:
            said = f"{fact['subject']} {fact['predicate']} {fact['object']}"
            what = f"{moment['what']}: {said}"
        show(f"{moment['at'][:10]}  {moment['record']['id']}  {what}")


@operated()
def declare(
    session: Session,
    name: Annotated[str, typer.Argument(help="The predicate.")],
    single: Annotated[bool, typer.Option("--single", help="One value at a time.")] = False,
    symmetric: Annotated[bool, typer.Option("--symmetric", help="The same both ways.")] = False,
    as_json: Json = False,
) -> None:
    """Say whether a predicate has one value, or says the same both ways."""
    # Not ``call``, whose own first argument is a name.
    given: dict[str, Any] = {"name": name, "single": single, "symmetric": symmetric}
    told = session.call_with("declare_predicate", given)
    if as_json:
        show_json(told)
    else:
        show(f"declared {told['name']}")


@operated()
def predicates(session: Session, as_json: Json = False) -> None:
    """List what goes for predicates."""
    told = session.call("predicates")
    if as_json:
        show_json(told)
        return
    for each in told["predicates"]:
        words = [word for word in ("single", "symmetric", "declared") if each[word]]
        show(f"{each['name']:<24}{', '.join(words)}")


_COMMANDS: dict[str, Command] = {
    "assert": assert_,
    "correct": correct,
    "retract": retract,
    "undo": undo,
    "list": list_,
    "declare": declare,
    "predicates": predicates,
}
for _name, _command in _COMMANDS.items():
    app.command(_name)(_command)

#: Applications of several commands, by name.
APPS = {"fact": app}
COMMANDS: dict[str, Command] = {"timeline": timeline}
