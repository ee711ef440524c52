"""The systemd unit: systemd takes it as it stands, and finds little to reach for."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from memkit.config import Settings, load_settings
from tests.deploy.tools import DEPLOY, program, run, text

UNIT = DEPLOY / "memkit.service"

# Part of Debian itself. Where it is not, a developer goes without; CI does not.
pytestmark = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None and not os.environ.get("CI"),
    reason="systemd is not installed",
)


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The unit with the memkit that is installed here: systemd looks whether it exists."""
    unit = tmp_path / "memkit.service"
    here = str(Path(sys.executable).with_name("memkit"))
    unit.write_text(text("memkit.service").replace("/opt/memkit/bin/memkit", here))
    return unit


def test_systemd_verifies_it(installed: Path) -> None:
    done = run(program("systemd-analyze"), "verify", "--man=no", installed)
    # It tells of what it does not know without failing.
    assert (done.returncode, done.stderr) == (0, "")


def test_what_systemd_does_not_know_would_be_seen(installed: Path) -> None:
    installed.write_text(installed.read_text().replace("ProtectHome=", "ProtectHouse="))
    done = run(program("systemd-analyze"), "verify", "--man=no", installed)
    assert "ProtectHouse" in done.stderr


def test_it_is_exposed_to_little() -> None:
    # Out of 100, in tenths of the usual scale: what is left is that it speaks to the network.
    done = run(program("systemd-analyze"), "security", "--offline=yes", "--threshold=15", UNIT)
    assert done.returncode == 0, done.stdout


def test_there_is_time_to_finish() -> None:
    (seconds,) = re.findall(r"^TimeoutStopSec=(\d+)s$", text("memkit.service"), re.MULTILINE)
    assert int(seconds) > Settings.model_validate({}).server_shutdown_seconds


def test_the_settings_beside_it_are_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMKIT_CONFIG", str(DEPLOY / "config.toml"))
    settings = load_settings().settings
    folder = re.findall(r"^WorkingDirectory=(.*)$", text("memkit.service"), re.MULTILINE)
    assert settings.url.startswith(f"{folder[0]}/")
    for proxy in ("Caddyfile", "nginx.conf"):
        assert str(settings.server_allowed_hosts) in text(proxy)
