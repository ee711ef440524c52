"""The application: its commands gathered, its errors turned into exit codes."""

from __future__ import annotations

import logging
import os
import sys
from io import TextIOWrapper
from typing import Annotated, Any, Literal

import typer

from memkit import __version__
from memkit.cli import (
    demo,
    evaluating,
    facts,
    identity,
    maintaining,
    mcp,
    messaging,
    reading,
    serving,
    writing,
)
from memkit.cli.exits import EXIT_CODES, INTERRUPTED, INVALID, OK, UNEXPECTED, report
from memkit.errors import InvalidInput, MemkitError

# Panels are for eyes; a pipe gets plain text.
_MARKUP: Literal["rich"] | None = "rich" if sys.stdout.isatty() else None
# What typer raises for a command line that it cannot read.
_UsageError: Any = typer.BadParameter.__bases__[0]

app = typer.Typer(
    name="memkit",
    rich_markup_mode=_MARKUP,
    help="Long-term memory for AI agents.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
# What the last three need of the server they import when they are run.
_MODULES: tuple[Any, ...] = (
    demo, writing, reading, facts, messaging, maintaining, evaluating, serving, mcp, identity
)  # fmt: skip
for module in _MODULES:
    for name, command in module.COMMANDS.items():
        app.command(name)(command)
for name, group in {**facts.APPS, **identity.APPS}.items():
    app.add_typer(group, name=name)


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
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # Whatever was stored can be shown, also where the terminal lacks its letters.
            stream.reconfigure(errors="backslashreplace")
    as_json = "--json" in sys.argv
    try:
        done = app(standalone_mode=False)
        code = done if isinstance(done, int) else OK
        sys.stdout.flush()
    except MemkitError as error:
        code = report(error, as_json=as_json)
    except _UsageError as error:
        if as_json:
            code = report(InvalidInput(error.format_message()), as_json=True)
        else:
            error.show()
            code = INVALID
    except typer.Abort:
        code = UNEXPECTED
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:
        # The reader has seen enough. What Python flushes at exit would fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = OK
    sys.exit(code)
