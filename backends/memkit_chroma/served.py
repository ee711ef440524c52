"""The server of one folder, in a process of its own: ``python -m memkit_chroma.served DIR PORT``.

It says where it is in a file, and ends when nobody holds the folder any more, however they
ended. Chroma's own program does the serving.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

from memkit.backing.locks import FileLock, is_free
from memkit_chroma.folder import LOCK
from memkit_chroma.serving import GATE, HOLDERS, STATE

#: What it ends with if another process has the folder.
TAKEN = 3
_TRIES_SECONDS = 2.0
_POLL_SECONDS = 0.01
_LOOK_SECONDS = 0.5


def main(folder: Path, port: int) -> None:
    """Serve ``folder`` on 127.0.0.1 until nobody holds it."""
    # Held until this process ends: it says that the server lives.
    alone = FileLock(folder / LOCK)
    deadline = time.monotonic() + _TRIES_SECONDS
    while not alone.take():
        # Somebody may just be looking whether it is taken.
        if time.monotonic() > deadline:
            sys.exit(TAKEN)
        time.sleep(_POLL_SECONDS)
    state = folder / STATE
    fresh = state.with_suffix(".new")
    fresh.write_text(json.dumps({"pid": os.getpid(), "port": port}))
    fresh.replace(state)
    threading.Thread(target=_end_when_left, args=(folder,), daemon=True).start()
    import chromadb_rust_bindings  # type: ignore[import-untyped] # it has no stubs

    chromadb_rust_bindings.cli(
        ["chroma", "run", "--path", str(folder), "--host", "127.0.0.1", "--port", str(port)]
    )


def _end_when_left(folder: Path) -> None:
    while True:
        time.sleep(_LOOK_SECONDS)
        if not is_free(folder / HOLDERS):
            continue
        # Whoever comes now waits at the gate, or was faster and is seen here.
        entrance = FileLock(folder / GATE)
        entrance.take(wait=True)
        if is_free(folder / HOLDERS):
            os.kill(os.getpid(), signal.SIGTERM)
            signal.pause()
        entrance.release()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
