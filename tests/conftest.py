"""What all tests share: they see no settings, home folder or network of whoever runs them."""

from __future__ import annotations

import os
import signal

import hypothesis
import pytest

from tests.engines.memory import temporary_root

# Before pytest makes its folder; the processes of a session have the same.
os.environ["PYTEST_DEBUG_TEMPROOT"] = temporary_root()

# No deadline: how long an example takes is the machine's affair. In CI the same examples every
# time, so that a change fails for what it changed.
hypothesis.settings.register_profile(
    "memkit", deadline=None, derandomize=bool(os.environ.get("CI"))
)
hypothesis.settings.load_profile("memkit")

# A shell that starts the tests in the background has them ignore interrupts, and so would the
# programs that they start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("home"))


@pytest.fixture(autouse=True)
def _nobodys_settings(empty_home: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(("MEMKIT_", "XDG_", "OPENAI_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", empty_home)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
