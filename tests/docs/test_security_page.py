"""The threat model names tests that exist, and claims no defence without one."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"([\w/]+\.py)::(\w+)", PAGE)))
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ")]


def _file(name: str) -> Path:
    """A file of tests: in ``tests/``, or of the suite that memkit ships."""
    return ROOT / name if name.startswith("memkit/") else ROOT / "tests" / name


@pytest.mark.parametrize(("file", "test"), NAMED)
def test_a_test_that_the_page_names_exists(file: str, test: str) -> None:
    tree = ast.parse(_file(file).read_text(encoding="utf-8"))
    functions = {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert test.startswith("test_")
    assert test in functions


def test_every_threat_has_a_test() -> None:
    threats = [line for line in ROWS if line.count(" | ") == 2 and "---" not in line]
    heads = [line for line in threats if line == "| threat | defence | shown by |"]
    assert len(threats) - len(heads) > 40
    assert [line for line in threats if line not in heads and "::test_" not in line] == []


def test_every_attack_is_on_the_page() -> None:
    files = sorted((ROOT / "tests" / "security").glob("test_*.py"))
    assert files
    assert [file.name for file in files if f"security/{file.name}::" not in PAGE] == []
