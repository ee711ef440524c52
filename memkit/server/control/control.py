"""The control data of a store: principals, tokens, grants, private channels, the audit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Protocol, Self

from memkit.clock import utc_now
from memkit.errors import Unauthenticated
from memkit.providers.requirements import require
from memkit.server.control.identities import Grant, Identity, Principal
from memkit.server.control.locations import control_url_for, locate

if TYPE_CHECKING:
    from memkit.config import Settings
    from memkit.server.control.audit import Audit
    from memkit.server.control.database import Database
    from memkit.server.control.tokens import TokenInfo

# The same for what was never there, has ended, was revoked or belongs to nobody any more.
_REFUSED: Final = "the token is not valid: get a new one from whoever runs this server"
_USE_EVERY: Final = timedelta(minutes=1)
Clock = Callable[[], datetime]


class Verifier(Protocol):
    """What verifies the tokens of an identity provider."""

    async def verify(self, token: str) -> Identity:
        """Whom a token belongs to.

        Raises:
            Unauthenticated: it is not valid.
        """
        ...

    async def close(self) -> None:
        """Let go of what it holds."""
        ...


class Control:
    """Who may do what on a store, and what was done. Make one with :meth:`open`.

    It may be shared by any number of tasks and event loops, and any number of processes may
    have the same control store open: a change by one is seen by the next request to another.
    Principals are named by their name or id everywhere.
    """

    def __init__(self, database: Database, clock: Clock, verifier: Verifier | None) -> None:
        from memkit.server.control.administration import Administration
        from memkit.server.control.audit import Audit
        from memkit.server.control.granting import Granting
        from memkit.server.control.watching import Watch
        from memkit.server.control.writing import AuditWriter

        self._database = database
        self._clock = clock
        self._verifier = verifier
        self._administration = Administration(database, clock)
        self._granting = Granting(database)
        self._watch = Watch(database)
        self._writer = AuditWriter(database)
        self._audit = Audit(database, self._writer)
        self._used: dict[str, datetime] = {}

    @classmethod
    async def open(
        cls, url: str, *, verifier: Verifier | None = None, clock: Clock = utc_now
    ) -> Self:
        """Open a control store, and make it if it is not there.

        Args:
            url: a path, ``sqlite:///path`` or ``postgresql://…``; see :func:`control_url_for`.
            verifier: what verifies tokens that are not memkit's own, such as a
                :class:`~memkit.server.jwt.JwtVerifier`; it is closed with this.
            clock: what time it is.

        Raises:
            ConfigurationError: the URL is malformed.
            MissingDependency: a package of the extra ``server`` is not installed.
            SchemaMismatch: a newer memkit wrote it.
            StoreError: it cannot be opened; its kinds say why.
        """
        location = locate(url)

        def connect() -> Database:
            require("sqlalchemy", "Control", "server")
            from memkit.server.control.database import Database

            database = Database(location)
            try:
                database.open()
            except BaseException:
                database.close()
                raise
            return database

        return cls(await asyncio.to_thread(connect), clock, verifier)

    @classmethod
    async def of(cls, settings: Settings, *, clock: Clock = utc_now) -> Self:
        """Open the control store of the store that settings name, with their JWTs.

        Raises:
            as :meth:`open`; also ConfigurationError: what the settings say of JWTs is not whole.
        """
        from memkit.server.jwt import verifier_from

        verifier = verifier_from(settings, clock=clock)
        url = control_url_for(settings.url, settings)
        return await cls.open(url, verifier=verifier, clock=clock)

    async def close(self) -> None:
        """Write what is left of the audit and disconnect; called again, nothing.

        Raises:
            StoreError: something of the audit could not be written.
        """
        if self._database.closed:
            return
        if self._verifier is not None:
            await self._verifier.close()
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        try:
            self._watch.close()
            self._writer.close()
        finally:
            self._database.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def audit(self) -> Audit:
        """What was done."""
        return self._audit

    # Who is it?

    async def authenticate(self, token: str) -> Identity:
        """Whom a token belongs to, as of now: what was revoked before this call is refused.

        Raises:
            Unauthenticated: the token is not valid; nothing says why.
            StoreError: the control store cannot be read.
        """
        from memkit.server.control.tokens import PREFIX, id_of, matches

        if self._verifier is not None and not token.startswith(PREFIX):
            return await self.adopt(await self._verifier.verify(token))
        snapshot = await self._watch.current()
        held = snapshot.tokens.get(id_of(token))
        valid = matches(token, None if held is None else held.digest)
        if held is None or not valid:
            raise Unauthenticated(_REFUSED)
        identity = snapshot.identity(held)
        now = self._clock()
        expired = identity.expires_at is not None and now >= identity.expires_at
        if expired or identity.principal.disabled_at is not None:
            raise Unauthenticated(_REFUSED)
        self._note_use(held.id, now)
        return identity

    async def adopt(self, identity: Identity) -> Identity:
        """An identity that was proved elsewhere, with what is known of it here.

        It gets to know which channels are private. If a principal of its name was made here,
        it also gets that one's grants, and is refused if that one is disabled.

        Raises:
            Unauthenticated: it is disabled.
            StoreError: the control store cannot be read.
        """
        snapshot = await self._watch.current()
        known = replace(identity, private=snapshot.private)
        id_ = snapshot.names.get(identity.principal.name)
        if id_ is None:
            return known
        held = snapshot.held[id_]
        if held.principal.disabled_at is not None:
            raise Unauthenticated(_REFUSED)
        grants = dict(identity.grants)
        for namespace, permission in held.grants.items():
            grants[namespace] = max(permission, grants.get(namespace, permission))
        return replace(known, grants=grants, channels=held.channels)

    def _note_use(self, token: str, now: datetime) -> None:
        from memkit.server.control.writing import TokenUse

        last = self._used.get(token)
        if last is None or not timedelta(0) <= now - last < _USE_EVERY:
            self._used[token] = now
            self._writer.note(TokenUse(token, now))

    # Principals.

    async def create_principal(
        self, name: str, role: str = "member", agents: Iterable[str] = ()
    ) -> Principal:
        """Add a principal.

        Args:
            name: its label, which no other has.
            role: ``member``, or ``admin``, who may do everything everywhere.
            agents: whom it may speak as: ids, and patterns that end in ``*``; none: its own
                name only.

        Raises:
            InvalidInput: an argument cannot be.
            DuplicateRecord: the name is taken.
        """
        made = self._administration.create_principal
        return await asyncio.to_thread(made, name, role, _listed(agents))

    async def principals(self) -> list[Principal]:
        """All principals, by name."""
        return await asyncio.to_thread(self._administration.principals)

    async def principal(self, principal: str) -> Principal:
        """The principal of a name or an id.

        Raises:
            RecordNotFound: there is none.
        """
        return await asyncio.to_thread(self._administration.principal, principal)

    async def disable_principal(self, principal: str) -> Principal:
        """Refuse all its credentials from now on."""
        return await asyncio.to_thread(self._administration.set_disabled, principal, True)

    async def enable_principal(self, principal: str) -> Principal:
        """Take its credentials again."""
        return await asyncio.to_thread(self._administration.set_disabled, principal, False)

    async def update_principal(
        self,
        principal: str,
        *,
        name: str | None = None,
        role: str | None = None,
        agents: Iterable[str] | None = None,
    ) -> Principal:
        """Change what is given; the principal as it is then.

        Raises:
            RecordNotFound: there is no such principal.
            InvalidInput, DuplicateRecord: as :meth:`create_principal`.
        """
        change = self._administration.update_principal
        listed = None if agents is None else _listed(agents)
        return await asyncio.to_thread(change, principal, name, role, listed)

    async def first_admin(self) -> str | None:
        """A token of the new principal ``admin`` if there is no principal, else ``None``.

        However many processes ask at once, one of them gets it.
        """
        return await asyncio.to_thread(self._administration.first_admin)

    # Tokens.

    async def issue_token(
        self, principal: str, name: str, expires_at: datetime | None = None
    ) -> tuple[str, TokenInfo]:
        """A new token, which is never shown again, and what is kept of it.

        Args:
            principal: whose it is.
            name: what it is for.
            expires_at: until when it is valid; ``None``: until it is revoked.

        Raises:
            RecordNotFound: there is no such principal.
            InvalidInput: an argument cannot be.
        """
        return await asyncio.to_thread(
            self._administration.issue_token, principal, name, expires_at
        )

    async def tokens(self, principal: str | None = None) -> list[TokenInfo]:
        """All tokens, or a principal's, the oldest first."""
        return await asyncio.to_thread(self._administration.tokens, principal)

    async def revoke_token(self, id: str) -> TokenInfo:
        """Refuse a token from now on.

        Raises:
            RecordNotFound: there is none of this id.
        """
        return await asyncio.to_thread(self._administration.revoke_token, id)

    # Grants.

    async def grant(self, principal: str, namespace: str, permission: str) -> None:
        """Allow a principal this much in a namespace (``*``: in all), no more and no less."""
        await asyncio.to_thread(self._granting.grant, principal, namespace, permission)

    async def revoke_grant(self, principal: str, namespace: str) -> bool:
        """Take a grant back; false if there was none."""
        return await asyncio.to_thread(self._granting.revoke_grant, principal, namespace)

    async def grants(self, principal: str | None = None) -> list[Grant]:
        """All grants, or a principal's."""
        return await asyncio.to_thread(self._granting.grants, principal)

    # Private channels.

    async def make_private(self, namespace: str, channel: str) -> bool:
        """Hide a channel from those who have no grant on it; false if it was private."""
        return await asyncio.to_thread(self._granting.make_private, namespace, channel)

    async def make_public(self, namespace: str, channel: str) -> bool:
        """Show a channel to its whole namespace; false if it was public."""
        return await asyncio.to_thread(self._granting.make_public, namespace, channel)

    async def private_channels(self, namespace: str | None = None) -> list[tuple[str, str]]:
        """Private channels, each with its namespace before it."""
        return await asyncio.to_thread(self._granting.private_channels, namespace)

    async def grant_channel(
        self, principal: str, namespace: str, channel: str, permission: str = "write"
    ) -> None:
        """Let a principal, which needs a grant in the namespace too, read a private channel.

        Args:
            principal: who.
            namespace, channel: where.
            permission: ``read``, or ``write`` to send as well.

        Raises:
            RecordNotFound: there is no such principal, or the channel is not private.
        """
        await asyncio.to_thread(
            self._granting.grant_channel, principal, namespace, channel, permission
        )

    async def revoke_channel(self, principal: str, namespace: str, channel: str) -> bool:
        """Take a grant on a channel back; false if there was none."""
        return await asyncio.to_thread(self._granting.revoke_channel, principal, namespace, channel)


def _listed(agents: Iterable[str]) -> object:
    """Agents as a list; text, which is iterable too, stays what it is and is refused."""
    return agents if isinstance(agents, str | bytes) else list(agents)
