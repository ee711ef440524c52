"""Principals, tokens, grants and private channels, on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from memkit.errors import (
    DuplicateRecord,
    Forbidden,
    InvalidInput,
    RecordNotFound,
    StoreClosed,
    Unauthenticated,
)
from memkit.server.control import Control, Identity, Permission, Principal

Work = Callable[[Control], Awaitable[None]]


class Clock:
    """A clock that is set."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def run(url: str, work: Work, clock: Clock | None = None) -> None:
    async def main() -> None:
        opening = Control.open(url) if clock is None else Control.open(url, clock=clock)
        async with await opening as control:
            await work(control)

    asyncio.run(main())


async def refused(control: Control, token: str) -> str:
    with pytest.raises(Unauthenticated) as told:
        await control.authenticate(token)
    return str(told.value)


async def member(control: Control, name: str = "ci", **options: object) -> str:
    await control.create_principal(name, **options)  # type: ignore[arg-type]
    secret, _ = await control.issue_token(name, "test")
    return secret


def test_a_token_tells_whose_it_is_and_what_that_one_may_do(url: str) -> None:
    async def work(control: Control) -> None:
        secret = await member(control, agents=["build-*"])
        await control.grant("ci", "acme", "write")
        await control.grant("ci", "*", "read")
        identity = await control.authenticate(secret)
        assert identity.principal.name == "ci"
        assert identity.method == "token"
        assert secret.split("_")[1] == identity.token_id
        assert identity.permission("acme") == Permission.WRITE
        assert identity.permission("acme-corp") == Permission.READ
        assert identity.agent("build-1") == "build-1"
        with pytest.raises(Forbidden):
            identity.agent("builder")

    run(url, work)


def test_the_secret_is_not_kept(file_url: str) -> None:
    secrets = []

    async def work(control: Control) -> None:
        secrets.append(await member(control))

    run(file_url, work)
    kept = b"".join(path.read_bytes() for path in Path(file_url).parent.iterdir())
    assert secrets[0].split("_", 2)[2].encode() not in kept
    assert secrets[0].split("_")[1].encode() in kept


def test_every_token_that_is_not_valid_is_refused_in_the_same_words(url: str) -> None:
    clock = Clock()

    async def work(control: Control) -> None:
        good = await member(control)
        expiring, _ = await control.issue_token("ci", "short", clock.now + timedelta(hours=1))
        revoked, info = await control.issue_token("ci", "gone")
        await control.revoke_token(info.id)
        off = await member(control, "off")
        await control.disable_principal("off")
        last = "a" if good[-1] != "a" else "b"
        made_up = ["", "mk_", "mk_abcdefgh_" + "a" * 43, good[:-1], good + "a", good[:-1] + last]
        made_up += [good.upper(), good + "\n", "é" * 55, "\ud800", "x" * 1_000_000, "a.b.c"]
        await control.authenticate(expiring)
        clock.now += timedelta(hours=1)
        told = {await refused(control, token) for token in (*made_up, expiring, revoked, off)}
        assert len(told) == 1
        await control.authenticate(good)

    run(url, work, clock)


def test_a_token_is_good_until_the_very_moment_it_expires(url: str) -> None:
    clock = Clock()

    async def work(control: Control) -> None:
        await control.create_principal("ci")
        until = clock.now + timedelta(days=1)
        secret, info = await control.issue_token("ci", "day", until)
        assert info.expires_at == until
        clock.now = until - timedelta(microseconds=1)
        assert (await control.authenticate(secret)).expires_at == until
        clock.now = until
        await refused(control, secret)
        # The clock is set back: what it says now is what counts.
        clock.now = until - timedelta(days=1)
        await control.authenticate(secret)
        with pytest.raises(InvalidInput, match="past"):
            await control.issue_token("ci", "late", clock.now)
        with pytest.raises(InvalidInput, match="zone"):
            await control.issue_token("ci", "naive", datetime(2030, 1, 1))

    run(url, work, clock)


def test_each_change_counts_from_the_next_request_on(url: str) -> None:
    async def work(control: Control) -> None:
        secret = await member(control)
        other, info = await control.issue_token("ci", "other")
        assert (await control.authenticate(secret)).permission("a") is None
        await control.grant("ci", "a", "read")
        assert (await control.authenticate(secret)).permission("a") == Permission.READ
        await control.grant("ci", "a", "admin")
        assert (await control.authenticate(secret)).permission("a") == Permission.ADMIN
        assert await control.revoke_grant("ci", "a")
        assert not await control.revoke_grant("ci", "a")
        assert (await control.authenticate(secret)).permission("a") is None
        await control.update_principal("ci", name="cd", role="admin", agents=["x"])
        identity = await control.authenticate(secret)
        assert identity.principal.name == "cd"
        assert identity.is_admin
        assert identity.agent(None) == "x"
        await control.disable_principal("cd")
        await refused(control, secret)
        await control.enable_principal("cd")
        await control.authenticate(secret)
        await control.revoke_token(info.id)
        await refused(control, other)
        await control.authenticate(secret)

    run(url, work)


def test_a_namespaces_two_spellings_are_one_and_its_look_alikes_are_not(url: str) -> None:
    async def work(control: Control) -> None:
        secret = await member(control)
        await control.grant("ci", "cafe\u0301", "write")
        await control.grant("ci", "acme", "write")
        identity = await control.authenticate(secret)
        assert identity.permission("café") == Permission.WRITE
        for other in ("cafe", "acme-corp", "acme ", "ACME", "аcme"):
            assert identity.permission(other) is None
        with pytest.raises(DuplicateRecord):
            await control.create_principal("ci")
        await control.create_principal("café")
        with pytest.raises(DuplicateRecord):
            await control.create_principal("cafe\u0301")
        assert (await control.principal("cafe\u0301")).name == "café"
        for other in ("cafe", "CI", "ci-2"):
            with pytest.raises(RecordNotFound):
                await control.principal(other)

    run(url, work)


@pytest.mark.parametrize(
    "name", ["", "local", "a*", "*", "a\nb", "01a1fdc4-0458-735d-9421-6784a5847c76", "x" * 201]
)
def test_names_that_would_be_taken_for_something_else_are_refused(file_url: str, name: str) -> None:
    async def work(control: Control) -> None:
        with pytest.raises(InvalidInput):
            await control.create_principal(name)
        assert await control.principals() == []

    run(file_url, work)


def test_what_is_not_there_is_said_not_to_be(url: str) -> None:
    async def work(control: Control) -> None:
        for call in (
            control.issue_token("ghost", "t"),
            control.disable_principal("ghost"),
            control.update_principal("ghost", role="admin"),
            control.grant("ghost", "a", "read"),
            control.revoke_grant("ghost", "a"),
            control.revoke_token("abcdefgh"),
            control.tokens("ghost"),
            control.grants("ghost"),
        ):
            with pytest.raises(RecordNotFound):
                await call
        await control.create_principal("ci")
        for bad in (
            control.grant("ci", "a", "owner"),
            control.grant("ci", "", "read"),
            control.grant("ci", "a", "READ"),
            control.create_principal("x", "root"),
            control.create_principal("x", agents="abc"),
            control.grant_channel("ci", "a", "c", "admin"),
            control.make_private("*", "c"),
        ):
            with pytest.raises(InvalidInput):
                await bad
        with pytest.raises(RecordNotFound, match="not private"):
            await control.grant_channel("ci", "a", "c", "read")

    run(url, work)


def test_private_channels_open_by_grant_and_close_again(url: str) -> None:
    async def work(control: Control) -> None:
        secret = await member(control)
        await control.grant("ci", "acme", "write")
        assert await control.make_private("acme", "board")
        assert not await control.make_private("acme", "board")
        assert (await control.authenticate(secret)).hidden("acme") == {"msg:board"}
        await control.grant_channel("ci", "acme", "board", "read")
        identity = await control.authenticate(secret)
        assert identity.hidden("acme") == frozenset()
        assert not identity.may_send("acme", "board")
        await control.grant_channel("ci", "acme", "board", "write")
        assert (await control.authenticate(secret)).may_send("acme", "board")
        (grant,) = await control.grants("ci")
        assert grant.permission == Permission.WRITE
        assert grant.channels == {"board": Permission.WRITE}
        assert await control.revoke_channel("ci", "acme", "board")
        assert (await control.authenticate(secret)).hidden("acme") == {"msg:board"}
        assert await control.private_channels() == [("acme", "board")]
        assert await control.make_public("acme", "board")
        assert not await control.make_public("acme", "board")
        assert (await control.authenticate(secret)).hidden("acme") == frozenset()

    run(url, work)


def test_the_first_administrator_is_made_once(url: str) -> None:
    async def work(control: Control) -> None:
        found = await asyncio.gather(*(control.first_admin() for _ in range(8)))
        (secret,) = [token for token in found if token is not None]
        identity = await control.authenticate(secret)
        assert identity.principal.name == "admin"
        assert identity.permission("anything") == Permission.ADMIN
        assert identity.agent("researcher") == "researcher"
        assert identity.agent(None) == "admin"
        assert [principal.name for principal in await control.principals()] == ["admin"]
        # Nor once it is disabled, and nobody can get in any more.
        await control.disable_principal("admin")
        assert await control.first_admin() is None

    run(url, work)


def test_tokens_are_listed_with_when_they_were_used(url: str) -> None:
    clock = Clock()

    async def work(control: Control) -> None:
        secret = await member(control)
        await member(control, "other")
        start = clock.now
        await control.authenticate(secret)
        clock.now += timedelta(seconds=59)
        await control.authenticate(secret)
        await control.audit.flush()
        (info,) = await control.tokens("ci")
        assert info.last_used_at == start
        clock.now += timedelta(seconds=1)
        await control.authenticate(secret)
        await control.audit.flush()
        (info,) = await control.tokens("ci")
        assert info.last_used_at == clock.now
        assert info.created_at == start
        (unused,) = await control.tokens("other")
        assert unused.last_used_at is None
        assert secret not in repr(await control.tokens())

    run(url, work, clock)


def test_everything_is_there_when_it_is_opened_again(url: str) -> None:
    kept = []

    async def first(control: Control) -> None:
        kept.append(await member(control, agents=["a", "b-*"]))
        await control.grant("ci", "acme", "write")
        await control.make_private("acme", "board")

    async def second(control: Control) -> None:
        identity = await control.authenticate(kept[0])
        assert identity.principal.agents == ("a", "b-*")
        assert identity.permission("acme") == Permission.WRITE
        assert identity.hidden("acme") == {"msg:board"}
        assert await control.first_admin() is None

    run(url, first)
    run(url, second)


def test_thousands_of_principals_are_told_apart(file_url: str) -> None:
    async def work(control: Control) -> None:
        from sqlalchemy import insert

        from memkit.server.control.tables import principals

        # Straight into the table: ten thousand transactions would take a minute.
        with control._database.writing() as connection:
            connection.execute(
                insert(principals),
                [
                    {
                        "id": f"p{n}",
                        "name": f"agent-{n}",
                        "role": "member",
                        "agents": "[]",
                        "created_at": datetime(2026, 1, 1, tzinfo=UTC),
                        "revision": 1,
                    }
                    for n in range(10_000)
                ],
            )
        one, _ = await control.issue_token("agent-7", "t")
        two, _ = await control.issue_token("agent-9999", "t")
        await control.grant("agent-9999", "acme", "write")
        assert (await control.authenticate(one)).principal.name == "agent-7"
        assert (await control.authenticate(one)).permission("acme") is None
        assert (await control.authenticate(two)).permission("acme") == Permission.WRITE

    run(file_url, work)


def test_an_identity_proved_elsewhere_gets_what_is_known_of_it_here(url: str) -> None:
    async def work(control: Control) -> None:
        await control.make_private("acme", "board")
        proved = Identity(Principal("x", "jwt:ann"), method="jwt", grants={"acme": Permission.READ})
        adopted = await control.adopt(proved)
        assert adopted.hidden("acme") == {"msg:board"}
        assert adopted.permission("acme") == Permission.READ
        await control.create_principal("jwt:ann")
        await control.grant("jwt:ann", "acme", "write")
        await control.grant_channel("jwt:ann", "acme", "board", "read")
        adopted = await control.adopt(proved)
        assert adopted.permission("acme") == Permission.WRITE
        assert adopted.hidden("acme") == frozenset()
        await control.disable_principal("jwt:ann")
        with pytest.raises(Unauthenticated):
            await control.adopt(proved)

    run(url, work)


def test_a_cancelled_request_leaves_the_others_be(url: str) -> None:
    async def work(control: Control) -> None:
        secret = await member(control)
        tasks = [asyncio.create_task(control.authenticate(secret)) for _ in range(50)]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(item, Identity) for item in done[1::2])
        await control.authenticate(secret)

    run(url, work)


def test_one_control_store_serves_several_event_loops(file_url: str) -> None:
    async def opened() -> tuple[Control, str]:
        control = await Control.open(file_url)
        return control, await member(control)

    control, secret = asyncio.run(opened())
    for _ in range(2):
        assert asyncio.run(control.authenticate(secret)).principal.name == "ci"
    asyncio.run(control.close())
    asyncio.run(control.close())
    with pytest.raises(StoreClosed):
        asyncio.run(control.authenticate(secret))
    with pytest.raises(StoreClosed):
        asyncio.run(control.principals())
