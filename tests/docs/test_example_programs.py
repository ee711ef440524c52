"""Every program in ``examples/`` runs offline and says what it is there to show."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def _output(name: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLES / name],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_example_has_a_test_here() -> None:
    assert sorted(path.name for path in EXAMPLES.glob("*.py")) == ["two_agents.py"]


@pytest.mark.parametrize(
    "line",
    [
        "Sam: It runs out of memory since we added the audit table.",
        "now:    The export may use 4 GB of memory",
        "before: The export may use 2 GB of memory",
        "another tenant finds: 0",
    ],
)
def test_two_agents_share_what_is_not_private(line: str) -> None:
    assert line in _output("two_agents.py")
