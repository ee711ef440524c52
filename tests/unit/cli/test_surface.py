"""The command line is a projection of the table: its commands, options and documents."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import typer.main

from memkit.cli.app import app
from memkit.server.control import Control
from memkit.service.operation import Operation, Permission, Surface
from memkit.service.streams import STREAMS
from memkit.service.table import OPERATIONS, of_surface
from tests.server.client.serving import serving

Run = Callable[..., subprocess.CompletedProcess[str]]

ROWS = (*of_surface(Surface.CLI), STREAMS["watch"], STREAMS["export"])
#: Whose arguments are about the server rather than about memories: their commands say some of
#: them in words of their own (enable, disable).
_OF_SERVER = {row.name for row in ROWS if row.permission is Permission.SERVER}


def _command(operation: Operation) -> Any:
    found: Any = typer.main.get_command(app)
    for word in operation.command.split():
        if not word.startswith("-"):
            found = found.commands[word]
    return found


@pytest.mark.parametrize("operation", ROWS, ids=lambda row: row.name)
def test_every_operation_has_its_command(operation: Operation) -> None:
    options = {text for option in _command(operation).params for text in option.opts}
    assert {word for word in operation.command.split() if word.startswith("-")} <= options
    assert "--json" in options


@pytest.mark.parametrize(
    "operation", [row for row in ROWS if row.name not in _OF_SERVER], ids=lambda row: row.name
)
def test_a_command_says_every_argument_of_its_operation(operation: Operation) -> None:
    said = {option.name.removesuffix("_") for option in _command(operation).params}
    if "ids" in said:
        said.add("id")
    # Nobody types a vector.
    assert operation.input.model_fields.keys() - {"vector"} <= said


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MEMKIT_")}
    return {
        **kept,
        "HOME": str(tmp_path_factory.mktemp("home")),
        "PYTHONPATH": os.pathsep.join(sys.path),
        "PYTHONWARNINGS": "error",
        "MEMKIT_EMBEDDER": "none",
    }


def _running(tmp_path: Path, environment: dict[str, str]) -> Run:
    def command(*arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "memkit", *arguments],
            input=text,
            capture_output=True,
            text=True,
            encoding="utf-8",
            cwd=tmp_path,
            env=environment,
            timeout=60,
            check=False,
        )

    return command


@pytest.fixture(params=["embedded", "served"])
def run(request: pytest.FixtureRequest, tmp_path: Path, environment: dict[str, str]) -> Any:
    store = str(tmp_path / "memory.db")
    if request.param == "embedded":
        yield _running(tmp_path, {**environment, "MEMKIT_URL": store})
    else:
        with serving(store, embedder="none") as server:
            yield _running(tmp_path, {**environment, "MEMKIT_URL": server.url})


@pytest.fixture(params=["embedded", "served"])
def rule(request: pytest.FixtureRequest, tmp_path: Path, environment: dict[str, str]) -> Any:
    """Runs commands as who rules: over a store's control data, or with a token over a server's."""
    store = str(tmp_path / "memory.db")
    if request.param == "embedded":
        yield _running(tmp_path, {**environment, "MEMKIT_URL": store})
        return

    async def administrator() -> str:
        async with await Control.open(f"{store}.control.db") as control:
            await control.create_principal("root", "admin")
            return (await control.issue_token("root", "test"))[0]

    token = asyncio.run(administrator())
    with serving(store, control=f"{store}.control.db", embedder="none") as server:
        url = {"MEMKIT_URL": server.url, "MEMKIT_TOKEN": token}
        yield _running(tmp_path, {**environment, **url})


def _told(done: subprocess.CompletedProcess[str], name: str) -> Any:
    """The document that a command printed, which must be its operation's."""
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    # Nothing is missing, and nothing is there that the operation does not say.
    assert OPERATIONS[name].result.validate_python(told) == told
    return told


def test_each_document_is_its_operations(run: Run) -> None:
    def told(name: str, *arguments: str, text: str = "") -> Any:
        return _told(run(*arguments, "--json", text=text), name)

    first = told("remember", "remember", "Deploys happen on Tuesdays", "--tag", "ops", "--pin")[
        "id"
    ]
    lines = '"The wiki is read-only"\n\n{"content": "Ann owns it", "metadata": {"n": 3}}\n'
    many = told("remember_many", "remember", "--file", "-", text=lines)["results"]
    second = many[1]["id"]
    assert told("recall", "recall", "deploys", "--mode", "lexical")["memories"][0]["id"] == first
    assert told("list", "list", "--ascending", "--limit", "1")["records"][0]["id"] == first
    over = '{"field": "metadata.n", "op": "gte", "value": 2}'
    assert told("count", "count", "--filter", over) == {"count": 1}
    assert told("tags", "tags") == {"counts": {"ops": 1}}
    assert told("agents", "agents") == {"counts": {}}
    assert told("status", "status")["records"] == 3
    changed = told("update", "update", second, "--content", "Bob owns it", "--clear", "metadata")
    assert (changed["content"], changed["metadata"], changed["version"]) == ("Bob owns it", {}, 2)
    assert told("get", "get", second) == changed
    third = told("correct", "correct", second, "Cleo owns it", "--kind", "fact")["id"]
    assert told("pin", "pin", first, "--off")["pinned"] is False
    assert told("feedback", "feedback", first, "--useful") == {"done": True}
    assert told("link", "link", first, third, "--type", "supports")["links"]
    assert told("related", "related", third)["related"][0]["record"]["id"] == first
    assert "links" not in told("unlink", "unlink", first, third)
    assert told("forget", "forget", first, third)["records"][0]["state"] == "forgotten"
    assert told("restore", "restore", first, third)["records"][0]["state"] == "active"
    assert told("erase", "erase", first, "--yes")["erased"] == [first]


def test_each_document_on_control_data_is_its_operations(rule: Run) -> None:
    def told(name: str, *arguments: str) -> Any:
        return _told(rule(*arguments, "--json"), name)

    made = told("create_principal", "principal", "add", "ci", "--speaks-as", "build-*")
    assert (made["name"], made["agents"], made["disabled_at"]) == ("ci", ["build-*"], None)
    assert made in told("principals", "principal", "list")["principals"]
    assert told("update_principal", "principal", "disable", "ci")["disabled_at"] is not None
    assert told("update_principal", "principal", "enable", "ci") == made
    changed = told("update_principal", "principal", "update", "ci", "--role", "admin")
    assert changed == {**made, "role": "admin"}
    itself = told("update_principal", "principal", "update", "ci", "--speaks-as-itself")
    assert itself == {**changed, "agents": []}
    token = told("create_token", "token", "create", "ci", "--name", "ü", "--expires", "30d")
    assert token.pop("secret").startswith(f"mk_{token['id']}_")
    assert told("tokens", "token", "list", "ci") == {"tokens": [token]}
    assert told("revoke_token", "token", "revoke", token["id"])["revoked_at"] is not None
    assert told("set_privacy", "grant", "channel", "acme", "board") == {"done": True}
    told("grant", "grant", "add", "ci", "acme")
    place = ("ci", "acme", "--channel", "board")
    granted = told("grant", "grant", "add", *place[:2], "read", *place[2:])
    assert granted["grants"] == [
        {
            "principal": made["id"],
            "namespace": "acme",
            "permission": "write",
            "channels": {"board": "read"},
        }
    ]
    assert told("grants", "grant", "list", "ci") == granted
    assert told("revoke_grant", "grant", "remove", *place)["grants"][0]["channels"] == {}
    page = told("audit", "audit", "--operation", "grant", "--limit", "1")
    assert page["cursor"] is not None
    older = ("--operation", "grant", "--cursor", page["cursor"])
    rest = told("audit", "audit", *older)
    # Each change is there once, whoever noted it.
    assert [len(each["entries"]) for each in (page, rest)] == [1, 1]


def test_messages_go_from_agent_to_agent(run: Run) -> None:
    sent = _told(run("send", "ops", "deploy is done", "--agent", "ann", "--json"), "send")["id"]
    for _ in range(2):
        found = _told(run("inbox", "ops", "--agent", "bob", "--json"), "inbox")["messages"]
        assert [each["message"]["id"] for each in found] == [sent]
    (channel,) = _told(run("channels", "--agent", "bob", "--json"), "channels")["channels"]
    assert (channel["name"], channel["unread"]) == ("ops", 1)
    shown = run("inbox", "--agent", "bob", "--ack")
    assert "ann: deploy is done" in shown.stdout
    assert run("inbox", "--agent", "bob").stdout == "no unread messages\n"
    assert _told(run("ack", sent, "--agent", "cleo", "--json"), "ack") == {"count": 1}


def test_watch_goes_on_after_an_event(run: Run) -> None:
    with ThreadPoolExecutor(1) as threads:
        watching = threads.submit(run, "watch", "--limit", "1", "--tag", "x", "--json")
        seen = 0
        while not watching.done():
            # Whenever it has begun to watch, something happens after that.
            run("remember", f"something {seen}", "--tag", "x")
            seen += 1
    first = json.loads(watching.result().stdout)
    assert STREAMS["watch"].result.validate_python(first)
    assert first["type"] == "created"
    last = _told(run("remember", "and then", "--tag", "y", "--json"), "remember")["id"]
    done = run("watch", "--after", first["cursor"], "--tag", "y", "--limit", "1", "--json")
    assert json.loads(done.stdout)["id"] == last
    assert run("watch", "--after", "nonsense").returncode == 2


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["get", "00000000-0000-7000-8000-000000000000"], 3),
        (["update", "00000000-0000-7000-8000-000000000000"], 2),
        (["remember", "x", "--file", "-"], 2),
        (["remember", "--file", "missing.jsonl"], 2),
        (["count", "--filter", "no json"], 2),
        (["list", "--reach", "everywhere"], 2),
    ],
)
def test_refusals_are_the_same_everywhere(run: Run, arguments: list[str], code: int) -> None:
    done = run(*arguments)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr


def test_a_line_that_is_no_memory_is_named_and_nothing_is_stored(run: Run) -> None:
    done = run("remember", "--file", "-", text='"fine"\n{"content": "x", "kindd": "fact"}\n')
    assert done.returncode == 2
    assert "line 2: kindd" in done.stderr
    assert run("count").stdout == "0\n"


def test_embedded_commands_load_nothing_of_a_server(environment: dict[str, str]) -> None:
    program = (
        "import sys\n"
        "sys.argv = ['memkit', 'recall', 'x', '--mode', 'lexical', '--json']\n"
        "from memkit.cli.app import run\n"
        "try:\n    run()\nexcept SystemExit as end:\n    assert not end.code\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    heavy = {"starlette", "sqlalchemy", "mcp", "httpx", "uvicorn", "joserfc", "memkit.client"}
    assert not heavy & set(done.stderr.split())
