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
    assert sorted(path.name for path in EXAMPLES.glob("*.py")) == [
        "server_agents.py",
        "two_agents.py",
    ]


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


def test_two_agents_on_a_server_share_what_they_want_to_and_nothing_else() -> None:
    lines = _output("server_agents.py").splitlines()
    for line in (
        "engineer recalls: The export may use 2 GB of memory (by researcher)",
        "engineer: there is no such record",
        "engineer recalls of it: []",
        "  The export may use 4 GB of memory (by engineer)",
        "left for engineer: 0",
        "researcher reads: ['Measured, on Tuesday']",
        "the server ended with 0",
    ):
        assert line in lines
    assert any(line.startswith("engineer as researcher: this credential may") for line in lines)
    assert lines.count("engineer reads: Is 4 GB measured or guessed? (from researcher)") == 2
