"""Commands that say what principals may do: grant, also in private channels."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memkit.cli.controlling import OfWhom, Who, note, on_control, tell
from memkit.cli.handles import Json, Store
from memkit.cli.output import show, show_json

if TYPE_CHECKING:
    from memkit.server.control import Control

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

    async def work(control: Control) -> None:
        if channel is None:
            await control.grant(principal, namespace, permission)
        else:
            await control.grant_channel(principal, namespace, channel, permission)
        held = await control.principal(principal)
        await note(control, "grant", held.id, namespace=namespace)

    on_control(store, work)
    told = {"principal": principal, "namespace": namespace, "permission": permission}
    where = namespace if channel is None else f"{channel} of {namespace}"
    tell(
        told | ({} if channel is None else {"channel": channel}),
        f"{principal} has {permission} in {where}",
        as_json=as_json,
    )


@grant_app.command("remove")
def grant_remove(
    principal: Who,
    namespace: Place,
    channel: OnChannel = None,
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Take a grant back."""

    async def work(control: Control) -> bool:
        if channel is None:
            done = await control.revoke_grant(principal, namespace)
        else:
            done = await control.revoke_channel(principal, namespace, channel)
        held = await control.principal(principal)
        await note(control, "revoke_grant", held.id, namespace=namespace)
        return done

    done = on_control(store, work)
    tell({"removed": done}, "removed" if done else "there was no such grant", as_json=as_json)


@grant_app.command("list")
def grant_list(principal: OfWhom = None, store: Store = None, as_json: Json = False) -> None:
    """List grants, and the channels that are private."""

    async def work(control: Control) -> tuple[list[Any], dict[str, str], list[tuple[str, str]]]:
        names = {item.id: item.name for item in await control.principals()}
        return await control.grants(principal), names, await control.private_channels()

    found, names, private = on_control(store, work)
    if as_json:
        show_json(
            {
                "grants": [{**asdict(item), "channels": dict(item.channels)} for item in found],
                "private_channels": [
                    {"namespace": namespace, "channel": channel} for namespace, channel in private
                ],
            }
        )
        return
    for item in found:
        name = names.get(item.principal, item.principal)
        if item.permission is not None:
            show(f"{name}  {item.permission:<5}  {item.namespace}")
        for channel, permission in sorted(item.channels.items()):
            show(f"{name}  {permission:<5}  {item.namespace}  channel {channel}")
    for namespace, channel in private:
        show(f"private  {namespace}  channel {channel}", style="dim")


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

    async def work(control: Control) -> bool:
        change = control.make_private if private else control.make_public
        done = await change(namespace, channel)
        await note(control, "set_privacy", namespace=namespace)
        return done

    done = on_control(store, work)
    told = {"private": private, "changed": done}
    tell(told, f"{channel} is {'private' if private else 'public'}", as_json=as_json)
