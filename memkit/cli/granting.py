"""Commands that say what principals may do: grant, also in private channels."""

from __future__ import annotations

from typing import Annotated

import typer

from memkit.cli.controlling import OfWhom, Who, call, tell
from memkit.cli.handles import Json, Store
from memkit.cli.output import show, show_json

grant_app = typer.Typer(
    help="What principals may do in namespaces and private channels.", no_args_is_help=True
)

Place = Annotated[str, typer.Argument(metavar="NAMESPACE", help="The namespace; '*': all.")]
Channel = Annotated[str, typer.Argument(metavar="CHANNEL", help="The channel.")]
OnChannel = Annotated[
    str | None, typer.Option("--channel", help="Only this private channel of the namespace.")
]


@grant_app.command("add")
def grant_add(
    principal: Who,
    namespace: Place,
    permission: Annotated[
        str, typer.Argument(metavar="PERMISSION", help="read, write or admin.")
    ] = "write",
    channel: OnChannel = None,
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Allow a principal this much in a namespace, no more and no less."""
    what = {"namespace": namespace, "permission": permission, "channel": channel}
    told = call(store, "grant", principal=principal, **what)
    where = namespace if channel is None else f"{channel} of {namespace}"
    tell(told, f"{principal} has {permission} in {where}", as_json=as_json)


@grant_app.command("remove")
def grant_remove(
    principal: Who,
    namespace: Place,
    channel: OnChannel = None,
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Take a grant back."""
    from memkit.cli.administering import Administration

    with Administration(store) as administration:
        before = administration.call("grants", principal=principal)["grants"]
        where = {"namespace": namespace, "channel": channel}
        told = administration.call("revoke_grant", principal=principal, **where)
    there = any(
        each["namespace"] == namespace
        and (each["permission"] is not None if channel is None else channel in each["channels"])
        for each in before
    )
    tell(told, "removed" if there else "there was no such grant", as_json=as_json)


@grant_app.command("list")
def grant_list(principal: OfWhom = None, store: Store = None, as_json: Json = False) -> None:
    """List grants, and the channels that are private."""
    from memkit.cli.administering import Administration

    with Administration(store) as administration:
        told = administration.call("grants", principal=principal)
        if as_json:
            show_json(told)
            return
        everybody = administration.call("principals")["principals"]
    names = {item["id"]: item["name"] for item in everybody}
    for item in told["grants"]:
        name = names.get(item["principal"], item["principal"])
        if item["permission"] is not None:
            show(f"{name}  {item['permission']:<5}  {item['namespace']}")
        for channel, permission in sorted(item["channels"].items()):
            show(f"{name}  {permission:<5}  {item['namespace']}  channel {channel}")
    for item in told["private_channels"]:
        show(f"private  {item['namespace']}  channel {item['channel']}", style="dim")


@grant_app.command("channel")
def grant_channel(
    namespace: Place,
    channel: Channel,
    private: Annotated[
        bool, typer.Option("--private/--public", help="Hidden without a grant, or open.")
    ] = True,
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Make a channel private, or open it to its whole namespace again."""
    told = call(store, "set_privacy", namespace=namespace, channel=channel, private=private)
    tell(told, f"{channel} is {'private' if private else 'public'}", as_json=as_json)
