"""The process that ends a test session's PostgreSQL servers, whatever becomes of the session.

Run as ``python -m tests.engines.warden FOLDER``. Its standard input ends when the session closes
it or is killed; then it stops all servers below the folder and deletes it.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

from tests.engines.clusters import servants

# Nothing of the data is needed any more: no time is lost with an orderly shutdown.
_STEPS = ((signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))


def main(folder: Path) -> None:
    sys.stdin.read()
    for data in folder.glob("*/*/"):
        for number, seconds in _STEPS:
            for pid in servants(data):
                with suppress(ProcessLookupError):
                    os.kill(pid, number)
            deadline = time.monotonic() + seconds
            while servants(data) and time.monotonic() < deadline:
                time.sleep(0.02)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
