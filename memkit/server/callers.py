"""An authenticated identity as a caller of the service."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from memkit.service.operation import Permission

if TYPE_CHECKING:
    from memkit.server.control import Identity

_HELD = {"read": Permission.READ, "write": Permission.WRITE, "admin": Permission.ADMIN}


@dataclass(frozen=True, slots=True)
class Known:
    """A caller whose identity was made sure."""

    identity: Identity

    @property
    def author(self) -> str | None:
        """The principal's name."""
        return self.identity.principal.name

    @property
    def is_administrator(self) -> bool:
        """Whether it rules the server."""
        return self.identity.is_admin

    def may(self, namespace: str) -> Permission | None:
        """The most that it may do in a namespace."""
        if self.identity.is_admin:
            return Permission.SERVER
        held = self.identity.permission(namespace)
        return None if held is None else _HELD[held.value]

    def agent(self, asked: str | None) -> str | None:
        """The agent that it speaks as."""
        return self.identity.agent(asked)

    def hidden(self, namespace: str) -> frozenset[str]:
        """Tags of the private channels that it may not see."""
        return self.identity.hidden(namespace)

    def may_send(self, namespace: str, channel: str) -> bool:
        """Whether it may send on a channel."""
        return self.identity.may_send(namespace, channel)
