"""Every program in ``examples/`` runs offline and says what it is there to show."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.environments import OLDER

EXAMPLES = Path(__file__).parents[2] / "examples"

#: What each program says at least; whose acts the environment with CrewAI has, apart.
SAYS = {
    "agents_messaging.py": (
        "planner reads from engineer: The export may use 4 GB of memory.",
        "unread by planner: 0",
        "engineer sees what was decided: The night run is planned with 4 GB (by planner)",
        "another tenant's inbox: []",
    ),
    "langgraph_agent.py": (
        "[friday] Which food must I avoid?",
        "    -> You told me: I am allergic to peanuts.",
        "    -> You told me: The team meets on Thursdays at ten.",
        "    -> I do not know that yet.",
    ),
    "llamaindex_agent.py": (
        "tuesday: 2 GB.",
        "another tenant: I do not know.",
    ),
    "moving.py": (
        "where do I live: Porto",
        "where did I live in May: Lisbon",
        "what did you think in June: Lisbon",
    ),
    "two_agents.py": (
        "Sam: It runs out of memory since we added the audit table.",
        "now:    The export may use 4 GB of memory",
        "before: The export may use 2 GB of memory",
        "another tenant finds: 0",
    ),
    "server_agents.py": (
        "engineer recalls: The export may use 2 GB of memory (by researcher)",
        "engineer: there is no such record",
        "engineer recalls of it: []",
        "  The export may use 4 GB of memory (by engineer)",
        "left for engineer: 0",
        "researcher reads: ['Measured, on Tuesday']",
        "the server ended with 0",
    ),
}
OLDER_SAYS = {
    "crewai_crew.py": (
        "the engineer was told of the finding: True",
        "the engineer was told of the doubt: False",
        "that the researcher finds: ['I doubt that the audit table is needed at all']",
        "private notes that the engineer finds: []",
    ),
    "three_frameworks.py": (
        "LangGraph knows of 3 of 3",
        "LlamaIndex knows of 3 of 3",
        "CrewAI knows of 3 of 3",
        "another tenant finds: 0",
    ),
}
HERE = OLDER_SAYS if OLDER else SAYS


@cache
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
    there = sorted(path.name for path in EXAMPLES.glob("*.py"))
    assert there == sorted([*SAYS, *OLDER_SAYS])


@pytest.mark.parametrize("name", HERE)
def test_an_example_shows_what_it_is_for(name: str) -> None:
    lines = _output(name).splitlines()
    for line in HERE[name]:
        assert any(said.endswith(line) for said in lines), line


@pytest.mark.skipif(OLDER, reason="the other environment runs it")
def test_two_agents_on_a_server_are_refused_each_others_names() -> None:
    lines = _output("server_agents.py").splitlines()
    assert any(line.startswith("engineer as researcher: this credential may") for line in lines)
    assert lines.count("engineer reads: Is 4 GB measured or guessed? (from researcher)") == 2
