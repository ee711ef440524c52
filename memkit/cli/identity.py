"""Commands that say who may use a server: principal and token; grant and audit join them."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memkit.cli.auditing import audit
from memkit.cli.controlling import OfWhom, Who, later, note, on_control, plain
from memkit.cli.granting import grant_app
from memkit.cli.handles import Command, Json, Store
from memkit.cli.output import show, show_json
from memkit.errors import InvalidInput

if TYPE_CHECKING:
    from memkit.server.control import Control, Principal, TokenInfo

principal_app = typer.Typer(help="Who may use a server: people and agents.", no_args_is_help=True)
token_app = typer.Typer(
    help="The tokens that principals prove themselves by.", no_args_is_help=True
)
Role = Annotated[str | None, typer.Option(help="member, or admin: everything everywhere.")]
Agents = Annotated[
    list[str] | None,
    typer.Option("--speaks-as", help="An agent id, or a pattern as build-*; repeatable."),
]


# Principals.


@principal_app.command("add")
def principal_add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name, which no other has.")],
    role: Role = None,
    agents: Agents = None,
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Add a principal; it may do nothing until it is granted something."""

    async def work(control: Control) -> Principal:
        made = await control.create_principal(name, role or "member", agents or ())
        await note(control, "create_principal", made.id)
        return made

    made = on_control(store, work)
    if as_json:
        show_json(_as_principal(made))
    else:
        show(f"added {made.name} ({made.role}) {made.id}")


@principal_app.command("list")
def principal_list(store: Store = None, as_json: Json = False) -> None:
    """List the principals."""
    found = on_control(store, lambda control: control.principals())
    if as_json:
        show_json({"principals": [_as_principal(item) for item in found]})
        return
    for item in found:
        disabled = "" if item.disabled_at is None else "  disabled"
        speaks = "" if not item.agents else f"  speaks as {', '.join(item.agents)}"
        show(f"{item.id}  {item.role:<6}  {item.name}{speaks}{disabled}")


@principal_app.command("disable")
def principal_disable(principal: Who, store: Store = None, as_json: Json = False) -> None:
    """Refuse all tokens of a principal from now on."""

    async def work(control: Control) -> Principal:
        done = await control.disable_principal(principal)
        await note(control, "update_principal", done.id)
        return done

    _show_principal(on_control(store, work), "disabled", as_json=as_json)


@principal_app.command("enable")
def principal_enable(principal: Who, store: Store = None, as_json: Json = False) -> None:
    """Take a principal's tokens again."""

    async def work(control: Control) -> Principal:
        done = await control.enable_principal(principal)
        await note(control, "update_principal", done.id)
        return done

    _show_principal(on_control(store, work), "enabled", as_json=as_json)


@principal_app.command("update")
def principal_update(
    principal: Who,
    name: Annotated[str | None, typer.Option(help="Its new name.")] = None,
    role: Role = None,
    agents: Agents = None,
    own_name: Annotated[
        bool, typer.Option("--speaks-as-itself", help="Only under its own name.")
    ] = False,
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Change a principal: what is given replaces what was."""
    if own_name and agents:
        raise InvalidInput("give --speaks-as or --speaks-as-itself, not both")

    async def work(control: Control) -> Principal:
        speaks = [] if own_name else agents or None
        done = await control.update_principal(principal, name=name, role=role, agents=speaks)
        await note(control, "update_principal", done.id)
        return done

    _show_principal(on_control(store, work), "updated", as_json=as_json)


def _as_principal(principal: Principal) -> dict[str, Any]:
    return plain({**asdict(principal), "agents": list(principal.agents)})


def _show_principal(principal: Principal, done: str, *, as_json: bool) -> None:
    if as_json:
        show_json(_as_principal(principal))
    else:
        show(f"{done} {principal.name}")


# Tokens.


@token_app.command("create")
def token_create(
    principal: Who,
    name: Annotated[str, typer.Option(help="What it is for.")] = "token",
    expires: Annotated[
        str | None, typer.Option(help="Until when: 12h, 30d, or a time in ISO 8601.")
    ] = None,
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Make a token and show it, this once."""
    until = None if expires is None else later(expires)

    async def work(control: Control) -> tuple[str, TokenInfo]:
        secret, info = await control.issue_token(principal, name, until)
        await note(control, "create_token", info.principal, info.id)
        return secret, info

    secret, info = on_control(store, work)
    if as_json:
        show_json({"token": secret, **plain(asdict(info))})
        return
    # Alone on stdout, for a pipe.
    sys.stdout.write(secret + "\n")


@token_app.command("list")
def token_list(principal: OfWhom = None, store: Store = None, as_json: Json = False) -> None:
    """List tokens, with nothing in it to log in by."""

    async def work(control: Control) -> tuple[list[TokenInfo], dict[str, str]]:
        names = {item.id: item.name for item in await control.principals()}
        return await control.tokens(principal), names

    found, names = on_control(store, work)
    if as_json:
        show_json({"tokens": [plain(asdict(info)) for info in found]})
        return
    now = datetime.now(UTC)
    for info in found:
        notes = [names.get(info.principal, info.principal), info.name]
        if info.revoked_at is not None:
            notes.append("revoked")
        elif info.expires_at is not None:
            past = "expired" if info.expires_at <= now else "expires"
            notes.append(f"{past} {info.expires_at:%Y-%m-%d %H:%M}")
        if info.last_used_at is not None:
            notes.append(f"last used {info.last_used_at:%Y-%m-%d %H:%M}")
        show(f"{info.id}  {'  '.join(notes)}")


@token_app.command("revoke")
def token_revoke(
    id: Annotated[str, typer.Argument(metavar="ID", help="The token's id, as listed.")],
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Refuse a token from now on."""

    async def work(control: Control) -> TokenInfo:
        info = await control.revoke_token(id)
        await note(control, "revoke_token", info.principal, info.id)
        return info

    info = on_control(store, work)
    if as_json:
        show_json(plain(asdict(info)))
    else:
        show(f"revoked {info.id}")


#: Applications of several commands, by name.
APPS = {"principal": principal_app, "token": token_app, "grant": grant_app}
COMMANDS: dict[str, Command] = {"audit": audit}
