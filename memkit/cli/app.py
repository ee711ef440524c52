"""The application: its commands gathered, its errors turned into exit codes."""

from __future__ import annotations

import logging
import sys
from typing import Annotated

import typer

from memkit import __version__
from memkit.cli import demo, maintaining, reading, writing
from memkit.cli.exits import EXIT_CODES, INTERRUPTED, report
from memkit.errors import MemkitError

app = typer.Typer(
    name="memkit",
    help="Long-term memory for AI agents.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for module in (demo, writing, reading, maintaining):
    for name, command in module.COMMANDS.items():
        app.command(name)(command)


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"memkit {__version__}\n")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Long-term memory for AI agents."""


def run() -> None:
    """Run the command line and end the process with a code that says how it went."""
    # Commands print the notices themselves.
    logging.getLogger("memkit").addHandler(logging.NullHandler())
    try:
        code = app(standalone_mode=True)
    except MemkitError as error:
        code = report(error, as_json="--json" in sys.argv)
    except KeyboardInterrupt:
        code = INTERRUPTED
    sys.exit(code)
