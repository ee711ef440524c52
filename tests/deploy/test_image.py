"""The image's definition: it passes its linter, and holds what the project says it needs."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from memkit.config import CONFIG_VARIABLE, PREFIX, Settings
from tests.deploy.tools import DEPLOY, ROOT, program, run, text

EXTRAS = ("local", "server", "pgvector", "qdrant")


def _project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def _wanted() -> list[Requirement]:
    """What the project and its extras need, those that name other extras too."""
    project = _project()["project"]
    lines, open_ = list(project["dependencies"]), list(EXTRAS)
    while open_:
        for line in project["optional-dependencies"][open_.pop()]:
            requirement = Requirement(line)
            if requirement.name == project["name"]:
                # In the same order in each process that runs tests.
                open_ += sorted(requirement.extras)
            else:
                lines.append(line)
    return [Requirement(line) for line in lines]


def _pinned() -> dict[str, Version]:
    found = re.findall(r"^([\w.-]+)(?:\[[^]]*\])?==(\S+) ", text("requirements.txt"), re.MULTILINE)
    return {canonicalize_name(name): Version(version) for name, version in found}


def test_the_dockerfile_passes_its_linter() -> None:
    done = run(program("hadolint"), "--failure-threshold", "style", DEPLOY / "Dockerfile")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_linter_would_say_so(tmp_path: Path) -> None:
    wrong = tmp_path / "Dockerfile"
    wrong.write_text("FROM debian:latest\nRUN cd /opt\n")
    done = run(program("hadolint"), "--failure-threshold", "style", wrong)
    assert done.returncode == 1
    assert "DL3003" in done.stdout


@pytest.mark.parametrize("wanted", _wanted(), ids=lambda wanted: wanted.name)
def test_every_dependency_is_pinned_where_the_project_allows_it(wanted: Requirement) -> None:
    # What to run when this fails is in docs/deployment.md, under "Containers".
    held = _pinned().get(canonicalize_name(wanted.name))
    assert held is not None
    assert held in wanted.specifier


def test_every_pin_has_its_hashes() -> None:
    pins = re.split(r"\n(?=\w)", text("requirements.txt"))
    assert [pin for pin in pins if "==" in pin and "--hash=sha256:" not in pin] == []
    assert "://" not in text("requirements.txt")


def test_the_build_backend_is_one_that_the_project_allows() -> None:
    (pinned,) = re.findall(r'"hatchling==([\d.]+)"', text("Dockerfile"))
    (wanted,) = _project()["build-system"]["requires"]
    assert pinned in Requirement(wanted).specifier


def test_the_images_python_is_one_that_the_project_supports() -> None:
    (version,) = re.findall(r"^ARG PYTHON=python:([\d.]+)-slim", text("Dockerfile"), re.MULTILINE)
    minor = version.rpartition(".")[0]
    project = _project()["project"]
    assert Requirement(f"memkit{project['requires-python']}").specifier.contains(version)
    assert f"Programming Language :: Python :: {minor}" in project["classifiers"]


def test_whatever_is_copied_is_let_through_to_the_build() -> None:
    copied = {
        part
        for line in re.findall(r"^COPY (?!--from)(.*) \S+$", text("Dockerfile"), re.MULTILINE)
        for part in line.split()
    }
    ignored = text("Dockerfile.dockerignore").splitlines()
    assert copied == {line[1:] for line in ignored if line.startswith("!")}
    assert all((ROOT / path).exists() for path in copied)
    packages = _project()["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert {package.split("/")[0] for package in packages} <= copied


def test_it_does_not_run_as_root_and_says_how_it_is() -> None:
    dockerfile = text("Dockerfile")
    last = dockerfile.rpartition("\nFROM ")[2]
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", last, re.MULTILINE)
    assert "HEALTHCHECK" in last
    assert re.search(r'^ENTRYPOINT \["memkit"\]$', last, re.MULTILINE)


def test_it_listens_where_it_says() -> None:
    port = Settings.model_validate({}).server_port
    dockerfile = text("Dockerfile")
    assert f"EXPOSE {port}\n" in dockerfile
    assert f"http://127.0.0.1:{port}/healthz" in dockerfile


@pytest.mark.parametrize(
    "name",
    [
        "Dockerfile",
        "compose.postgres.yaml",
        "compose.qdrant.yaml",
        "memkit.service",
        "Caddyfile",
        "nginx.conf",
    ],
)
def test_every_setting_that_is_named_exists(name: str) -> None:
    # One that names the file, and one that a backend reads from the environment alone.
    known = {f"{PREFIX}{setting.upper()}" for setting in Settings.model_fields}
    known |= {"MEMKIT_QDRANT_API_KEY", CONFIG_VARIABLE}
    assert set(re.findall(r"MEMKIT_[A-Z_]+", text(name))) <= known
