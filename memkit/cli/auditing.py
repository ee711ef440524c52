"""The command audit: who did what, when, from where and how it ended."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memkit.cli.controlling import call, earlier, on_control, tell
from memkit.cli.handles import Json, Store
from memkit.cli.output import show, show_json
from memkit.errors import InvalidInput

if TYPE_CHECKING:
    from memkit.server.control import Control
    from memkit.service.outputs import AuditEntryJson


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
        written = on_control(
            store, "exporting the audit", lambda control: control.audit.export(target, **wanted)
        )
        if export != "-":
            tell({"exported": written}, f"exported {written} entries to {export}", as_json=as_json)
        return
    page = call(store, "audit", cursor=cursor, limit=limit, **wanted)
    if as_json:
        show_json(page)
        return
    for entry in page["entries"]:
        show(_line(entry))
    if page["cursor"] is not None:
        show(f"more: --cursor {page['cursor']}", style="dim")


def _prune(before: datetime, store: str | None, *, yes: bool, as_json: bool) -> None:
    if not yes:
        raise InvalidInput("entries are deleted for ever: say --yes too")

    async def work(control: Control) -> int:
        from memkit.cli.administering import note

        pruned = await control.audit.prune(before)
        await note(control, "prune_audit")
        return pruned

    pruned = on_control(store, "pruning the audit", work)
    tell({"pruned": pruned}, f"deleted {pruned} entries", as_json=as_json)


def _line(entry: AuditEntryJson) -> str:
    who = entry["principal"] or "nobody"
    if entry["agent"] is not None and entry["agent"] != who:
        who += f" as {entry['agent']}"
    labels = (entry["namespace"], entry["project"], entry["task"])
    at = datetime.fromisoformat(entry["at"])
    parts = [f"{at:%Y-%m-%d %H:%M:%S}", who, entry["operation"]]
    parts += ["/".join(item for item in labels if item), entry["outcome"]]
    parts.append(" ".join(part for part in (entry["surface"], entry["address"]) if part))
    parts += entry["records"][:3]
    beyond = len(entry["records"]) - 3 + entry["more_records"]
    if beyond > 0:
        parts.append(f"and {beyond} more")
    return "  ".join(part for part in parts if part)
