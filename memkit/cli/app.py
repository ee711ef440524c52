"""The command line's commands and what holds for all of them."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from typing import Annotated

import typer

from memkit.cli import options, reading, transfer, upkeep, writing
from memkit.cli.demo import demo
from memkit.cli.exits import MEANINGS, ExitCode
from memkit.cli.output import Output
from memkit.cli.session import Given, command, leave_pipe

# Typer's own ancestor of every usage error, without naming the copy of Click it is in.
_UsageError: type[Exception] = typer.BadParameter.__bases__[0]

_COMMANDS = {
    "demo": demo,
    "remember": writing.remember,
    "recall": reading.recall,
    "list": reading.list_records,
    "get": reading.get,
    "correct": writing.correct,
    "forget": writing.forget,
    "restore": writing.restore,
    "erase": writing.erase,
    "pin": writing.pin,
    "link": writing.link,
    "related": reading.related,
    "tags": reading.tags,
    "agents": reading.agents,
    "export": transfer.export,
    "import": transfer.import_,
    "status": upkeep.status,
    "doctor": upkeep.doctor,
    "config": upkeep.config,
    "reembed": upkeep.reembed,
}

_EPILOG = "Every option can be set once: in a memkit.toml in this folder or above, or as MEMKIT_*."


def _epilog(*, rich: bool) -> str:
    codes = [f"  {code.value:>3}  {meaning}" for code, meaning in MEANINGS.items()]
    if rich:
        # Rich text keeps lines apart only where an empty one stands between them.
        return "\n\n".join([_EPILOG, "Exit codes:", *codes])
    return "\n".join([_EPILOG, "", "\b", "Exit codes:", *codes])


def _version(asked: bool) -> None:
    if asked:
        from memkit import __version__

        typer.echo(f"memkit {__version__}")
        raise typer.Exit


def _root(
    ctx: typer.Context,
    store: options.Store = None,
    namespace: options.Namespace = None,
    project: options.Project = None,
    task: options.Task = None,
    agent: options.Agent = None,
    embedder: options.Embedder = None,
    json: options.Json = False,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Long-term memory for AI agents: remember, recall, and keep it in order."""
    ctx.obj = Given(store, namespace, project, task, agent, embedder, json)


def make_app(*, rich: bool) -> typer.Typer:
    """The application.

    Args:
        rich: help and usage errors in panels, for a terminal; else as plain text.
    """
    app = typer.Typer(
        name="memkit",
        epilog=_epilog(rich=rich),
        no_args_is_help=True,
        rich_markup_mode="rich" if rich else None,
        # Its tracebacks print local variables, and those hold memories and keys.
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    for name, function in _COMMANDS.items():
        command(app, name, function)
    return app


def run(arguments: Sequence[str]) -> int:
    """Run one command.

    Returns:
        its exit code.
    """
    _prepare()
    as_json = "--json" in arguments
    app = make_app(rich=sys.stdout.isatty() and not as_json)
    try:
        # A usage error is printed as JSON here, or else by Typer.
        code = app(list(arguments), prog_name="memkit", standalone_mode=not as_json)
        code = code or ExitCode.OK
    except _UsageError as error:
        Output(as_json=True).failure("usage", getattr(error, "message", "") or str(error))
        code = ExitCode.INVALID
    except SystemExit as end:
        code = end.code
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        leave_pipe()
    return code if isinstance(code, int) else ExitCode.UNEXPECTED


def _prepare() -> None:
    # What is stored may have characters that a terminal's encoding lacks.
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    # Results tell what the library would log; its warnings would only be said twice.
    logging.getLogger("memkit").addHandler(logging.NullHandler())
