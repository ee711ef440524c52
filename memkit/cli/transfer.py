"""The commands that move memories: export and import."""

from __future__ import annotations

import io
import sys
from typing import Annotated, TextIO, cast

import typer

from memkit.cli import options
from memkit.cli.output import EscapingStream
from memkit.cli.session import Session


def export(
    session: Session,
    file: Annotated[
        str, typer.Argument(metavar="[FILE]", help="A file; - is standard output.")
    ] = "-",
    everyone: Annotated[
        bool, typer.Option("--everyone", help="All agents' private memories too.")
    ] = False,
) -> None:
    """Write this scope's memories, and those below it, as JSON lines."""
    output = session.output
    with (
        session.memory(reading=True, embeds=False) as memory,
        output.progress("exporting") as progress,
    ):
        if file == "-":
            stream = cast(TextIO, EscapingStream(sys.stdout))
            memory.export(stream, everyone=everyone, progress=progress)
            return
        written = memory.export(file, everyone=everyone, progress=progress)
    if output.as_json:
        output.document({"exported": written, "file": file})
    else:
        output.say(f"{written:,} memories exported to {file}")


def import_(
    session: Session,
    file: Annotated[str, typer.Argument(metavar="FILE", help="An export; - is standard input.")],
) -> None:
    """Store the memories of an export as they were; what is there already is skipped."""
    output = session.output
    source = io.StringIO(options.standard_input()) if file == "-" else file
    with session.memory() as memory, output.progress("importing") as progress:
        done = memory.import_(source, progress=progress)
    if output.as_json:
        output.document({"stored": done.stored, "skipped": done.skipped})
    else:
        output.say(f"{done.stored:,} memories stored, {done.skipped:,} were there already")
