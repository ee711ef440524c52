"""What the documentation lists is what the code has."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

import memkit
from memkit.config import PREFIX, Settings
from memkit.types import KINDS

ROOT = Path(__file__).parents[2]


def _page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def _rows(name: str, pattern: str) -> list[Any]:
    """The cells that ``pattern`` takes from each row of a page's tables."""
    return re.findall(rf"^\| {pattern} \|", _page(name), re.MULTILINE)


def test_every_setting_is_documented_with_its_default() -> None:
    rows = dict(
        re.findall(r"^\| `(\w+)` \| (.*?) \|", _page("docs/configuration.md"), re.MULTILINE)
    )
    assert set(rows) == set(Settings.model_fields)
    for name, field in Settings.model_fields.items():
        if field.default_factory is None and field.default is not None:
            assert rows[name] == f"`{field.default}`"
    assert PREFIX in _page("docs/configuration.md")


def test_every_kind_is_documented_with_its_defaults() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| ([\d.]+) \| (\S+) \|", _page("docs/concepts.md"), re.MULTILINE
    )
    documented = {
        kind: (float(confidence), None if half_life == "–" else float(half_life))
        for kind, confidence, half_life in rows
    }
    assert documented == {
        kind: (defaults.confidence, defaults.half_life_days) for kind, defaults in KINDS.items()
    }


def test_every_dependency_is_justified() -> None:
    project = tomllib.loads(_page("pyproject.toml"))
    wanted = [
        *project["project"]["dependencies"],
        *(line for extra in project["project"]["optional-dependencies"].values() for line in extra),
        *project["dependency-groups"]["dev"],
        *project["dependency-groups"]["files"],
    ]
    names = {re.split(r"[<>=\[;\s]", line, maxsplit=1)[0] for line in wanted} - {"agent-memkit"}
    rows = set(_rows("docs/dependencies.md", r"`([\w-]+)`"))
    assert rows == names


def test_the_changelog_tells_of_this_version() -> None:
    assert f"## [{memkit.__version__}]" in _page("CHANGELOG.md")


def test_ci_runs_the_readmes_own_line() -> None:
    line = 'python3 -m venv .venv && .venv/bin/pip install ".[local]" && .venv/bin/memkit demo'
    assert line in _page("README.md")
    assert line in _page(".ci/run")


def test_every_page_is_in_the_navigation() -> None:
    navigation = _page("mkdocs.yml")
    for page in (ROOT / "docs").glob("*.md"):
        assert page.name in navigation


@pytest.fixture(scope="module")
def usage() -> str:
    """What ``memkit --help`` prints, in lines too wide to be broken."""
    command = [str(Path(sys.executable).with_name("memkit")), "--help"]
    wide = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1"}
    return subprocess.run(
        command, env=wide, capture_output=True, text=True, check=True, timeout=60
    ).stdout


def test_every_command_is_documented(usage: str) -> None:
    commands = set(re.findall(r"^[│ ]+([a-z]+) {2,}\S", usage, re.MULTILINE))
    assert {"demo", "remember", "recall"} <= commands
    page = _page("docs/cli.md")
    assert [name for name in sorted(commands) if f"`{name}`" not in page] == []


def test_every_exit_code_is_documented(usage: str) -> None:
    _, _, told = usage.partition("Exit codes:")
    codes = {int(code) for code in re.findall(r"(?<!\S)(\d+)\s+[a-z]", told)}
    assert codes == {int(code) for code in _rows("docs/cli.md", r"(\d+) \| .*")}
