"""``memkit demo``: the main job, watched on a store that is thrown away afterwards."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import typer

from memkit.cli.handles import Command, Embedder
from memkit.cli.output import notices, show
from memkit.drafts import Draft

if TYPE_CHECKING:
    from memkit import Memory

_NOTES = (
    Draft("API rate limit is 100 requests a minute", tags=["api", "limits"]),
    Draft("We chose PostgreSQL as the database because reports need joins", kind="decision"),
    Draft("The user prefers short answers with code first", kind="preference"),
    Draft("Retrying without a backoff locked the account out twice", kind="antipattern"),
    Draft("Deployments happen on Tuesdays after the stand-up", kind="fact"),
)
_TALK = (
    ("Nora", "My sister is moving to Lisbon in June, so I am flying out to help her."),
    ("Assistant", "That sounds lovely. How long will you stay?"),
    ("Nora", "Ten days. I still need somebody to water the tomatoes while I am gone."),
    ("Assistant", "Shall I remind you to ask a neighbour?"),
    ("Nora", "Yes please. Mr Okafor upstairs watered the plants last year."),
    ("Assistant", "Noted. Anything else before the trip?"),
    ("Nora", "I must renew my passport, it runs out in May."),
)
# Each question with words of the memory that answers it.
_QUESTIONS = (
    ("how fast may we call the API?", "100 requests"),
    ("which database was chosen and why?", "PostgreSQL"),
    ("who watered the plants last year?", "Okafor"),
)


def demo(embedder: Embedder = None) -> None:
    """Store memories and recall them, in a store that is thrown away."""
    with TemporaryDirectory(prefix="memkit-demo-") as folder, _opened(folder, embedder) as root:
        root.warm_up()
        memory = root.at(namespace="demo", project="apollo")
        wrong = _store(memory) + _ask(memory) + _keep_apart(root, memory) + _forget(memory)
    if wrong:
        for text in wrong:
            show(f"NOT AS EXPECTED: {text}", style="red")
        raise typer.Exit(1)
    show("\nAll as expected.", style="green")


def _opened(folder: str, embedder: str | None) -> Memory:
    """A memory that no setting of the user's changes, and that calls nobody."""
    from memkit import AsyncMemory, Memory
    from memkit.config import Settings
    from memkit.loops import LoopThread, run_here
    from memkit.opening import open_engine
    from memkit.scope import Scope

    settings = Settings.model_validate(
        {"url": str(Path(folder) / "memory.db"), "embedder": embedder}
    )
    loop = LoopThread()
    engine = run_here(open_engine(settings), loop)
    return Memory(AsyncMemory(engine, Scope(), root=True), loop)


def _store(memory: Memory) -> list[str]:
    writer = memory.at(agent="writer")
    for note in _NOTES:
        writer.remember_many([note])
    start = datetime.now(UTC) - timedelta(days=3)
    writer.remember_many(
        Draft(
            text,
            conversation_id="talk-1",
            sequence=turn,
            speaker=speaker,
            occurred_at=start + timedelta(minutes=turn),
        )
        for turn, (speaker, text) in enumerate(_TALK)
    )
    again = writer.remember(_NOTES[0].content)
    count = memory.count()
    show(f"The agent 'writer' stored {len(_NOTES)} notes and a talk of {len(_TALK)} turns.")
    show(f"Said again, the first note is a {again.status}; there are {count} records.")
    wrong = [] if again.status == "duplicate" else ["an exact copy was stored twice"]
    return wrong if count == len(_NOTES) + len(_TALK) else [*wrong, "records are missing"]


def _ask(memory: Memory) -> list[str]:
    reader = memory.at(agent="reader")
    wrong = []
    for question, answer in _QUESTIONS:
        began = time.perf_counter()
        hits = reader.recall(question, limit=3)
        took = (time.perf_counter() - began) * 1000
        show(f"\nThe agent 'reader' asks: {question}  ({took:.1f} ms)", style="bold")
        for hit in hits:
            show(f"  {hit.score:.2f}  {hit.content}")
        if hits:
            show(f"        why: {hits[0].why}", style="dim")
        if not hits or answer not in hits[0].content:
            wrong.append(f"{question!r} was not answered")
    notices(reader.recall(_QUESTIONS[0][0]).notices)
    return wrong


def _keep_apart(root: Memory, memory: Memory) -> list[str]:
    writer, reader = memory.at(agent="writer"), memory.at(agent="reader")
    writer.remember("My own doubt: the rate limit may be per key", private=True)
    seen = [hit.content for hit in reader.recall("doubt about the rate limit")]
    show("\nA private note of 'writer' is not shown to 'reader'.")
    wrong = ["a private note was shown"] if any("doubt" in text for text in seen) else []
    elsewhere = root.at(namespace="demo-2", project="apollo").recall("API rate limit")
    show(f"In another namespace, demo-2, the same question finds {len(elsewhere)} records.")
    return [*wrong, "a namespace was crossed"] if elsewhere else wrong


def _forget(memory: Memory) -> list[str]:
    record = memory.recall("deployments on Tuesdays", limit=1)[0].record
    memory.forget(record.id)
    hidden = memory.recall("deployments on Tuesdays", limit=1)
    memory.restore(record.id)
    receipt = memory.at(agent="writer").erase(record.id)
    show("A record was forgotten, restored, then erased and read back:")
    show(f"  nothing found by {', '.join(receipt.checks)}")
    right = all(hit.record.id != record.id for hit in hidden) and receipt.erased == (record.id,)
    return [] if right else ["forgetting or erasing left something behind"]


COMMANDS: dict[str, Command] = {"demo": demo}
