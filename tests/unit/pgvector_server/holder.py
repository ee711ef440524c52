"""A process that holds a server, and does one thing for each line that it is told.

Run as ``python holder.py FOLDER [UID]``: with an id, as that user from when it has loaded all
that it needs, since that user may not be able to run this Python. It answers each line with one
line of JSON.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

from memkit.backing import locks
from memkit.errors import MemkitError
from memkit_pgvector import embedded_cluster, embedded_user
from memkit_pgvector.embedded import EmbeddedServer

_LOADED = (embedded_cluster, embedded_user, locks)


def _forked() -> int:
    """The id of a child that waits until it is killed."""
    child = os.fork()
    if child == 0:
        signal.pause()
    return child


def _ended_child(server: EmbeddedServer) -> int:
    """How a child ended that released what its parent holds, and left by ``sys.exit``."""
    child = os.fork()
    if child == 0:
        server.release()
        sys.exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main(folder: Path) -> None:
    server = EmbeddedServer(folder)
    for line in sys.stdin:
        word = line.strip()
        answer: object = None
        try:
            if word == "start":
                answer = server.start()
            elif word == "release":
                server.release()
            elif word == "fork":
                answer = _forked()
            elif word == "end a child":
                answer = _ended_child(server)
            elif word == "exit":
                sys.exit()
        except MemkitError as error:
            answer = {type(error).__name__: str(error)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    if len(sys.argv) > 2:
        user = int(sys.argv[2])
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    main(Path(sys.argv[1]))
