"""Identities: who a request comes from, and what it may do, speak as and see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Final, Literal

from memkit.errors import Forbidden, InvalidInput, InvalidScope
from memkit.scope import check_label
from memkit.server.control.permissions import Permission
from memkit.validation import MESSAGE_TAG

#: As a grant's namespace: all of them.
EVERYWHERE: Final = "*"
LOCAL_NAME: Final = "local"
LOCAL_ID: Final = "00000000-0000-0000-0000-000000000000"
ROLES: Final = ("admin", "member")
_AGENTS_MAX = 100
_TOLD = 5

_NONE: Final[Mapping[str, Permission]] = MappingProxyType({})
#: The channels of a namespace, each with what is allowed there.
Channels = Mapping[str, Mapping[str, Permission]]
_NO_CHANNELS: Final[Channels] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody with credentials.

    Attributes:
        id: a UUID.
        name: its unique label.
        role: ``admin``, who may do everything everywhere, or ``member``.
        agents: the agent ids it may speak as: fixed ones, patterns that end in ``*``, or
            ``*``; empty: its own name only.
        created_at: when it was made.
        disabled_at: since when its credentials are refused.
    """

    id: str
    name: str
    role: str = "member"
    agents: tuple[str, ...] = ()
    created_at: datetime | None = None
    disabled_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """What a principal may do in a namespace.

    Attributes:
        principal: its id.
        namespace: an exact label, or ``*`` for all.
        permission: read, write or admin; ``None`` if there are grants on channels alone.
        channels: the private channels of the namespace that it has grants on.
    """

    principal: str
    namespace: str
    permission: Permission | None
    channels: Mapping[str, Permission] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Identity:
    """An authenticated caller, as the rest of the server sees it.

    Attributes:
        principal: who it is.
        token_id: the public part of its token, or of a JWT its ``jti``.
        method: how it proved that: ``token``, ``jwt``, or ``local`` where nothing is asked.
        grants: permissions by namespace; ``*`` stands for all.
        expires_at: when its credential ends.
        channels: what it may do in private channels, by namespace.
        private: all private channels by namespace; ``None``: not known (yet), see
            :meth:`Control.adopt`.
        default_agent: whom it speaks as if nobody is named.
    """

    principal: Principal
    token_id: str | None = None
    method: Literal["token", "jwt", "local"] = "token"
    grants: Mapping[str, Permission] = field(default_factory=lambda: _NONE)
    expires_at: datetime | None = None
    channels: Channels = field(default_factory=lambda: _NO_CHANNELS)
    private: Mapping[str, frozenset[str]] | None = field(default=None, repr=False)
    default_agent: str | None = None

    @staticmethod
    def local(agent: str | None = None) -> Identity:
        """The identity of an embedded use, without authentication: it may do everything.

        Args:
            agent: whom it speaks as unless it names another.

        Raises:
            InvalidScope: ``agent`` is no label.
        """
        return Identity(
            Principal(LOCAL_ID, LOCAL_NAME, "admin", (EVERYWHERE,)),
            method="local",
            private=_NO_PRIVATE,
            default_agent=None if agent is None else check_label(agent, "agent"),
        )

    @property
    def is_admin(self) -> bool:
        """Whether it may do everything everywhere."""
        return self.principal.role == "admin"

    def permission(self, namespace: str) -> Permission | None:
        """The most that it may do in a namespace; ``None``: nothing at all."""
        if self.is_admin:
            return Permission.ADMIN
        found = [self.grants[name] for name in (namespace, EVERYWHERE) if name in self.grants]
        return max(found, default=None)

    def allows(self, namespace: str, permission: str) -> bool:
        """Whether it may do this in a namespace."""
        held = self.permission(namespace)
        return held is not None and held >= permission

    def agent(self, asked: str | None) -> str:
        """The agent id that it speaks as.

        Args:
            asked: the one that the request names; ``None``: its own, if it has one.

        Raises:
            Forbidden: it may not speak as that one, or must name one.
            InvalidScope: ``asked`` is no label.
        """
        own = self.principal.agents or (self.principal.name,)
        if asked is not None:
            wanted = check_label(asked, "agent")
            if speaks_as(own, wanted):
                return wanted
            raise Forbidden(f"this credential may not speak as that agent: {_told(own)}")
        if self.default_agent is not None:
            return self.default_agent
        fixed = [agent for agent in own if not agent.endswith("*")]
        if len(fixed) == 1:
            return fixed[0]
        if speaks_as(own, self.principal.name):
            return self.principal.name
        raise Forbidden(f"name the agent that speaks: {_told(own)}")

    def readable_channels(self, namespace: str) -> frozenset[str]:
        """The private channels of a namespace that it may read."""
        return frozenset(
            channel for channel in self._private(namespace) if self.may_read(namespace, channel)
        )

    def may_read(self, namespace: str, channel: str) -> bool:
        """Whether it may read what is sent on a channel."""
        return self._may(namespace, channel, Permission.READ)

    def may_send(self, namespace: str, channel: str) -> bool:
        """Whether it may send on a channel."""
        return self._may(namespace, channel, Permission.WRITE)

    def hidden(self, namespace: str) -> frozenset[str]:
        """The tags of the private channels of a namespace that it must not see.

        Raises:
            Forbidden: the private channels are not known.
        """
        if self.allows(namespace, Permission.ADMIN):
            return _NOTHING
        return frozenset(
            MESSAGE_TAG + channel
            for channel in self._private(namespace)
            if not self.may_read(namespace, channel)
        )

    def _may(self, namespace: str, channel: str, permission: Permission) -> bool:
        channel = check_label(channel, "a channel")
        if not self.allows(namespace, permission):
            return False
        if self.allows(namespace, Permission.ADMIN) or channel not in self._private(namespace):
            return True
        held = self.channels.get(namespace, _NONE).get(channel)
        return held is not None and held >= permission

    def _private(self, namespace: str) -> frozenset[str]:
        if self.private is None:
            # Open channels and private ones cannot be told apart: better none than all.
            raise Forbidden("the private channels are not known yet: see Control.adopt")
        return self.private.get(namespace, _NOTHING)


_NOTHING: Final[frozenset[str]] = frozenset()
_NO_PRIVATE: Final[Mapping[str, frozenset[str]]] = MappingProxyType({})


@lru_cache(maxsize=4096)
def speaks_as(agents: tuple[str, ...], agent: str) -> bool:
    """Whether one of these ids and patterns covers an agent id."""
    return any(
        agent.startswith(item[:-1]) if item.endswith("*") else agent == item for item in agents
    )


def check_agents(value: object) -> tuple[str, ...]:
    """Agent ids and patterns, each once.

    Raises:
        InvalidInput: not a list of labels, too many, or a ``*`` that is not at an end.
    """
    if isinstance(value, str | bytes) or not isinstance(value, list | tuple | set | frozenset):
        raise InvalidInput("agents must be a list of agent ids")
    agents = tuple(dict.fromkeys(_label(item, "an agent") for item in value))
    if len(agents) > _AGENTS_MAX:
        raise InvalidInput(f"a principal has at most {_AGENTS_MAX} agents: use a pattern")
    if any("*" in agent[:-1] for agent in agents):
        raise InvalidInput("an agent's pattern has one * and that at its end, as in build-*")
    return agents


def _label(value: object, what: str) -> str:
    try:
        return check_label(value, what)
    except InvalidScope as error:
        raise InvalidInput(str(error)) from None


def _told(agents: tuple[str, ...]) -> str:
    more = f" and {len(agents) - _TOLD} more" if len(agents) > _TOLD else ""
    return f"it may be {', '.join(agents[:_TOLD])}{more}"
