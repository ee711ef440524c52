"""All that authentication needs, in memory: as of one revision of the control data."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Final

from sqlalchemy import Connection, Row, Select, select

from memkit.server.control.identities import Channels, Identity, Principal
from memkit.server.control.permissions import Permission
from memkit.server.control.tables import (
    channel_grants,
    grants,
    principals,
    private_channels,
    state,
    tokens,
)

# SQLite takes some 32,000 parameters at most, PostgreSQL as many.
_CHUNK: Final = 5_000


@dataclass(frozen=True, slots=True)
class Token:
    """What is compared with a token, and whose it is."""

    id: str
    principal: str
    digest: bytes
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Held:
    """A principal with all that belongs to it; revoked tokens are not there."""

    principal: Principal
    tokens: tuple[Token, ...] = ()
    grants: Mapping[str, Permission] = field(default_factory=dict)
    channels: Channels = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The control data at a revision. It never changes; the next one takes its place.

    Attributes:
        revision: how many changes it has seen.
        channels_revision: which of them was the last of private channels.
        held: principals by id.
        tokens: tokens by their id.
        names: principals' ids by name.
        private: private channels by namespace.
        identities: what was made of it so far, by token id.
    """

    revision: int = 0
    channels_revision: int = 0
    held: Mapping[str, Held] = field(default_factory=dict)
    tokens: Mapping[str, Token] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    private: Mapping[str, frozenset[str]] = field(default_factory=dict)
    identities: dict[str, Identity] = field(default_factory=dict)

    def identity(self, token: Token) -> Identity:
        """Whom a token, which has been checked, belongs to."""
        found = self.identities.get(token.id)
        if found is None:
            held = self.held[token.principal]
            found = Identity(
                held.principal,
                token.id,
                "token",
                MappingProxyType(held.grants),
                token.expires_at,
                MappingProxyType(held.channels),
                MappingProxyType(self.private),
            )
            self.identities[token.id] = found
        return found


def renewed(old: Snapshot, connection: Connection) -> Snapshot:
    """The snapshot of now: what changed since an old one is read, the rest is kept."""
    revision, channels_revision = connection.execute(
        select(state.c.revision, state.c.channels_revision).where(state.c.id == 1)
    ).one()
    if revision < old.revision:
        # The data were put back from a copy.
        old = Snapshot()
    changed = connection.execute(select(principals).where(principals.c.revision > old.revision))
    fresh = [principal_of(row) for row in changed]
    private = old.private
    if channels_revision != old.channels_revision:
        private = _private(connection)
    held, names, known = dict(old.held), dict(old.names), dict(old.tokens)
    for item in _held(connection, fresh):
        principal = item.principal
        before = held.get(principal.id)
        if before is not None:
            names.pop(before.principal.name, None)
            for token in before.tokens:
                known.pop(token.id, None)
        held[principal.id] = item
        names[principal.name] = principal.id
        known.update((token.id, token) for token in item.tokens)
    return Snapshot(revision, channels_revision, held, known, names, private)


def _private(connection: Connection) -> Mapping[str, frozenset[str]]:
    channels: dict[str, set[str]] = defaultdict(set)
    for namespace, channel in connection.execute(select(private_channels)):
        channels[namespace].add(channel)
    return {namespace: frozenset(found) for namespace, found in channels.items()}


def _held(connection: Connection, fresh: list[Principal]) -> list[Held]:
    own: dict[str, list[Token]] = defaultdict(list)
    allowed: dict[str, dict[str, Permission]] = defaultdict(dict)
    channels: dict[str, dict[str, dict[str, Permission]]] = defaultdict(lambda: defaultdict(dict))
    for start in range(0, len(fresh), _CHUNK):
        ids = [principal.id for principal in fresh[start : start + _CHUNK]]
        live: Select[str, str, bytes, datetime] = select(
            tokens.c.id, tokens.c.principal, tokens.c.digest, tokens.c.expires_at
        ).where(tokens.c.principal.in_(ids), tokens.c.revoked_at.is_(None))
        for id_, principal, digest, expires_at in connection.execute(live):
            own[principal].append(Token(id_, principal, bytes(digest), expires_at))
        for row in connection.execute(select(grants).where(grants.c.principal.in_(ids))):
            allowed[row.principal][row.namespace] = Permission(row.permission)
        query = select(channel_grants).where(channel_grants.c.principal.in_(ids))
        for row in connection.execute(query):
            channels[row.principal][row.namespace][row.channel] = Permission(row.permission)
    return [
        Held(
            principal,
            tuple(own.get(principal.id, ())),
            allowed.get(principal.id, {}),
            {name: dict(found) for name, found in channels.get(principal.id, {}).items()},
        )
        for principal in fresh
    ]


def principal_of(row: Row[*tuple[object, ...]]) -> Principal:
    """The principal of a row of its table."""
    return Principal(
        row.id, row.name, row.role, tuple(json.loads(row.agents)), row.created_at, row.disabled_at
    )
