"""The commands principal, token, grant and audit, run as a user runs them."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from memkit.errors import Unauthenticated
from memkit.server.control import AuditEntry, Control, Permission

# The program, with the commands where it does not have them by itself.
_PROGRAM = """
from memkit.cli import app, identity
known = {group.name for group in app.app.registered_groups}
for name, group in identity.APPS.items():
    if name not in known:
        app.app.add_typer(group, name=name)
if "audit" not in {command.name for command in app.app.registered_commands}:
    app.app.command("audit")(identity.audit)
app.run()
"""

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "memory.db"


@pytest.fixture
def run(tmp_path: Path, store: Path) -> Run:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("MEMKIT_")},
        "HOME": str(tmp_path),
        "PYTHONPATH": os.pathsep.join(sys.path),
        "COLUMNS": "100",
        "USER": "ann",
        "LOGNAME": "ann",
    }

    def command(*arguments: str, **more: str) -> Any:
        return subprocess.run(
            [sys.executable, "-c", _PROGRAM, *arguments],
            capture_output=True,
            text=True,
            encoding="utf-8",
            cwd=tmp_path,
            env={**environment, "MEMKIT_URL": str(store), **more},
            timeout=60,
            check=False,
        )

    return command


def _json(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _with(store: Path, work: Callable[[Control], Any]) -> Any:
    async def main() -> Any:
        async with await Control.open(f"{store}.control.db") as control:
            return await work(control)

    return asyncio.run(main())


def test_a_principal_is_added_granted_something_and_gets_in(run: Run, store: Path) -> None:
    added = _json(run("principal", "add", "ci", "--speaks-as", "build-*", "--json"))
    assert added["agents"] == ["build-*"]
    assert run("grant", "add", "ci", "acme", "write").returncode == 0
    secret = run("token", "create", "ci", "--name", "laptop", "--expires", "30d").stdout.strip()
    identity = _with(store, lambda control: control.authenticate(secret))
    assert identity.permission("acme") == Permission.WRITE
    assert identity.agent("build-1") == "build-1"
    assert identity.expires_at is not None
    listed = run("token", "list").stdout
    assert secret not in listed
    assert "ci  laptop  expires" in listed
    (info,) = _json(run("token", "list", "ci", "--json"))["tokens"]
    assert run("token", "revoke", info["id"]).returncode == 0
    with pytest.raises(Unauthenticated):
        _with(store, lambda control: control.authenticate(secret))
    assert "revoked" in run("token", "list").stdout
    # What was done is in the audit; the secret is in nothing that is kept.
    shown = run("audit").stdout
    for operation in ("create_principal", "grant", "create_token", "revoke_token"):
        assert operation in shown
    assert "local:ann" in shown
    assert secret not in shown
    # Each change once, with whom and what it was about; looking leaves nothing.
    entries = _json(run("audit", "--json"))["entries"]
    kept = [(entry["operation"], entry["namespace"], entry["records"]) for entry in entries]
    assert kept == [
        ("revoke_token", None, [added["id"], info["id"]]),
        ("create_token", None, [added["id"], info["id"]]),
        ("grant", "acme", [added["id"]]),
        ("create_principal", None, [added["id"]]),
    ]
    whence = {(entry["principal"], entry["surface"], entry["outcome"]) for entry in entries}
    assert whence == {("local:ann", "cli", "ok")}


def test_principals_are_listed_changed_disabled_and_enabled(run: Run) -> None:
    run("principal", "add", "boss", "--role", "admin")
    run("principal", "add", "ci")
    shown = run("principal", "list").stdout.splitlines()
    assert [line.split()[1:3] for line in shown] == [["admin", "boss"], ["member", "ci"]]
    assert run("principal", "disable", "ci").stdout == "disabled ci\n"
    assert "disabled" in run("principal", "list").stdout
    assert run("principal", "enable", "ci").returncode == 0
    changed = _json(run("principal", "update", "ci", "--name", "cd", "--speaks-as", "x", "--json"))
    assert (changed["name"], changed["agents"]) == ("cd", ["x"])
    assert _json(run("principal", "update", "cd", "--role", "admin", "--json"))["agents"] == ["x"]
    itself = run("principal", "update", "cd", "--speaks-as-itself", "--json")
    assert _json(itself)["agents"] == []


def test_private_channels_are_made_granted_and_listed(run: Run, store: Path) -> None:
    run("principal", "add", "ci")
    run("grant", "add", "ci", "acme", "read")
    assert run("grant", "add", "ci", "acme", "read", "--channel", "board").returncode == 3
    assert run("grant", "channel", "acme", "board").stdout == "board is private\n"
    assert run("grant", "add", "ci", "acme", "read", "--channel", "board").returncode == 0
    shown = run("grant", "list", "ci").stdout
    assert "ci  read   acme\n" in shown
    assert "channel board" in shown
    assert "private  acme  channel board\n" in shown
    told = _json(run("grant", "list", "--json"))
    assert told["grants"][0]["channels"] == {"board": "read"}
    private = [{"namespace": "acme", "channel": "board"}]
    assert told["private_channels"] == private
    assert run("grant", "remove", "ci", "acme", "--channel", "board").stdout == "removed\n"
    assert run("grant", "remove", "ci", "acme").stdout == "removed\n"
    assert run("grant", "remove", "ci", "acme").stdout == "there was no such grant\n"
    assert _json(run("grant", "remove", "ci", "acme", "--json")) == {
        "grants": [],
        "private_channels": private,
    }
    assert run("grant", "channel", "acme", "board", "--public").stdout == "board is public\n"
    assert run("grant", "list").stdout == ""
    assert _json(run("grant", "list", "--json")) == {"grants": [], "private_channels": []}


def test_the_audit_is_filtered_paged_exported_and_pruned(
    run: Run, store: Path, tmp_path: Path
) -> None:
    async def fill(control: Control) -> None:
        for number in range(5):
            await control.audit.record(
                AuditEntry("recall", principal_name="ann", records=(f"r{number}",))
            )
        await control.audit.record(
            AuditEntry("forget", principal_name="bob\x1b[31m", namespace="acme",
                       outcome="forbidden", ip="10.0.0.1", changes=True)
        )  # fmt: skip

    _with(store, fill)
    page = _json(run("audit", "--limit", "2", "--json"))
    assert [entry["operation"] for entry in page["entries"]] == ["forget", "recall"]
    rest = _json(run("audit", "--cursor", page["cursor"], "--json"))
    assert len(rest["entries"]) == 4
    shown = run("audit", "--operation", "forget", "--since", "1h").stdout
    assert "acme  forbidden  rest 10.0.0.1" in shown
    assert "\x1b" not in shown
    assert run("audit", "--since", "2100-01-01").stdout == ""
    assert len(_json(run("audit", "--record", "r3", "--json"))["entries"]) == 1
    target = tmp_path / "audit.jsonl"
    assert run("audit", "--export", str(target), "--principal", "ann").returncode == 0
    assert len(target.read_text().splitlines()) == 5
    piped = run("audit", "--export", "-").stdout.splitlines()
    assert len([json.loads(line) for line in piped]) == 6
    assert run("audit", "--prune-before", "2100-01-01").returncode == 2
    pruned = run("audit", "--prune-before", "2100-01-01", "--yes", "--json")
    assert _json(pruned) == {"pruned": 6}
    left = _json(run("audit", "--json"))["entries"]
    assert [entry["operation"] for entry in left] == ["prune_audit"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("token", "create", "ghost"), 3),
        (("token", "revoke", "abcdefgh"), 3),
        (("principal", "disable", "ghost"), 3),
        (("principal", "add", "a*"), 2),
        (("principal", "add", ""), 2),
        (("principal", "add", "x", "--role", "root"), 2),
        (("principal", "update", "x", "--speaks-as", "a", "--speaks-as-itself"), 2),
        (("grant", "add", "ghost", "acme", "own"), 2),
        (("token", "create", "ghost", "--expires", "soon"), 2),
        (("token", "create", "ghost", "--expires", ""), 2),
        (("audit", "--since", "yesterday"), 2),
        (("audit", "--limit", "0"), 2),
        (("audit", "--export", "missing/folder/file"), 5),
    ],
)
def test_what_cannot_be_done_ends_with_a_code_that_says_why(
    run: Run, arguments: tuple[str, ...], code: int
) -> None:
    done = run(*arguments)
    assert done.returncode == code, done.stderr
    assert done.stderr
    assert "Traceback" not in done.stderr


def test_a_name_is_taken_once(run: Run) -> None:
    assert run("principal", "add", "ci").returncode == 0
    assert run("principal", "add", "ci").returncode == 4
    failed = run("principal", "add", "ci", "--json")
    assert json.loads(failed.stderr)["error"]["code"] == "duplicate"


def test_another_store_has_other_principals(run: Run, tmp_path: Path) -> None:
    run("principal", "add", "ci")
    other = ("--store", str(tmp_path / "other.db"))
    assert _json(run("principal", "list", *other, "--json")) == {"principals": []}
    run("principal", "add", "cd", *other)
    assert [item["name"] for item in _json(run("principal", "list", "--json"))["principals"]] == [
        "ci"
    ]
