"""Commands about what decays and is brought back: sweep, archive, run list and undo, policy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from memkit.blocking import Memory
from memkit.cli.handles import Command, Json, Reach, operated, scoped
from memkit.cli.output import console, printable, progress, short_time, show, show_json
from memkit.cli.sessions import Session
from memkit.cli.writing import Id, Ids, optional_moment
from memkit.errors import InvalidInput

if TYPE_CHECKING:
    from memkit.lifecycle.sweeping import Swept
    from memkit.service.upkeep import PolicyJson, RunJson

runs = typer.Typer(no_args_is_help=True, help="Passes over many records, and taking them back.")
policies = typer.Typer(no_args_is_help=True, help="How each kind ages, and what a sweep archives.")

_EXCERPT: Final = 60


@scoped(embeds=True)
def sweep(
    memory: Memory,
    dry_run: Annotated[
        bool, typer.Option("--dry-run/--apply", help="Only look, or archive it.")
    ] = True,
    now: Annotated[str | None, typer.Option(help="Look at this moment instead, ISO 8601.")] = None,
    kinds: Annotated[
        list[str] | None, typer.Option("--kind", help="This kind alone; repeatable.")
    ] = None,
    reach: Reach = "subtree",
    limit: Annotated[int | None, typer.Option(help="At most so many, the oldest first.")] = None,
    as_json: Json = False,
) -> None:
    """Archive what has decayed; without --apply only tell what that would be."""
    with progress("sweeping", quiet=as_json) as tell:
        swept = memory.sweep(
            dry_run=dry_run,
            now=optional_moment(now, "--now"),
            kinds=kinds or None,
            reach=reach,
            limit=limit,
            progress=tell,
        )
    if as_json:
        from memkit.service.upkeep import swept_json

        show_json(swept_json(swept))
        return
    _show_swept(swept)


def _show_swept(swept: Swept) -> None:
    if swept.records:
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False)
        table.add_column("id", no_wrap=True)
        for column in ("kind", "strength", "age", "half-life", "text"):
            table.add_column(column, overflow="fold")
        for each in swept.records:
            text = " ".join(each.excerpt.split())
            cells = (
                each.id,
                each.kind,
                f"{each.strength:.3f}",
                f"{each.age_days:.0f} d",
                f"{each.half_life_days:.0f} d",
                text if len(text) <= _EXCERPT else f"{text[: _EXCERPT - 1]}…",
            )
            table.add_row(*(Text(printable(cell)) for cell in cells))
        console().print(table)
    if swept.archived > len(swept.records):
        show(f"and {swept.archived - len(swept.records)} more")
    kinds = ", ".join(f"{count} {kind}" for kind, count in swept.counts.items())
    did = "would archive" if swept.dry_run else "archived"
    show(f"{did} {swept.archived} of {swept.examined} records looked at" + _in(kinds))
    if swept.dry_run and swept.archived:
        show("archive them with --apply")
    elif swept.run is not None and swept.archived:
        show(f"take it back with: memkit run undo {swept.run}")


def _in(kinds: str) -> str:
    return f": {kinds}" if kinds else ""


@operated(embeds=True)
def archive(session: Session, ids: Ids, as_json: Json = False) -> None:
    """Take records out of default recall; restore brings them back."""
    told = [session.call("archive", id=id_) for id_ in ids]
    if as_json:
        show_json({"records": told})
        return
    for record in told:
        show(f"{record['id']} is {record['state']}")


@operated()
def list_(
    session: Session,
    operation: Annotated[str | None, typer.Option(help="Of this one alone.")] = None,
    limit: Annotated[int, typer.Option(help="At most so many.")] = 20,
    as_json: Json = False,
) -> None:
    """List runs, newest first."""
    told = session.call("runs", operation=operation, limit=limit)
    if as_json:
        show_json(told)
        return
    for run in told["runs"]:
        show(_line(run))


def _line(run: RunJson) -> str:
    place = "/".join(filter(None, (run["project"], run["task"])))
    far = f"{run['done']}" if run["total"] is None else f"{run['done']}/{run['total']}"
    counts = ", ".join(f"{count} {name}" for name, count in run["counts"].items())
    when = short_time(run["started_at"])
    parts = (run["id"], when, f"{run['operation']} {run['state']}", far, place, counts)
    return "  ".join(filter(None, parts))


@scoped(embeds=True)
def undo(memory: Memory, id_: Id, as_json: Json = False) -> None:
    """Take a run back: what it archived returns, what it made is erased."""
    with progress("undoing", quiet=as_json) as tell:
        run = memory.undo_run(id_, progress=tell)
    if as_json:
        from memkit.service.upkeep import run_json

        show_json(run_json(run))
        return
    restored, erased = run.counts.get("restored", 0), run.counts.get("erased", 0)
    show(f"{run.operation} undone: {restored} records brought back, {erased} erased")


@operated()
def show_(session: Session, as_json: Json = False) -> None:
    """Show how each kind ages, and what a sweep archives."""
    _show_policy(session.call("policy"), as_json)


@operated()
def set_(
    session: Session,
    kind: Annotated[str | None, typer.Argument(help="The kind; all if left out.")] = None,
    half_life_days: Annotated[
        str | None,
        typer.Option("--half-life", metavar="DAYS", help="Its half-life in days, or never."),
    ] = None,
    confidence: Annotated[float | None, typer.Option(help="What new ones start with.")] = None,
    archive: Annotated[
        bool | None, typer.Option("--archive/--keep", help="Whether a sweep may archive it.")
    ] = None,
    access_extension: Annotated[
        float | None, typer.Option(help="By how much of its half-life a use extends it.")
    ] = None,
    access_cap: Annotated[float | None, typer.Option(help="So many half-lives at most.")] = None,
    archive_below: Annotated[
        float | None, typer.Option(help="The strength that is too little, 0 to 1.")
    ] = None,
    archive_after: Annotated[
        float | None, typer.Option(help="Never younger than so many half-lives.")
    ] = None,
    reset: Annotated[bool, typer.Option("--reset", help="Back to what goes by itself.")] = False,
    as_json: Json = False,
) -> None:
    """Change how a kind ages, or what a sweep archives."""
    numbers: dict[str, Any] = {
        "confidence": confidence,
        "archive": archive,
        "access_extension": access_extension,
        "access_cap": access_cap,
        "archive_below": archive_below,
        "archive_after": archive_after,
    }
    given = {name: value for name, value in numbers.items() if value is not None}
    if half_life_days is not None:
        given["half_life_days"] = _days(half_life_days)
    if kind is not None:
        given["kind"] = kind
    _show_policy(session.call_with("set_policy", {**given, "reset": reset}), as_json)


def _days(text: str) -> float | None:
    if text == "never":
        return None
    try:
        return float(text)
    except ValueError:
        raise InvalidInput("--half-life takes a number of days, or never") from None


def _show_policy(told: PolicyJson, as_json: bool) -> None:
    if as_json:
        show_json(told)
        return
    show(f"{'kind':<16}{'confidence':>10}{'half-life':>12}  a sweep")
    for kind, each in told["kinds"].items():
        days = each["half_life_days"]
        life = "never" if days is None else f"{days:g} d"
        swept = "archives" if each["archive"] and days is not None else "keeps"
        show(f"{kind:<16}{each['confidence']:>10.2f}{life:>12}  {swept}")
    show(
        f"a use extends a half-life by {told['access_extension']:.0%}, to at most "
        f"{told['access_cap']:g} times its length"
    )
    show(
        f"archived is what has less than {told['archive_below']:g} of its strength left and is "
        f"{told['archive_after']:g} half-lives old"
    )


runs.command("list")(list_)
runs.command("undo")(undo)
policies.command("show")(show_)
policies.command("set")(set_)

#: The commands by name.
COMMANDS: Final[Mapping[str, Command]] = {"sweep": sweep, "archive": archive}
#: Groups of commands by name.
APPS: Final[Mapping[str, typer.Typer]] = {"run": runs, "policy": policies}
