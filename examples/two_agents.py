"""Two agents share a project's memory and keep private notes; a third tenant sees nothing.

    python examples/two_agents.py

Runs offline on a store that is thrown away.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from memkit import Draft, Memory

TALK = [
    ("Ines", "Could you look into why the nightly export fails?"),
    ("Sam", "It runs out of memory since we added the audit table."),
    ("Ines", "Then let us stream it in pages of ten thousand rows."),
]


def main() -> None:
    """Store, recall, correct, and show who sees what."""
    with TemporaryDirectory() as folder, Memory.open(str(Path(folder) / "memory.db")) as root:
        project = root.at(namespace="acme", project="exports")
        researcher, engineer = project.at(agent="researcher"), project.at(agent="engineer")

        # A conversation: its turns keep their order, speaker and time.
        researcher.remember_many(
            Draft(
                text,
                conversation_id="standup-12",
                sequence=turn,
                speaker=speaker,
                occurred_at=datetime(2026, 5, 8, 9, turn, tzinfo=UTC),
            )
            for turn, (speaker, text) in enumerate(TALK)
        )
        limit = researcher.remember("The export may use 2 GB of memory", kind="constraint")
        researcher.remember("I doubt the 2 GB figure", private=True)

        print("engineer asks why the export fails:")
        for hit in engineer.recall("why does the export run out of memory?", limit=3):
            print(f"  {hit.score:.2f}  {hit.record.speaker or hit.record.agent}: {hit.content}")

        # What was wrong is corrected, not overwritten: the old record stays as history.
        engineer.correct(limit.id, "The export may use 4 GB of memory")
        print("now:   ", engineer.recall("how much memory may the export use?")[0].content)
        print("before:", engineer.get(limit.id).content)

        print("of researcher's records engineer sees:", len(engineer.list(tags="agent:researcher")))
        print("of its own, researcher sees:", len(researcher.list(tags="agent:researcher")))
        print("another tenant finds:", len(root.at(namespace="acme-corp").recall("export")))


if __name__ == "__main__":
    main()
