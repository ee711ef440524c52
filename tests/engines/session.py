"""A folder for a test session's servers, and the process that ends them whatever happens."""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path

from tests.engines.memory import temporary_root

_ROOT = Path(__file__).parents[2]

_folder: Path | None = None
_warden: subprocess.Popen[bytes] | None = None


def place_for(name: str) -> Path:
    """A path, not yet made, for a server; what runs there ends with this process.

    It is short enough for sockets, and other users may pass through to it.
    """
    global _folder, _warden
    if _folder is None:
        _folder = Path(tempfile.mkdtemp(prefix="pg-", dir=temporary_root()))
        _folder.chmod(0o711)
        paths = os.pathsep.join(path for path in [str(_ROOT), *sys.path] if path)
        _warden = subprocess.Popen(
            [sys.executable, "-m", "tests.engines.warden", str(_folder)],
            stdin=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": paths},
            # Ctrl-C is for the session, which needs its servers until it has finished.
            start_new_session=True,
        )
    return _folder / f"{name[:8]}-{uuid.uuid4().hex[:4]}"


@atexit.register
def end() -> None:
    """Stop the servers and delete their folders."""
    global _folder, _warden
    if _warden is not None:
        _warden.communicate()
    _folder = _warden = None


def _after_fork() -> None:
    # The servers are the parent's, and a child must not keep the pipe open that ends them.
    global _folder, _warden
    if _warden is not None and _warden.stdin is not None:
        _warden.stdin.close()
        _warden.returncode = 0
    _folder = _warden = None


os.register_at_fork(after_in_child=_after_fork)
