"""The command audit: who did what, when, from where and how it ended."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memkit.cli.controlling import earlier, note, on_control, tell
from memkit.cli.handles import Json, Store
from memkit.cli.output import show, show_json
from memkit.errors import InvalidInput

if TYPE_CHECKING:
    from memkit.server.control import AuditEntry, Control


def audit(
    principal: Annotated[str | None, typer.Option(help="By this one: name or id.")] = None,
    operation: Annotated[str | None, typer.Option(help="This operation only.")] = None,
    namespace: Annotated[str | None, typer.Option(help="In this namespace.")] = None,
    outcome: Annotated[str | None, typer.Option(help="ok, or an error's code.")] = None,
    record: Annotated[str | None, typer.Option(help="About the record of this id.")] = None,
    since: Annotated[str | None, typer.Option(help="From then on: 12h, 7d, or a time.")] = None,
    until: Annotated[str | None, typer.Option(help="Before then: 12h, 7d, or a time.")] = None,
    limit: Annotated[int, typer.Option(help="So many, the newest.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="Where the page before ended.")] = None,
    export: Annotated[
        str | None, typer.Option(metavar="FILE", help="All of them as JSON lines; - for a pipe.")
    ] = None,
    prune_before: Annotated[
        str | None, typer.Option(help="Delete what is older, for ever: 90d, or a time.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Yes, delete it.")] = False,
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Show who did what, when, from where and how it ended, newest first."""
    if prune_before is not None:
        _prune(earlier(prune_before, "--prune-before"), store, yes=yes, as_json=as_json)
        return
    wanted: dict[str, Any] = {
        "principal": principal,
        "operation": operation,
        "namespace": namespace,
        "outcome": outcome,
        "record": record,
        "since": None if since is None else earlier(since, "--since"),
        "until": None if until is None else earlier(until, "--until"),
    }
    if export is not None:
        target = sys.stdout if export == "-" else export
        written = on_control(store, lambda control: control.audit.export(target, **wanted))
        if export != "-":
            tell({"exported": written}, f"exported {written} entries to {export}", as_json=as_json)
        return
    page = on_control(
        store, lambda control: control.audit.query(cursor=cursor, limit=limit, **wanted)
    )
    if as_json:
        from memkit.server.control.entries import as_line

        show_json({"entries": [as_line(entry) for entry in page.entries], "cursor": page.cursor})
        return
    for entry in page.entries:
        show(_line(entry))
    if page.cursor is not None:
        show(f"more: --cursor {page.cursor}", style="dim")


def _prune(before: datetime, store: str | None, *, yes: bool, as_json: bool) -> None:
    if not yes:
        raise InvalidInput("entries are deleted for ever: say --yes too")

    async def work(control: Control) -> int:
        pruned = await control.audit.prune(before)
        await note(control, "prune_audit")
        return pruned

    pruned = on_control(store, work)
    tell({"pruned": pruned}, f"deleted {pruned} entries", as_json=as_json)


def _line(entry: AuditEntry) -> str:
    who = entry.principal_name or entry.principal or "nobody"
    if entry.agent is not None and entry.agent != who:
        who += f" as {entry.agent}"
    place = "/".join(item for item in (entry.namespace, entry.project, entry.task) if item)
    parts = [f"{entry.at:%Y-%m-%d %H:%M:%S}", who, entry.operation, place, entry.outcome]
    parts.append(" ".join(part for part in (entry.surface, entry.ip) if part))
    parts += list(entry.records[:3])
    beyond = len(entry.records) - 3 + entry.more_records
    if beyond > 0:
        parts.append(f"and {beyond} more")
    return "  ".join(part for part in parts if part)
