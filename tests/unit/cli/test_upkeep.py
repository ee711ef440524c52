"""Commands about what decays: sweep, archive, run, policy, as a user types them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from memkit import Memory
from tests.unit.lifecycle.aging import aged

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def command(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "memkit", *arguments],
            capture_output=True,
            text=True,
            timeout=120,
            env={
                **os.environ,
                "MEMKIT_URL": str(tmp_path / "m.db"),
                "MEMKIT_EMBEDDER": "none",
                "PYTHONPATH": os.pathsep.join(sys.path),
            },
        )

    return command


def filled(tmp_path: Path) -> list[str]:
    with Memory.open(str(tmp_path / "m.db"), embedder="none") as memory:
        return aged(
            memory,
            {"content": "the boiler was mended", "days": 300},
            {"content": "the boiler leaks", "days": 1},
        )


def test_a_sweep_is_looked_at_applied_listed_and_undone(run: Run, tmp_path: Path) -> None:
    old, _ = filled(tmp_path)
    looked = run("sweep")
    assert looked.returncode == 0, looked.stderr
    assert old in looked.stdout
    assert "would archive 1 of 1 records looked at: 1 note" in looked.stdout
    assert run("list", "--state", "archived").stdout == "no records\n"
    swept = json.loads(run("sweep", "--apply", "--json").stdout)
    assert (swept["archived"], [each["id"] for each in swept["records"]]) == (1, [old])
    listed = run("run", "list").stdout
    assert swept["run"] in listed
    assert "sweep done" in listed
    undone = run("run", "undo", swept["run"])
    assert undone.stdout == "sweep undone: 1 records brought back, 0 erased\n"
    missing = run("run", "undo", old)
    assert (missing.returncode, "no run" in missing.stderr) == (3, True)


def test_records_are_archived_and_restored_by_hand(run: Run, tmp_path: Path) -> None:
    first, second = filled(tmp_path)
    done = run("archive", first, second)
    assert done.stdout.splitlines() == [f"{first} is archived", f"{second} is archived"]
    assert run("restore", first).stdout == f"{first} is active\n"


def test_a_policy_is_shown_and_set(run: Run) -> None:
    assert "observation" in run("policy", "show").stdout
    done = run("policy", "set", "note", "--half-life", "never", "--json")
    assert json.loads(done.stdout)["kinds"]["note"]["half_life_days"] is None
    told = json.loads(run("policy", "set", "--archive-below", "0.2", "--json").stdout)
    assert (told["archive_below"], told["kinds"]["note"]["half_life_days"]) == (0.2, None)
    told = json.loads(run("policy", "set", "note", "--reset", "--json").stdout)
    assert told["kinds"]["note"]["half_life_days"] == 60
    assert run("policy", "set", "note", "--half-life", "long").returncode == 2
    assert run("policy", "set", "note").returncode == 2
