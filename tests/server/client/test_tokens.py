"""Tokens: shown to nobody, sent to nobody else, and what a server makes of them."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from memkit import Memory
from memkit.errors import ConfigurationError, Forbidden, StoreUnavailable, Unauthenticated
from memkit.server.control import Control
from tests.server.client.serving import Serving, serving

SECRET = "mk_not-a-token-of-anybody"


@pytest.fixture
def control(tmp_path: Path) -> str:
    return str(tmp_path / "control.db")


@pytest.fixture
def tokens(control: str) -> dict[str, str]:
    async def made() -> dict[str, str]:
        async with await Control.open(control) as opened:
            await opened.create_principal("ann")
            await opened.create_principal("bob")
            await opened.grant("ann", "team", "write")
            await opened.grant("bob", "team", "read")
            return {name: (await opened.issue_token(name, "test"))[0] for name in ("ann", "bob")}

    return asyncio.run(made())


@pytest.fixture
def guarded(tmp_path: Path, control: str, tokens: dict[str, str]) -> Iterator[Serving]:
    with serving(str(tmp_path / "memory.db"), control=control, embedder="none") as server:
        yield server


def test_who_writes_is_known_by_the_token(
    guarded: Serving, tokens: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Memory.open(guarded.url, namespace="team", token=tokens["ann"]) as ann:
        record = ann.remember("Deploys happen on Tuesdays").record
        assert (record.author, record.agent) == ("ann", "ann")
        with pytest.raises(Forbidden, match=r"agent|speak"):
            ann.at(agent="bob").remember("under another's name")
        with pytest.raises(Forbidden):
            ann.check()
    monkeypatch.setenv("MEMKIT_TOKEN", tokens["bob"])
    with Memory.open(guarded.url, namespace="team") as bob:
        assert bob.get(record.id) == record
        with pytest.raises(Forbidden, match="write"):
            bob.remember("not mine to say")
        with pytest.raises(Forbidden):
            bob.erase(record.id)


@pytest.mark.parametrize("token", [None, SECRET])
def test_nobody_is_let_in_without_a_valid_token(guarded: Serving, token: str | None) -> None:
    with Memory.open(guarded.url, token=token) as memory:
        for call in (memory.status, memory.count, lambda: memory.remember("x")):
            with pytest.raises(Unauthenticated) as caught:
                call()
            assert SECRET not in str(caught.value)


def test_a_token_is_shown_nowhere() -> None:
    with Memory.open("http://127.0.0.1:9", token=SECRET, timeout_seconds=1) as memory:
        shown = [repr(memory), repr(memory.settings), str(memory.settings), repr(vars(memory))]
        with pytest.raises(StoreUnavailable) as caught:
            memory.count()
        shown += [str(caught.value), repr(caught.value), repr(caught.value.__cause__)]
        assert not [text for text in shown if SECRET in text]


@pytest.mark.parametrize(
    "url", ["http://memory.example.org", "http://10.0.0.7:8000", "http://127.0.0.1.example.org"]
)
def test_a_token_does_not_cross_a_network_in_the_clear(url: str) -> None:
    with pytest.raises(ConfigurationError, match="in the clear") as caught:
        Memory.open(url, token=SECRET)
    assert SECRET not in str(caught.value)
    Memory.open(url, token=SECRET, allow_http="on").close()
    Memory.open(url.replace("http", "https", 1), token=SECRET).close()
    Memory.open(url).close()


@pytest.mark.parametrize("url", ["http://localhost:9", "http://127.3.2.1:9", "http://[::1]:9"])
def test_to_this_machine_it_may(url: str) -> None:
    Memory.open(url, token=SECRET).close()


@pytest.mark.parametrize(
    ("url", "token"),
    [
        ("http://ann:secret@localhost", None),
        ("http://localhost/?token=secret", None),
        ("http://", None),
        ("http://localhost:seven", None),
        ("http://localhost", "two words"),
        ("http://localhost", "line\nbreak"),
    ],
)
def test_what_no_address_or_token_looks_like_is_refused(url: str, token: str | None) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Memory.open(url, token=token)
    assert "secret" not in str(caught.value)
    assert "line" not in str(caught.value)


def test_an_administrator_rules_a_server_from_afar(
    guarded: Serving, control: str, tmp_path: Path
) -> None:
    async def administrator() -> str:
        async with await Control.open(control) as opened:
            await opened.create_principal("root", "admin")
            return (await opened.issue_token("root", "test"))[0]

    environment = {
        **os.environ,
        "MEMKIT_URL": guarded.url,
        "MEMKIT_TOKEN": asyncio.run(administrator()),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }

    def run(*arguments: str) -> str:
        command = [sys.executable, "-m", "memkit", *arguments]
        done = subprocess.run(
            command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "cleo" in run("principal", "add", "cleo")
    run("grant", "add", "cleo", "team", "write")
    secret = run("token", "create", "cleo").strip()
    with Memory.open(guarded.url, namespace="team", token=secret) as cleo:
        assert cleo.remember("made from afar").record.author == "cleo"
        assert "cleo  write  team" in run("grant", "list", "cleo")
        assert "create_principal" in run("audit", "--limit", "50")
        run("principal", "disable", "cleo")
        with pytest.raises(Unauthenticated):
            cleo.count()
