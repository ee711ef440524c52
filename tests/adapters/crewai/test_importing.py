"""Importing memkit_crewai costs nothing and says what is missing."""

from __future__ import annotations

import subprocess
import sys

_NOT_YET = """
import sys
import memkit_crewai
from memkit_crewai import MemkitEmbedder, MemkitStorage, register
assert "crewai" not in sys.modules
assert set(memkit_crewai.__all__) <= set(dir(memkit_crewai))
"""

_MISSING = """
import sys
sys.modules["crewai"] = None
from memkit.errors import MissingDependency
import memkit_crewai

def named():
    return memkit_crewai.MemkitMemory

for use in (named, memkit_crewai.MemkitStorage, memkit_crewai.register):
    try:
        use()
    except MissingDependency as error:
        print(error)
"""


def _run(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_crewai_is_not_imported_before_it_is_used() -> None:
    _run(_NOT_YET)


def test_without_crewai_the_message_names_the_extra() -> None:
    told = _run(_MISSING).splitlines()
    assert len(told) == 3
    assert all('needs crewai: pip install "agent-memkit[crewai]"' in line for line in told)
