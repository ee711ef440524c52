"""One run of a command: what was given, the memory it opens, how it ends."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import typer

from memkit.cli import options
from memkit.cli.exits import ExitCode, exit_code
from memkit.cli.output import Output
from memkit.errors import MemkitError, StoreReadOnly

if TYPE_CHECKING:
    from memkit.blocking import Memory


@dataclass(frozen=True, slots=True)
class Given:
    """The options of every command, from before or after its name."""

    store: str | None = None
    namespace: str | None = None
    project: str | None = None
    task: str | None = None
    agent: str | None = None
    embedder: str | None = None
    json: bool = False

    def updated(self, later: Given) -> Given:
        """These with those of ``later`` that were given in their place."""
        changes = {field.name: getattr(later, field.name) for field in fields(later)}
        given = {name: value for name, value in changes.items() if value not in (None, False)}
        return replace(self, **given)

    def settings(self) -> dict[str, Any]:
        """What was given, as arguments of ``load_settings``."""
        values = {
            "url": self.store,
            "namespace": self.namespace,
            "project": self.project,
            "task": self.task,
            "agent": self.agent,
            "embedder": self.embedder,
        }
        return {name: value for name, value in values.items() if value is not None}


class Session:
    """What a command works with."""

    def __init__(self, given: Given) -> None:
        self.given = given
        self.output = Output(as_json=given.json)

    @contextmanager
    def memory(self, *, reading: bool = False, embeds: bool = True) -> Iterator[Memory]:
        """The memory that the options and settings name, in their scope.

        Args:
            reading: a store that cannot be written will do.
            embeds: whether the embedder is needed; loading it would make a listing slow.
        """
        settings = self.given.settings()
        if not embeds:
            settings["embedder"] = "none"
        with self._open(settings, reading) as memory:
            yield memory

    @staticmethod
    def _open(settings: dict[str, Any], reading: bool) -> Memory:
        from memkit.blocking import Memory

        try:
            return Memory.open(**settings)
        except StoreReadOnly:
            if not reading:
                raise
            return Memory.open(**settings, read_only=True)


_COMMON = {
    "store": options.Store,
    "namespace": options.Namespace,
    "project": options.Project,
    "task": options.Task,
    "agent": options.Agent,
    "embedder": options.Embedder,
    "json": options.Json,
}


def command(app: typer.Typer, name: str, function: Callable[..., None]) -> None:
    """Register a command: a function of a session and its own options.

    The options of :class:`Given` are added to its own, so that they can stand after the
    command's name as well as before. Errors become messages and exit codes here.
    """

    def run(ctx: typer.Context, **values: Any) -> None:
        common = {name: values.pop(name) for name in _COMMON}
        session = Session((ctx.obj or Given()).updated(Given(**common)))
        with ending(session.output):
            function(session, **values)

    own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
    parameters = [
        _parameter("ctx", typer.Context, inspect.Parameter.empty),
        *(_parameter(p.name, p.annotation, p.default) for p in own),
        *(
            _parameter(option, annotation, False if option == "json" else None)
            for option, annotation in _COMMON.items()
        ),
    ]
    # Typer reads both: the options that it is to offer are those of this signature.
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    run.__doc__ = function.__doc__
    app.command(name)(run)


def _parameter(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default
    )


@contextmanager
def ending(output: Output) -> Iterator[None]:
    """Turn what ends a command early into a message and an exit code.

    Raises:
        typer.Exit: with the code.
    """
    try:
        yield
        # Here, where a closed pipe can still be answered for, not at the interpreter's exit.
        sys.stdout.flush()
    except MemkitError as error:
        output.error(error)
        raise typer.Exit(exit_code(error)) from None
    except BrokenPipeError:
        leave_pipe()
        raise typer.Exit(ExitCode.OK) from None
    except (KeyboardInterrupt, typer.Abort):
        output.failure("interrupted", "interrupted: what was acknowledged is kept")
        raise typer.Exit(ExitCode.INTERRUPTED) from None


def leave_pipe() -> None:
    """Let the rest of standard output go nowhere: whoever read it has seen enough."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, sys.stdout.fileno())
    finally:
        os.close(nowhere)
