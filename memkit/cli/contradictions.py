"""Commands about records that disagree: contradictions, reconcile, contradiction resolve."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from memkit.blocking import Memory
from memkit.cli.handles import Json, Reach, operated, scoped
from memkit.cli.output import notices, progress, show, show_json
from memkit.cli.sessions import Session
from memkit.cli.writing import optional_moment

if TYPE_CHECKING:
    from memkit.service.contradictions import ContradictionJson

app = typer.Typer(no_args_is_help=True, help="Settle what contradicts each other.")

Which = Annotated[str, typer.Argument(metavar="ID", help="The contradiction.")]
Note = Annotated[str | None, typer.Option(help="Why; it is kept.")]


def _show(told: ContradictionJson) -> None:
    kinds = ", ".join(
        f"{each['kind']}: {each['first']} / {each['second']}" for each in told["evidence"]
    )
    show(f"{told['id']}  {told['status']}  {told['confidence']:.2f}")
    for name in ("older", "newer"):
        record = told["older"] if name == "older" else told["newer"]
        show(f"  {name}  {record['id']}  {record['content']}")
    show(f"  {kinds or 'they agree by now'}", style="dim")
    for each in told["decisions"]:
        who = f" by {each['by']}" if each["by"] else ""
        kept = f" {each['kept']}" if each["kept"] else ""
        why = f": {each['note']}" if each["note"] else ""
        show(f"  {each['at'][:16]}  {each['what']}{kept} ({each['how']}{who}){why}", style="dim")


@operated()
def contradictions(
    session: Session,
    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID]...", help="Of contradictions, or of records."),
    ] = None,
    states: Annotated[
        list[str] | None,
        typer.Option("--state", help="open, resolved, dismissed, closed; repeatable."),
    ] = None,
    reach: Reach = "ancestors",
    limit: Annotated[int, typer.Option(help="At most so many.")] = 100,
    as_json: Json = False,
) -> None:
    """List records that contradict each other, with why."""
    told = session.call(
        "contradictions", ids=ids or None, states=states or None, reach=reach, limit=limit
    )
    if as_json:
        show_json(told)
        return
    for each in told["contradictions"]:
        _show(each)


@operated()
def resolve(
    session: Session,
    id_: Which,
    keep: Annotated[
        str | None, typer.Option(metavar="ID", help="The record that is right; else both hold.")
    ] = None,
    note: Note = None,
    as_json: Json = False,
) -> None:
    """Keep one of two records that contradict each other; without --keep both hold."""
    _settled(session.call("resolve", id=id_, keep=keep, note=note), as_json)


@operated(embeds=True)
def reopen(session: Session, id_: Which, note: Note = None, as_json: Json = False) -> None:
    """Take the settlement of a contradiction back."""
    _settled(session.call("reopen", id=id_, note=note), as_json)


def _settled(told: ContradictionJson, as_json: bool) -> None:
    if as_json:
        show_json(told)
    else:
        _show(told)


@scoped()
def reconcile(
    memory: Memory,
    since: Annotated[str | None, typer.Option(help="Records since then, ISO 8601.")] = None,
    rule: Annotated[
        str, typer.Option(help="What settles the clear ones: none, newest or confidence.")
    ] = "none",
    model: Annotated[
        bool, typer.Option("--model", help="Ask the language model about unsure ones.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell what would be found.")
    ] = False,
    limit: Annotated[int | None, typer.Option(help="So many records now; again goes on.")] = None,
    as_json: Json = False,
) -> None:
    """Look for contradictions among the scope's records; goes on where it was interrupted."""
    from memkit.service.contradictions import contradiction_json

    with progress("comparing", quiet=as_json) as tell:
        done = memory.reconcile(
            since=optional_moment(since, "--since"),
            rule=rule,
            model=model,
            dry_run=dry_run,
            limit=limit,
            progress=tell,
        )
    found = [contradiction_json(each) for each in done.contradictions]
    if as_json:
        counts = {
            name: getattr(done, name)
            for name in (
                "run",
                "records",
                "pairs",
                "found",
                "known",
                "settled",
                "asked",
                "finished",
            )
        }
        show_json({**counts, "contradictions": found, "notices": list(done.notices)})
        return
    for each in found:
        _show(each)
    would = " would be" if dry_run else ""
    settled = f", {done.settled} settled" if done.settled else ""
    show(
        f"looked at {done.records} records in {done.pairs} pairs: {done.found} contradictions"
        f"{would} new{settled}, {done.known} known before"
    )
    if not done.finished:
        show("there is more: run it again to go on")
    notices(done.notices)


app.command("resolve")(resolve)
app.command("reopen")(reopen)

#: The commands by name.
COMMANDS: Final[Mapping[str, Callable[..., Any]]] = {
    "contradictions": contradictions,
    "reconcile": reconcile,
}
#: Groups of commands by name.
APPS: Final[Mapping[str, typer.Typer]] = {"contradiction": app}
