"""Commands about summaries of what belongs together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Final

import typer

from memkit.blocking import Memory
from memkit.cli.handles import Command, Json, scoped
from memkit.cli.output import progress, show, show_json


@scoped(embeds=True)
def consolidate(
    memory: Memory,
    what: Annotated[
        list[str] | None,
        typer.Option("--what", help="clusters, episodes or dossiers (all); repeatable."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what would be made, and store nothing.")
    ] = False,
    min_size: Annotated[int, typer.Option(help="Of how many records at least.")] = 3,
    model: Annotated[
        bool | None,
        typer.Option("--model/--no-model", help="Whether the language model writes them."),
    ] = None,
    limit: Annotated[int | None, typer.Option(help="At most so many summaries now.")] = None,
    as_json: Json = False,
) -> None:
    """Summarise what belongs together; goes on where it was interrupted."""
    with progress("consolidating", quiet=as_json) as tell:
        done = memory.consolidate(
            what=what or ("clusters", "episodes", "dossiers"),
            dry_run=dry_run,
            min_size=min_size,
            progress=tell,
            model=model,
            limit=limit,
        )
    if as_json:
        show_json(asdict(done))
        return
    if dry_run:
        for each in done.summaries:
            show(each.content)
            show(f"  {each.kind} of {each.sources} records", style="dim")
    show(
        f"{'would make' if dry_run else 'made'}: clusters {done.clusters}, episodes "
        f"{done.episodes}, dossiers {done.dossiers}; records summarised {done.records}"
    )
    if done.model_failures:
        show(f"the language model failed {done.model_failures} times: sentences were chosen")
    if done.skipped:
        show(f"{done.skipped} groups changed meanwhile and were left for the next time")
    if done.more:
        show("there is more: run memkit consolidate again to go on")
    if done.run is not None:
        show(f"run {done.run}", style="dim")


#: The commands by name.
COMMANDS: Final[Mapping[str, Command]] = {"consolidate": consolidate}
#: Groups of commands by name.
APPS: Final[Mapping[str, typer.Typer]] = {}
