"""Commands that say who may use a server: principal and token; grant and audit join them."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memkit.cli.auditing import audit
from memkit.cli.controlling import OfWhom, Who, call, later, on_control, tell
from memkit.cli.granting import grant_app
from memkit.cli.handles import Command, Json, Store
from memkit.cli.output import show, show_json
from memkit.errors import InvalidInput

if TYPE_CHECKING:
    from memkit.server.control import Control
    from memkit.service.outputs import PrincipalJson, TokenJson

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
    made = call(store, "create_principal", name=name, role=role, agents=agents)
    tell(made, f"added {made['name']} ({made['role']}) {made['id']}", as_json=as_json)


@principal_app.command("list")
def principal_list(store: Store = None, as_json: Json = False) -> None:
    """List the principals."""
    told = call(store, "principals")
    if as_json:
        show_json(told)
        return
    for item in told["principals"]:
        disabled = "" if item["disabled_at"] is None else "  disabled"
        speaks = "" if not item["agents"] else f"  speaks as {', '.join(item['agents'])}"
        show(f"{item['id']}  {item['role']:<6}  {item['name']}{speaks}{disabled}")


@principal_app.command("disable")
def principal_disable(principal: Who, store: Store = None, as_json: Json = False) -> None:
    """Refuse all tokens of a principal from now on."""
    done = call(store, "update_principal", principal=principal, disabled=True)
    tell(done, f"disabled {done['name']}", as_json=as_json)


@principal_app.command("enable")
def principal_enable(principal: Who, store: Store = None, as_json: Json = False) -> None:
    """Take a principal's tokens again."""
    done = call(store, "update_principal", principal=principal, disabled=False)
    tell(done, f"enabled {done['name']}", as_json=as_json)


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

    speaks = [] if own_name else agents or None
    if name is None:
        changes = {"role": role, "agents": speaks}
        done = call(store, "update_principal", principal=principal, **changes)
    else:
        done = _renamed(store, principal, name, role, speaks)
    tell(done, f"updated {done['name']}", as_json=as_json)


def _renamed(
    store: str | None, principal: str, name: str, role: str | None, agents: list[str] | None
) -> dict[str, Any]:
    """Change a principal's name as well, which no operation does."""

    async def work(control: Control) -> PrincipalJson:
        from memkit.cli.administering import note
        from memkit.service.identity import principal_json

        done = await control.update_principal(principal, name=name, role=role, agents=agents)
        await note(control, "update_principal", done.id)
        return principal_json(done)

    return dict(on_control(store, "renaming a principal", work))


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

    made = call(store, "create_token", principal=principal, name=name, expires_at=until)
    if as_json:
        show_json(made)
        return
    # Alone on stdout, for a pipe.
    sys.stdout.write(made["secret"] + "\n")


@token_app.command("list")
def token_list(principal: OfWhom = None, store: Store = None, as_json: Json = False) -> None:
    """List tokens, with nothing in it to log in by."""
    from memkit.cli.administering import Administration

    with Administration(store) as administration:
        told = administration.call("tokens", principal=principal)
        if as_json:
            show_json(told)
            return
        everybody = administration.call("principals")["principals"]
    names = {item["id"]: item["name"] for item in everybody}
    for info in told["tokens"]:
        show(_line(info, names.get(info["principal"], info["principal"])))


def _line(info: TokenJson, holder: str) -> str:
    notes = [holder, info["name"]]
    if info["revoked_at"] is not None:
        notes.append("revoked")
    elif info["expires_at"] is not None:
        until = datetime.fromisoformat(info["expires_at"])
        past = "expired" if until <= datetime.now(UTC) else "expires"
        notes.append(f"{past} {until:%Y-%m-%d %H:%M}")
    if info["last_used_at"] is not None:
        notes.append(f"last used {datetime.fromisoformat(info['last_used_at']):%Y-%m-%d %H:%M}")
    return f"{info['id']}  {'  '.join(notes)}"


@token_app.command("revoke")
def token_revoke(
    id: Annotated[str, typer.Argument(metavar="ID", help="The token's id, as listed.")],
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Refuse a token from now on."""
    info = call(store, "revoke_token", token=id)
    tell(info, f"revoked {info['id']}", as_json=as_json)


#: Applications of several commands, by name.
APPS = {"principal": principal_app, "token": token_app, "grant": grant_app}
COMMANDS: dict[str, Command] = {"audit": audit}
