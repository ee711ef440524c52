"""The principals, tokens, grants and audit of a server, over HTTP, as commands use them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn

from memkit.client.answers import optional_time, time_of
from memkit.errors import InvalidInput
from memkit.server.control import AuditEntry, AuditPage, Grant, Permission, Principal, TokenInfo
from memkit.service.table import OPERATIONS

if TYPE_CHECKING:
    from memkit.client import AsyncClient


class Administration:
    """What commands use of :class:`~memkit.server.control.Control`, asked of a server."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client
        self.audit = self

    async def _ask(self, operation: str, /, **given: Any) -> Any:
        asked = {key: value for key, value in given.items() if value is not None}
        return await self._client.call(OPERATIONS[operation], asked)

    async def create_principal(
        self, name: str, role: str = "member", agents: Iterable[str] = ()
    ) -> Principal:
        """Make a principal."""
        told = await self._ask("create_principal", name=name, role=role, agents=list(agents))
        return _principal(told)

    async def principals(self) -> list[Principal]:
        """All principals."""
        return [_principal(each) for each in (await self._ask("principals"))["principals"]]

    async def principal(self, ref: str) -> Principal:
        """One of them, by name or id."""
        found = [each for each in await self.principals() if ref in (each.id, each.name)]
        if not found:
            raise InvalidInput("there is no such principal")
        return found[0]

    async def update_principal(
        self,
        principal: str,
        *,
        name: str | None = None,
        role: str | None = None,
        agents: Iterable[str] | None = None,
    ) -> Principal:
        """Change a principal."""
        if name is not None:
            _only_there("renaming a principal")
        spoken = None if agents is None else list(agents)
        return await self._changed(principal, role=role, agents=spoken)

    async def disable_principal(self, principal: str) -> Principal:
        """Refuse all of its tokens."""
        return await self._changed(principal, disabled=True)

    async def enable_principal(self, principal: str) -> Principal:
        """Take its tokens again."""
        return await self._changed(principal, disabled=False)

    async def _changed(self, principal: str, **changes: Any) -> Principal:
        return _principal(await self._ask("update_principal", principal=principal, **changes))

    async def issue_token(
        self, principal: str, name: str, expires_at: datetime | None = None
    ) -> tuple[str, TokenInfo]:
        """Make a token: its secret, and what is kept of it."""
        told = await self._ask(
            "create_token", principal=principal, name=name, expires_at=expires_at
        )
        return told["secret"], _token(told)

    async def tokens(self, principal: str | None = None) -> list[TokenInfo]:
        """All tokens, of one principal or of all."""
        told = await self._ask("tokens", principal=principal)
        return [_token(each) for each in told["tokens"]]

    async def revoke_token(self, token: str) -> TokenInfo:
        """End a token."""
        return _token(await self._ask("revoke_token", token=token))

    async def grant(self, principal: str, namespace: str, permission: str) -> None:
        """Allow something in a namespace."""
        await self._ask("grant", principal=principal, namespace=namespace, permission=permission)

    async def grant_channel(
        self, principal: str, namespace: str, channel: str, permission: str
    ) -> None:
        """Allow something on a private channel."""
        where = {"namespace": namespace, "channel": channel}
        await self._ask("grant", principal=principal, permission=permission, **where)

    async def revoke_grant(self, principal: str, namespace: str) -> bool:
        """Take a grant back."""
        before = await self.grants(principal)
        await self._ask("revoke_grant", principal=principal, namespace=namespace)
        return any(each.namespace == namespace and each.permission is not None for each in before)

    async def revoke_channel(self, principal: str, namespace: str, channel: str) -> bool:
        """Take a grant on a private channel back."""
        before = await self.grants(principal)
        where = {"namespace": namespace, "channel": channel}
        await self._ask("revoke_grant", principal=principal, **where)
        return any(each.namespace == namespace and channel in each.channels for each in before)

    async def grants(self, principal: str | None = None) -> list[Grant]:
        """All grants, of one principal or of all."""
        told = await self._ask("grants", principal=principal)
        return [_grant(each) for each in told["grants"]]

    async def private_channels(self) -> list[tuple[str, str]]:
        """None: no operation lists them."""
        return []

    async def make_private(self, namespace: str, channel: str) -> bool:
        """Make a channel private."""
        told = await self._ask("set_privacy", namespace=namespace, channel=channel, private=True)
        return bool(told["done"])

    async def make_public(self, namespace: str, channel: str) -> bool:
        """Open a channel."""
        told = await self._ask("set_privacy", namespace=namespace, channel=channel, private=False)
        return bool(told["done"])

    async def record(self, entry: AuditEntry) -> None:
        """Nothing: the server has noted it."""

    async def query(self, **wanted: Any) -> AuditPage:
        """A page of the audit."""
        told = await self._ask("audit", **wanted)
        return AuditPage(tuple(_entry(each) for each in told["entries"]), told["cursor"])

    async def export(self, target: Any, **wanted: Any) -> int:
        """Refused: see the message."""
        _only_there("exporting the audit")

    async def prune(self, before: datetime) -> int:
        """Refused: see the message."""
        _only_there("pruning the audit")


def _only_there(what: str) -> NoReturn:
    raise InvalidInput(f"{what} is done where the server's store is: name that store")


def _principal(told: Any) -> Principal:
    return Principal(
        told["id"],
        told["name"],
        told["role"],
        tuple(told["agents"]),
        disabled_at=optional_time(told["disabled_at"]),
    )


def _token(told: Any) -> TokenInfo:
    return TokenInfo(
        told["id"],
        told["principal"],
        told["name"],
        time_of(told["created_at"]),
        expires_at=optional_time(told["expires_at"]),
        revoked_at=optional_time(told["revoked_at"]),
        last_used_at=optional_time(told["last_used_at"]),
    )


def _grant(told: Any) -> Grant:
    held = told["permission"]
    return Grant(
        told["principal"],
        told["namespace"],
        None if held is None else Permission(held),
        {name: Permission(each) for name, each in told["channels"].items()},
    )


def _entry(told: Any) -> AuditEntry:
    renamed = {"principal": "principal_name", "address": "ip", "client": "user_agent"}
    values = {renamed.get(name, name): value for name, value in told.items()}
    values |= {"at": time_of(told["at"]), "records": tuple(told["records"])}
    return AuditEntry(**values)
