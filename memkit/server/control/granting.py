"""Changes of grants and of private channels: one transaction each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Table, and_, delete, insert, select, update

from memkit.errors import InvalidInput, RecordNotFound
from memkit.server.control.administration import changing, found, label_of, touched
from memkit.server.control.database import Database
from memkit.server.control.identities import EVERYWHERE, Grant
from memkit.server.control.permissions import Permission, check_permission
from memkit.server.control.tables import channel_grants, grants, private_channels


class Granting:
    """What an administrator does with grants. All its calls block.

    Args:
        database: the control store's.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def grant(self, principal: str, namespace: str, permission: str) -> None:
        """Allow a principal this much in a namespace, instead of what it may do there."""
        kept, place = check_permission(permission), label_of(namespace, "namespace")
        with changing(self._database) as (connection, revision):
            held = found(connection, principal)
            key = {"principal": held.id, "namespace": place}
            _put(connection, grants, key, {"permission": kept.value})
            touched(connection, held.id, revision)

    def revoke_grant(self, principal: str, namespace: str) -> bool:
        """Take a grant back; false if there was none."""
        place = label_of(namespace, "namespace")
        with changing(self._database) as (connection, revision):
            held = found(connection, principal)
            touched(connection, held.id, revision)
            return _remove(connection, grants, {"principal": held.id, "namespace": place})

    def grants(self, principal: str | None) -> list[Grant]:
        """Grants by principal and namespace, those on channels with them."""
        with self._database.reading() as connection:
            whole, single = select(grants), select(channel_grants)
            if principal is not None:
                id_ = found(connection, principal).id
                whole = whole.where(grants.c.principal == id_)
                single = single.where(channel_grants.c.principal == id_)
            permissions: dict[tuple[str, str], Permission] = {
                (row.principal, row.namespace): Permission(row.permission)
                for row in connection.execute(whole)
            }
            channels: dict[tuple[str, str], dict[str, Permission]] = {}
            for row in connection.execute(single):
                held = channels.setdefault((row.principal, row.namespace), {})
                held[row.channel] = Permission(row.permission)
        return [
            Grant(*key, permissions.get(key), channels.get(key, {}))
            for key in sorted(permissions.keys() | channels.keys())
        ]

    def make_private(self, namespace: str, channel: str) -> bool:
        """Let only those who are granted it read a channel; false if that was so."""
        key = _channel(namespace, channel)
        with changing(self._database, channels=True) as (connection, _):
            if connection.execute(_found(private_channels, key)).first() is not None:
                return False
            connection.execute(insert(private_channels).values(**key))
            return True

    def make_public(self, namespace: str, channel: str) -> bool:
        """Let all of the namespace read a channel; false if that was so.

        Grants on it stay, for when it is made private again.
        """
        key = _channel(namespace, channel)
        with changing(self._database, channels=True) as (connection, _):
            return _remove(connection, private_channels, key)

    def private_channels(self, namespace: str | None) -> list[tuple[str, str]]:
        """Private channels, each with its namespace before it."""
        query = select(private_channels.c.namespace, private_channels.c.channel)
        if namespace is not None:
            place = label_of(namespace, "namespace")
            query = query.where(private_channels.c.namespace == place)
        with self._database.reading() as connection:
            return sorted((row.namespace, row.channel) for row in connection.execute(query))

    def grant_channel(self, principal: str, namespace: str, channel: str, permission: str) -> None:
        """Let a principal read a private channel, or send on it too.

        Raises:
            RecordNotFound: the channel is not private, so that nobody needs a grant.
        """
        kept, key = check_permission(permission, channel=True), _channel(namespace, channel)
        with changing(self._database) as (connection, revision):
            held = found(connection, principal)
            if connection.execute(_found(private_channels, key)).first() is None:
                raise RecordNotFound("that channel is not private: make it so first")
            _put(
                connection,
                channel_grants,
                {"principal": held.id, **key},
                {"permission": kept.value},
            )
            touched(connection, held.id, revision)

    def revoke_channel(self, principal: str, namespace: str, channel: str) -> bool:
        """Take a grant on a channel back; false if there was none."""
        key = _channel(namespace, channel)
        with changing(self._database) as (connection, revision):
            held = found(connection, principal)
            touched(connection, held.id, revision)
            return _remove(connection, channel_grants, {"principal": held.id, **key})


def _channel(namespace: str, channel: str) -> dict[str, str]:
    place = label_of(namespace, "namespace")
    if place == EVERYWHERE:
        raise InvalidInput("a channel lives in one namespace: name that")
    return {"namespace": place, "channel": label_of(channel, "a channel")}


def _matching(table: Table, key: Mapping[str, str]) -> Any:
    return and_(*(table.c[name] == value for name, value in key.items()))


def _found(table: Table, key: Mapping[str, str]) -> Any:
    return select(table).where(_matching(table, key))


def _put(
    connection: Connection, table: Table, key: Mapping[str, str], values: Mapping[str, str]
) -> None:
    # Changes take turns, so nobody else adds the row in between.
    if connection.execute(_found(table, key)).first() is None:
        connection.execute(insert(table).values(**key, **values))
    else:
        connection.execute(update(table).where(_matching(table, key)).values(**values))


def _remove(connection: Connection, table: Table, key: Mapping[str, str]) -> bool:
    return connection.execute(delete(table).where(_matching(table, key))).rowcount > 0
