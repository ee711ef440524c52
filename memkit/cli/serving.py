"""The command that serves a memory: serve."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from memkit.cli.handles import Command, Place, placed
from memkit.errors import InvalidInput


@placed
def serve(
    place: Place,
    host: Annotated[str | None, typer.Option(help="The address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="The port; 0: any that is free.")] = None,
    workers: Annotated[int | None, typer.Option(help="How many processes share the port.")] = None,
    no_auth: Annotated[
        bool, typer.Option("--no-auth", help="Ask nobody who they are; this machine only.")
    ] = False,
    allowed_host: Annotated[
        list[str] | None, typer.Option(help="A name the server is called by; repeatable.")
    ] = None,
    cors_origin: Annotated[
        list[str] | None, typer.Option(help="An origin whose pages may call; repeatable.")
    ] = None,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
) -> None:
    """Serve the memory to many agents, over REST and MCP."""
    from memkit.config import load_settings
    from memkit.server import logs, running
    from memkit.server.workers import forked

    if log_level not in logs.LEVELS:
        raise InvalidInput(f"--log-level is one of {', '.join(logs.LEVELS)}")
    asked: dict[str, Any] = {
        "server_host": host,
        "server_port": port,
        "server_workers": workers,
        "server_auth": "none" if no_auth else None,
        "server_allowed_hosts": ",".join(allowed_host) if allowed_host else None,
        "server_cors_origins": ",".join(cors_origin) if cors_origin else None,
    }
    given = {name: value for name, value in asked.items() if value is not None}
    settings = load_settings(**place, **given).settings
    logs.log_to(level=log_level)
    worker = None
    if settings.server_workers > 1:
        worker = forked(settings)
        if worker is None:
            return
    running.run(running.serve(settings, _announce, fixed="namespace" in place, worker=worker))


def _announce(what: str, value: str) -> None:
    # On stderr, like all that is meant for whoever started it; the logs never hold the token.
    text = {
        "token": "The administrator's token, shown this once:\n\n  {}\n\n",
        "address": "memkit serves at {}\n",
    }[what]
    sys.stderr.write(text.format(value))
    sys.stderr.flush()


COMMANDS: dict[str, Command] = {"serve": serve}
