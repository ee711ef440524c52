"""Two agents with tokens of their own on one server: what they share, and what they cannot do.

    python examples/server_agents.py

Starts a server on a free port of this machine, with a store that is thrown away. Runs offline.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from memkit import Memory
from memkit.errors import Forbidden, RecordNotFound

MEMKIT = (sys.executable, "-m", "memkit")


def memkit(folder: Path, *command: str) -> str:
    """Run a command of memkit's on the server's store, as whoever looks after it would."""
    done = subprocess.run(
        [*MEMKIT, *command, "--store", str(folder / "memory.db")],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return done.stdout.strip()


def token_for(folder: Path, agent: str) -> str:
    """Make a principal that may write to the namespace ``acme``, and a token of its own."""
    memkit(folder, "principal", "add", agent)
    memkit(folder, "grant", "add", agent, "acme", "write")
    return memkit(folder, "token", "create", agent, "--expires", "12h")


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """A server on that store; gives its URL."""
    command = [*MEMKIT, "serve", "--store", str(folder / "memory.db"), "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            for line in process.stderr:
                if line.startswith("memkit serves at "):
                    yield line.split()[-1]
                    break
        finally:
            # As a service manager would: it finishes what it has begun, and closes its store.
            process.send_signal(signal.SIGTERM)
            process.communicate()
        print("the server ended with", process.returncode)


def share(researcher: Memory, engineer: Memory) -> None:
    """What one stores the other recalls; whose it is, the server says."""
    researcher.remember("The export may use 2 GB of memory", kind="constraint")
    (hit, *_) = engineer.recall("how much memory may the export use?")
    print(f"engineer recalls: {hit.content} (by {hit.record.author})")


def keep_apart(researcher: Memory, engineer: Memory, as_researcher: Memory) -> None:
    """What is private stays so, and nobody writes under another's name."""
    doubt = researcher.remember("I doubt the 2 GB figure", private=True)
    print("researcher reads its own:", researcher.get(doubt.id).content)
    try:
        engineer.get(doubt.id)
    except RecordNotFound:
        print("engineer: there is no such record")
    print(
        "engineer recalls of it:",
        [hit.content for hit in engineer.recall("doubt figure") if hit.record.id == doubt.id],
    )

    try:
        as_researcher.remember("The export may use 64 GB of memory")
    except Forbidden as error:
        print("engineer as researcher:", error)

    limit = next(record for record in engineer.list(kinds="constraint"))
    try:
        engineer.update(limit.id, content="The export may use 64 GB of memory")
    except Forbidden:
        print("engineer may not change what researcher said, but correct it:")
    corrected = engineer.correct(limit.id, "The export may use 4 GB of memory").record
    print(f"  {corrected.content} (by {corrected.author})")


def talk(researcher: Memory, engineer: Memory) -> None:
    """Messages wait until they are acknowledged, and come again until then."""
    question = researcher.send("reviews", "Is 4 GB measured or guessed?", to=["engineer"])
    for _ in range(2):
        for each in engineer.inbox("reviews"):
            print(f"engineer reads: {each.record.content} (from {each.record.author})")
    engineer.ack(question.id, channel="reviews")
    print("left for engineer:", len(engineer.inbox("reviews")))

    engineer.send("reviews", "Measured, on Tuesday", to=["researcher"], reply_to=question.id)
    print("researcher reads:", [each.record.content for each in researcher.inbox("reviews")])


def main() -> None:
    """Start a server, and let two agents work on it."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        tokens = {agent: token_for(folder, agent) for agent in ("researcher", "engineer")}
        with (
            server(folder) as url,
            # Code that ran on an embedded store runs on a server when its URL is given.
            Memory.open(url, token=tokens["researcher"], namespace="acme") as one,
            Memory.open(url, token=tokens["engineer"], namespace="acme") as other,
        ):
            researcher, engineer = one.at(project="exports"), other.at(project="exports")
            share(researcher, engineer)
            keep_apart(researcher, engineer, engineer.at(agent="researcher"))
            talk(researcher, engineer)


if __name__ == "__main__":
    main()
