"""Commands about facts and preferences that texts tell of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Final

import typer

from memkit.blocking import Memory
from memkit.cli.handles import Command, Json, scoped
from memkit.cli.output import printable, progress, show, show_json
from memkit.cli.writing import optional_moment

if TYPE_CHECKING:
    from memkit.extraction.outcome import Extracted

#: So many things are shown one by one.
_SHOWN: Final = 100


@scoped(embeds=True)
def extract(
    memory: Memory,
    ids: Annotated[
        list[str] | None, typer.Option("--id", help="This record alone; repeatable.")
    ] = None,
    since: Annotated[str | None, typer.Option(help="Records stored since then, ISO 8601.")] = None,
    use: Annotated[
        str | None,
        typer.Option(help="rules or model; the language model, if one is set, unless told."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what would be stored, and store nothing.")
    ] = False,
    limit: Annotated[int | None, typer.Option(help="Read at most so many records now.")] = None,
    as_json: Json = False,
) -> None:
    """Keep the facts and preferences that records tell of; goes on where it was interrupted."""
    with progress("extracting", quiet=as_json) as tell:
        done = memory.extract(
            ids=ids or None,
            since=optional_moment(since, "--since"),
            use=use,
            dry_run=dry_run,
            limit=limit,
            progress=tell,
        )
    if as_json:
        from memkit.service.extraction import extracted_json

        show_json(extracted_json(done))
        return
    _show(done)


def _show(done: Extracted) -> None:
    if done.dry_run:
        for each in done.extracts[:_SHOWN]:
            known = " (known)" if each.status == "known" else ""
            show(f"{each.kind}: {printable(each.content)}{known}")
            show(f"  {printable(each.quote)} [{each.source}]", style="dim")
    verb = "would store" if done.dry_run else "stored"
    show(
        f"{verb} {done.facts} facts, {done.preferences} preferences, {done.decisions} decisions "
        f"and {done.constraints} constraints from {done.records} records; {done.known} were known"
    )
    if done.entities:
        show(f"{done.entities} names {'would be ' if done.dry_run else ''}added to their records")
    if done.calls:
        show(
            f"{done.calls} calls of the language model, {done.prompt_tokens} tokens read and "
            f"{done.completion_tokens} written"
        )
    if done.refused:
        show(f"{done.refused} of its answers do not rest on the text and were dropped")
    if done.failures:
        show(f"it failed on {done.failures} records, the first of them {done.failed[0]}")
    if done.more:
        show("there is more: run memkit extract again to go on")
    if done.run is not None:
        show(f"run {done.run}", style="dim")


#: The commands by name.
COMMANDS: Final[Mapping[str, Command]] = {"extract": extract}
#: Groups of commands by name.
APPS: Final[Mapping[str, typer.Typer]] = {}
