"""How well memkit finds what was said: recall on LoCoMo's ten long conversations.

    python benchmarks/locomo.py locomo10.json --json locomo-results.json

Each conversation is stored, turn by turn, in a namespace of its own through the public API
with the default settings; then every question that names evidence is asked. At turn level
``any@k`` is the share of questions with an evidence turn among the first k, ``all@k`` that
with all of them, ``mrr`` the mean reciprocal rank of the first. At session level a session
ranks by its best turn. All shares are in per cent.

The data is not part of memkit (its licence is CC BY-NC 4.0): github.com/snap-research/locomo,
``data/locomo10.json``; corrected evidence: github.com/dial481/locomo-audit, ``errors.json``.
"""

from __future__ import annotations

import argparse
import sys
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from _locomo import CATEGORIES, BadDataset, Conversation, Question, load
from _ranking import Measures, session_measures, shares, turn_measures
from _report import circumstances, percentile, save, show
from _vectors import FileVectors
from rich.progress import Progress, TaskID

from memkit import Draft, Memory
from memkit.memory import MODES
from memkit.protocols import Embedder

AUDIT_NAME = "locomo_audit.json"
#: Deep enough that ten sessions are found among the turns.
LIMIT = 50


@dataclass(slots=True)
class Judged:
    """The measures of all questions under one reading of the evidence."""

    turn: list[tuple[str, Measures]] = field(default_factory=list)
    session: list[tuple[str, Measures]] = field(default_factory=list)

    def add(
        self,
        category: str,
        ranked: Sequence[str],
        evidence: frozenset[str],
        session_of: dict[str, int],
    ) -> None:
        """Judge one ranking; a question without evidence says nothing."""
        if evidence:
            self.turn.append((category, turn_measures(ranked, evidence)))
            self.session.append((category, session_measures(ranked, evidence, session_of)))

    def report(self) -> dict[str, Any]:
        """The shares, by category and in all, and how many questions they are of."""
        counts = Counter(category for category, _ in self.turn)
        return {
            "turn": shares(self.turn),
            "session": shares(self.session),
            "questions": {"all": len(self.turn), **counts},
        }


@dataclass(slots=True)
class Run:
    """What one run has measured so far."""

    original: Judged = field(default_factory=Judged)
    audited: Judged = field(default_factory=Judged)
    stored: int = 0
    ingest_s: float = 0.0
    ingest_cpu_s: float = 0.0
    recall_ms: list[float] = field(default_factory=list)
    recall_cpu_ms: list[float] = field(default_factory=list)
    notices: set[str] = field(default_factory=set)


def drafts_of(conversation: Conversation) -> list[Draft]:
    """The turns as memories; a session is a conversation in memkit's words."""
    return [
        Draft(
            content=turn.text,
            speaker=turn.speaker,
            occurred_at=turn.occurred_at,
            conversation_id=f"{conversation.id}/session-{turn.session}",
            sequence=turn.sequence,
            metadata={"dia_id": turn.id},
        )
        for turn in conversation.turns
    ]


def ingest(memory: Memory, conversation: Conversation, run: Run) -> None:
    """Store a conversation."""
    drafts = drafts_of(conversation)
    wall, cpu = time.perf_counter(), time.process_time()
    outcomes = memory.remember_many(drafts)
    run.ingest_s += time.perf_counter() - wall
    run.ingest_cpu_s += time.process_time() - cpu
    run.stored += len(outcomes)
    run.notices.update(notice for outcome in outcomes for notice in outcome.notices)


def ask(memory: Memory, question: Question, mode: str, limit: int, run: Run) -> list[str]:
    """The ids of the turns that a question recalls, best first."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = memory.recall(question.text, limit=limit, mode=mode)
    run.recall_ms.append(1e3 * (time.perf_counter() - wall))
    run.recall_cpu_ms.append(1e3 * (time.process_time() - cpu))
    run.notices.update(result.notices)
    return [hit.record.metadata["dia_id"] for hit in result]


def evaluate(
    memory: Memory,
    conversations: Sequence[Conversation],
    mode: str,
    limit: int,
    progress: Progress,
    task: TaskID,
) -> Run:
    """Store every conversation and ask its questions."""
    run = Run()
    # A namespace of this run's own: a store that is not fresh must not show older turns.
    prefix = f"locomo-{uuid.uuid4().hex[:8]}"
    for conversation in conversations:
        own = memory.at(namespace=f"{prefix}:{conversation.id}")
        ingest(own, conversation, run)
        progress.advance(task, len(conversation.turns))
        session_of = {turn.id: turn.session for turn in conversation.turns}
        for question in conversation.questions:
            if question.evidence or question.audited:
                ranked = ask(own, question, mode, limit, run)
                run.original.add(question.category, ranked, question.evidence, session_of)
                run.audited.add(question.category, ranked, question.audited, session_of)
            progress.advance(task)
    return run


def report_of(run: Run, *, audited: bool) -> dict[str, Any]:
    """The report of a run, with what it was run on."""
    return {
        **run.original.report(),
        "audited": run.audited.report() if audited else None,
        "turns": run.stored,
        "ingest_per_s": round(run.stored / run.ingest_s, 1) if run.ingest_s else 0.0,
        "ingest_cpu_ms": round(1e3 * run.ingest_cpu_s / max(run.stored, 1), 3),
        "recall_ms": {
            "p50": round(percentile(run.recall_ms, 50), 2),
            "p95": round(percentile(run.recall_ms, 95), 2),
        },
        "recall_cpu_ms": {
            "p50": round(percentile(run.recall_cpu_ms, 50), 2),
            "p95": round(percentile(run.recall_cpu_ms, 95), 2),
        },
        "notices": sorted(run.notices),
        **circumstances(),
    }


def _show(report: dict[str, Any]) -> None:
    for title, part in (("original evidence", report), ("audited evidence", report["audited"])):
        if part is None or not part["turn"]:
            continue
        turn, session, questions = part["turn"], part["session"], part["questions"]
        names = ["all", *(name for name in CATEGORIES.values() if name in turn)]
        columns = [*turn["all"], *(name.replace("any", "session") for name in session["all"])]
        rows = [
            [name, str(questions[name])]
            + [f"{value:.1f}" for value in (*turn[name].values(), *session[name].values())]
            for name in names
        ]
        show(f"LoCoMo, {title}", ["category", "n", *columns], rows)
    recall = report["recall_ms"]
    show(
        "Speed, embedding included",
        ["turns stored", "per second", "recall p50 ms", "p95 ms"],
        [[str(report["turns"]), str(report["ingest_per_s"]), str(recall["p50"]),
          str(recall["p95"])]],
    )  # fmt: skip


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", type=Path, help="locomo10.json")
    parser.add_argument("--json", type=Path, required=True, metavar="FILE", help="the report")
    parser.add_argument(
        "--audit", type=Path, help=f"corrected evidence; by default {AUDIT_NAME} beside PATH"
    )
    parser.add_argument("--backend", metavar="URL", help="the store; by default a new SQLite file")
    parser.add_argument("--embedder", metavar="URL", help="by default memkit's default")
    parser.add_argument("--mode", choices=MODES, default="hybrid")
    parser.add_argument("--limit", type=int, default=LIMIT, help="hits to a question")
    parser.add_argument("--limit-conversations", type=int, metavar="N", help="only the first N")
    parser.add_argument(
        "--vectors-cache",
        type=Path,
        metavar="FILE",
        help="keep vectors in an .npz file from run to run: for experiments, speeds are then void",
    )
    return parser.parse_args(argv)


def _embedder(url: str | None, cache: Path | None) -> str | Embedder | None:
    if cache is None:
        return url
    from memkit.embedding.urls import embedder_from_url

    embedder = embedder_from_url(url or "local")
    return "none" if embedder is None else FileVectors(embedder, cache)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark; 0, or 2 if the data cannot be read."""
    arguments = _arguments(argv)
    audit: Path | None = arguments.audit or arguments.path.with_name(AUDIT_NAME)
    if arguments.audit is None and audit is not None and not audit.exists():
        audit = None
    try:
        conversations = load(arguments.path, audit)[: arguments.limit_conversations]
    except (BadDataset, OSError) as error:
        print(f"locomo.py: {error}", file=sys.stderr)
        return 2
    embedder = _embedder(arguments.embedder, arguments.vectors_cache)
    with ExitStack() as stack:
        url = arguments.backend
        if url is None:
            url = str(Path(stack.enter_context(TemporaryDirectory())) / "locomo.db")
        memory = stack.enter_context(Memory.open(url, embedder=embedder))
        # The model's loading is no part of the rates.
        memory.warm_up()
        progress = stack.enter_context(Progress())
        steps = sum(len(each.turns) + len(each.questions) for each in conversations)
        task = progress.add_task("LoCoMo", total=steps)
        run = evaluate(memory, conversations, arguments.mode, arguments.limit, progress, task)
        status = memory.status()
    report = {
        "mode": arguments.mode,
        "limit": arguments.limit,
        "embedder": status.embedder,
        **report_of(run, audited=audit is not None),
    }
    if arguments.vectors_cache is not None:
        report["notices"].append("vectors came from a file: speeds say nothing")
    save(report, arguments.json)
    _show(report)
    for notice in report["notices"]:
        print(f"note: {notice}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
