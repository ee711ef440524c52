"""Changes of principals and their tokens: one transaction each."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, func, insert, or_, select, update

from memkit.clock import new_id
from memkit.errors import DuplicateRecord, InvalidInput, InvalidScope, RecordNotFound
from memkit.scope import check_label
from memkit.server.control.database import Database
from memkit.server.control.identities import LOCAL_NAME, ROLES, Principal, check_agents
from memkit.server.control.snapshot import principal_of
from memkit.server.control.tables import principals, state, tokens
from memkit.server.control.tokens import TokenInfo, new_token
from memkit.validation import check_time

FIRST_ADMIN: Final = "admin"
#: A JWT's bearer is a principal whose name starts so.
JWT_PREFIX: Final = "jwt:"
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TOKENS_MAX = 1000


@contextmanager
def changing(database: Database, *, channels: bool = False) -> Iterator[tuple[Connection, int]]:
    """A transaction for one change, and the number of that change."""
    values: dict[str, Any] = {"revision": state.c.revision + 1}
    if channels:
        values["channels_revision"] = state.c.revision + 1
    with database.writing() as connection:
        # First of all: from here on every other change waits, in any process.
        connection.execute(update(state).where(state.c.id == 1).values(values))
        revision = connection.execute(select(state.c.revision).where(state.c.id == 1)).scalar_one()
        yield connection, revision


def found(connection: Connection, principal: str) -> Principal:
    """The principal of a name or an id.

    Raises:
        RecordNotFound: there is none.
    """
    label = label_of(principal, "principal")
    # No name has the form of an id.
    query = select(principals).where(or_(principals.c.id == label, principals.c.name == label))
    row = connection.execute(query).one_or_none()
    if row is None:
        raise RecordNotFound("there is no such principal: `memkit principal list` shows them")
    return principal_of(row)


def touched(connection: Connection, principal: str, revision: int, **values: Any) -> None:
    """Note that something about a principal changed."""
    connection.execute(
        update(principals).where(principals.c.id == principal).values(revision=revision, **values)
    )


def label_of(value: object, what: str) -> str:
    """A label.

    Raises:
        InvalidInput: it is none.
    """
    try:
        return check_label(value, what)
    except InvalidScope as error:
        raise InvalidInput(str(error)) from None


class Administration:
    """What an administrator does with principals and tokens. All its calls block.

    Args:
        database: the control store's.
        clock: what time it is.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    def create_principal(self, name: str, role: str, agents: object) -> Principal:
        """Add a principal."""
        name, role, kept = _check_name(name), _check_role(role), check_agents(agents)
        with changing(self._database) as (connection, revision):
            return self._create(connection, revision, name, role, kept)

    def _create(
        self, connection: Connection, revision: int, name: str, role: str, agents: tuple[str, ...]
    ) -> Principal:
        taken = select(principals.c.id).where(principals.c.name == name)
        if connection.execute(taken).first() is not None:
            raise DuplicateRecord("there is a principal of that name: choose another")
        made = Principal(new_id(), name, role, agents, self._clock())
        connection.execute(
            insert(principals).values(
                id=made.id,
                name=name,
                role=role,
                agents=json.dumps(agents),
                created_at=made.created_at,
                revision=revision,
            )
        )
        return made

    def first_admin(self) -> str | None:
        """The token of a new principal ``admin``, if there is no principal at all."""
        with self._database.reading() as connection:
            if _count(connection):
                return None
        with changing(self._database) as (connection, revision):
            if _count(connection):
                return None
            # As any agent: it could allow itself each of them, so a refusal would protect nobody.
            made = self._create(connection, revision, FIRST_ADMIN, "admin", ("*",))
            secret, _ = self._issue(connection, made.id, "first", None)
            return secret

    def principals(self) -> list[Principal]:
        """All of them, by name."""
        with self._database.reading() as connection:
            query = select(principals).order_by(principals.c.id)
            rows = [principal_of(row) for row in connection.execute(query)]
        return sorted(rows, key=lambda principal: principal.name)

    def principal(self, principal: str) -> Principal:
        """The one of a name or an id."""
        with self._database.reading() as connection:
            return found(connection, principal)

    def set_disabled(self, principal: str, disabled: bool) -> Principal:
        """Refuse a principal's credentials from now on, or take them again."""
        with changing(self._database) as (connection, revision):
            held = found(connection, principal)
            since = (held.disabled_at or self._clock()) if disabled else None
            touched(connection, held.id, revision, disabled_at=since)
            return replace(held, disabled_at=since)

    def update_principal(
        self,
        principal: str,
        name: str | None,
        role: str | None,
        agents: object,
    ) -> Principal:
        """Change what is given."""
        values: dict[str, Any] = {}
        if name is not None:
            values["name"] = _check_name(name)
        if role is not None:
            values["role"] = _check_role(role)
        if agents is not None:
            values["agents"] = check_agents(agents)
        with changing(self._database) as (connection, revision):
            held = found(connection, principal)
            changed = replace(held, **values)
            taken = select(principals.c.id).where(
                principals.c.name == changed.name, principals.c.id != held.id
            )
            if connection.execute(taken).first() is not None:
                raise DuplicateRecord("there is a principal of that name: choose another")
            touched(
                connection,
                held.id,
                revision,
                name=changed.name,
                role=changed.role,
                agents=json.dumps(changed.agents),
            )
            return changed

    def issue_token(
        self, principal: str, name: str, expires_at: datetime | None
    ) -> tuple[str, TokenInfo]:
        """Make a token; it is never shown again."""
        label, until = label_of(name, "a token's name"), check_time(expires_at, "expires_at")
        if until is not None and until <= self._clock():
            raise InvalidInput("expires_at is in the past: the token would never be valid")
        with changing(self._database) as (connection, revision):
            held = found(connection, principal)
            count = (
                select(func.count())
                .select_from(tokens)
                .where(tokens.c.principal == held.id, tokens.c.revoked_at.is_(None))
            )
            if connection.execute(count).scalar_one() >= _TOKENS_MAX:
                raise InvalidInput(
                    f"the principal has {_TOKENS_MAX} tokens, the most there can be: revoke some"
                )
            touched(connection, held.id, revision)
            return self._issue(connection, held.id, label, until)

    def _issue(
        self, connection: Connection, principal: str, name: str, until: datetime | None
    ) -> tuple[str, TokenInfo]:
        id_, secret, digest = new_token()
        while connection.execute(select(tokens.c.id).where(tokens.c.id == id_)).first() is not None:
            id_, secret, digest = new_token()
        info = TokenInfo(id_, principal, name, self._clock(), until)
        connection.execute(
            insert(tokens).values(
                id=id_,
                principal=principal,
                name=name,
                digest=digest,
                created_at=info.created_at,
                expires_at=until,
            )
        )
        return secret, info

    def tokens(self, principal: str | None) -> list[TokenInfo]:
        """Tokens, the oldest first, those that were revoked too."""
        query: Select[Any] = select(tokens).order_by(tokens.c.created_at, tokens.c.id)
        with self._database.reading() as connection:
            if principal is not None:
                query = query.where(tokens.c.principal == found(connection, principal).id)
            return [_info(row) for row in connection.execute(query)]

    def revoke_token(self, id_: str) -> TokenInfo:
        """Refuse a token from now on; that it was refused already is no error."""
        with changing(self._database) as (connection, revision):
            query = select(tokens).where(tokens.c.id == label_of(id_, "a token's id"))
            row = connection.execute(query).one_or_none()
            if row is None:
                raise RecordNotFound("there is no such token: `memkit token list` shows them")
            info = _info(row)
            revoked = replace(info, revoked_at=info.revoked_at or self._clock())
            connection.execute(
                update(tokens).where(tokens.c.id == info.id).values(revoked_at=revoked.revoked_at)
            )
            touched(connection, info.principal, revision)
            return revoked


def _info(row: Row[Any]) -> TokenInfo:
    return TokenInfo(
        row.id,
        row.principal,
        row.name,
        row.created_at,
        row.expires_at,
        row.revoked_at,
        row.last_used_at,
    )


def _count(connection: Connection) -> int:
    return int(connection.execute(select(func.count()).select_from(principals)).scalar_one())


def _check_name(name: object) -> str:
    label = label_of(name, "a principal's name")
    if "*" in label:
        raise InvalidInput("a principal's name has no *: patterns belong in its agents")
    if label == LOCAL_NAME:
        raise InvalidInput(f"{LOCAL_NAME} is whoever uses a store without a server: choose another")
    if _ID.fullmatch(label):
        raise InvalidInput("a principal's name cannot have the form of an id: choose another")
    return label


def _check_role(role: object) -> str:
    if role not in ROLES:
        raise InvalidInput(f"a role is one of {', '.join(ROLES)}")
    return str(role)
