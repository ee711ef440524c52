"""Every example in the documentation runs, as it stands, in an empty home folder.

A page's ``python`` blocks run one after the other as one program, and so do the commands
(``$ ...``) of its ``console`` blocks.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.environments import OLDER

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# Which pages are about what only one of the two environments has.
OLDER_ONLY = {"crewai.md"}
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROMPT = "$ "


def _blocks(page: Path, language: str) -> list[tuple[int, str]]:
    """Each block of a language: the number of its first line, and its text."""
    text = page.read_text(encoding="utf-8")
    return [
        (text.count("\n", 0, match.start(2)), match.group(2))
        for match in FENCE.finditer(text)
        if match.group(1) == language
    ]


def _program(page: Path) -> str:
    """A page's Python on the lines where it stands in the page, for tracebacks that fit."""
    lines: list[str] = []
    for start, block in _blocks(page, "python"):
        lines += [""] * (start - len(lines))
        lines += block.splitlines()
    return "\n".join(lines) + "\n"


def _commands(page: Path) -> str:
    lines = []
    for _, block in _blocks(page, "console"):
        lines += [
            line.removeprefix(PROMPT) for line in block.splitlines() if line.startswith(PROMPT)
        ]
    return "\n".join(lines) + "\n"


def _pages_with(language: str) -> list[object]:
    return [
        pytest.param(page, id=page.relative_to(ROOT).as_posix())
        for page in PAGES
        if (page.name in OLDER_ONLY) == OLDER and _blocks(page, language)
    ]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    return home


def _run(command: list[str], text: str, home: Path) -> subprocess.CompletedProcess[str]:
    scripts = Path(sys.executable).parent
    given = {name: value for name, value in os.environ.items() if not name.startswith("MEMKIT_")}
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        given.pop(name, None)
    given |= {
        "HOME": str(home),
        "PATH": f"{scripts}{os.pathsep}{given['PATH']}",
        "PYTHONWARNINGS": "error",
        "NO_COLOR": "1",
        # A first recall waits for the model: what a page says of meaning holds on a slow
        # machine too.
        "MEMKIT_EMBEDDER_WAIT_SECONDS": "120",
    }
    return subprocess.run(
        command,
        input=text,
        capture_output=True,
        text=True,
        cwd=home,
        env=given,
        timeout=280,
        check=False,
    )


@pytest.mark.parametrize("page", _pages_with("python"))
def test_the_python_of_a_page_runs(page: Path, home: Path) -> None:
    # Not by the name of a package that the page imports.
    script = home / f"page_{page.stem}.py"
    script.write_text(_program(page), encoding="utf-8")
    done = _run([sys.executable, str(script)], "", home)
    assert done.returncode == 0, done.stderr
    # Python only prints the warning of an object that was not closed.
    assert "Warning" not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("page", _pages_with("console"))
def test_the_commands_of_a_page_succeed(page: Path, home: Path) -> None:
    done = _run(["bash", "-e", "-u", "-o", "pipefail", "-x", "-s"], _commands(page), home)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_readme_has_an_example_in_python() -> None:
    assert _blocks(ROOT / "README.md", "python")
