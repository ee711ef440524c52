"""How well memkit finds what was said: recall on LoCoMo's ten long conversations.

    python benchmarks/locomo.py locomo10.json --json locomo-results.json
    python benchmarks/locomo.py locomo10.json --json best.json --profile best --set token_vectors=on

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
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from _locomo import CATEGORIES, BadDataset, Conversation, load
from _locomo import Question as Asked
from _report import circumstances, percentile, save, show
from _vectors import FileVectors
from rich.progress import Progress, TaskID

from memkit import Draft, Memory
from memkit.evaluation import Configuration, Evaluation, Question, evaluate
from memkit.evaluation.measures import SESSION
from memkit.evaluation.questions import EVAL_ID
from memkit.evaluation.summary import by_category
from memkit.memory import MODES
from memkit.protocols import Embedder

AUDIT_NAME = "locomo_audit.json"
#: Deep enough that ten sessions are found among the turns.
LIMIT = 50


TURN = ("any@5", "all@5", "any@10", "all@10", "mrr")
SESSIONS = ("any@5", "any@10")
_SHARES = {"p50": 50, "p95": 95}


@dataclass(slots=True)
class Run:
    """What one run has measured so far, each conversation by itself."""

    original: list[Evaluation] = field(default_factory=list)
    audited: list[Evaluation] = field(default_factory=list)
    stored: int = 0
    ingest_s: float = 0.0
    ingest_cpu_s: float = 0.0
    notices: set[str] = field(default_factory=set)


def turn_id(conversation: Conversation, id_: str) -> str:
    """The id of a turn among those of all conversations."""
    return f"{conversation.id}/{id_}"


def session_id(conversation: Conversation, session: int) -> str:
    """The id of a session; it is a conversation in memkit's words."""
    return f"{conversation.id}/session-{session}"


def questions_of(conversation: Conversation, namespace: str) -> list[tuple[Asked, Question]]:
    """The questions with evidence of either reading; together they are one group."""
    return [
        (
            asked,
            Question(
                id=f"{conversation.id}/{number}",
                query=asked.text,
                relevant=frozenset(turn_id(conversation, each) for each in asked.evidence),
                category=asked.category,
                group=conversation.id,
                namespace=namespace,
            ),
        )
        for number, asked in enumerate(conversation.questions)
        if asked.evidence or asked.audited
    ]


def drafts_of(conversation: Conversation) -> list[Draft]:
    """The turns as memories."""
    return [
        Draft(
            content=turn.text,
            speaker=turn.speaker,
            occurred_at=turn.occurred_at,
            conversation_id=session_id(conversation, turn.session),
            sequence=turn.sequence,
            metadata={EVAL_ID: turn_id(conversation, turn.id)},
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


def ask(
    memory: Memory,
    conversation: Conversation,
    namespace: str,
    recall: Mapping[str, Any],
    run: Run,
) -> None:
    """Ask a conversation's questions and judge the answers by both readings."""
    both = questions_of(conversation, namespace)
    if not both:
        return
    found = evaluate(
        memory,
        [question for _, question in both],
        recall=recall,
        sessions="conversation_id",
    )
    session_of = {
        turn_id(conversation, turn.id): session_id(conversation, turn.session)
        for turn in conversation.turns
    }
    audited = {
        question.id: frozenset(turn_id(conversation, each) for each in asked.audited)
        for asked, question in both
    }
    run.original.append(found)
    run.audited.append(found.with_relevant(audited, session_of))
    run.notices.update(found.notices)


def measured(
    memory: Memory,
    conversations: Sequence[Conversation],
    recall: Mapping[str, Any],
    progress: Progress,
    task: TaskID,
) -> Run:
    """Store every conversation and ask its questions."""
    run = Run()
    # A namespace of this run's own: a store that is not fresh must not show older turns.
    prefix = f"locomo-{uuid.uuid4().hex[:8]}"
    for conversation in conversations:
        namespace = f"{prefix}:{conversation.id}"
        ingest(memory.at(namespace=namespace), conversation, run)
        progress.advance(task, len(conversation.turns))
        ask(memory, conversation, namespace, recall, run)
        progress.advance(task, len(conversation.questions))
    return run


def together(evaluations: Sequence[Evaluation]) -> Evaluation:
    """The evaluations of all conversations as one."""
    answers = tuple(answer for each in evaluations for answer in each.answers)
    return replace(evaluations[0], answers=answers)


def shares(evaluation: Evaluation) -> dict[str, Any]:
    """The shares in per cent, by category and in all, and how many questions they are of."""
    groups = by_category(evaluation.answerable)

    def mean(name: str, measure: str) -> float:
        values = [answer.measures[measure] for answer in groups[name]]
        return round(100 * sum(values) / len(values), 2)

    counts = Counter({name: len(answers) for name, answers in groups.items()})
    return {
        "turn": {name: {key: mean(name, key) for key in TURN} for name in groups},
        "session": {
            name: {key: mean(name, f"{SESSION}{key}") for key in SESSIONS} for name in groups
        },
        "questions": {"all": 0, **counts},
    }


def report_of(run: Run, *, audited: bool) -> dict[str, Any]:
    """The report of a run, with what it was run on."""
    found = together(run.original)
    wall = [answer.wall_ms for answer in found]
    cpu = [answer.cpu_ms for answer in found]
    return {
        **shares(found),
        "audited": shares(together(run.audited)) if audited else None,
        "turns": run.stored,
        "ingest_per_s": round(run.stored / run.ingest_s, 1) if run.ingest_s else 0.0,
        "ingest_cpu_ms": round(1e3 * run.ingest_cpu_s / max(run.stored, 1), 3),
        "recall_ms": {share: round(percentile(wall, at), 2) for share, at in _SHARES.items()},
        "recall_cpu_ms": {share: round(percentile(cpu, at), 2) for share, at in _SHARES.items()},
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
    parser.add_argument("--profile", help="fast, balanced or best; by default the setting")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", dest="chosen",
        help="a setting or an argument of recall, such as token_vectors=on; repeatable",
    )  # fmt: skip
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
    recall: dict[str, Any] = {"mode": arguments.mode, "limit": arguments.limit}
    if arguments.profile is not None:
        recall["profile"] = arguments.profile
    configuration = Configuration.parse(arguments.chosen)
    recall |= configuration.recall
    with ExitStack() as stack:
        url = arguments.backend
        if url is None:
            url = str(Path(stack.enter_context(TemporaryDirectory())) / "locomo.db")
        memory = stack.enter_context(Memory.open(url, embedder=embedder, **configuration.settings))
        # The model's loading is no part of the rates.
        memory.warm_up()
        progress = stack.enter_context(Progress())
        steps = sum(len(each.turns) + len(each.questions) for each in conversations)
        task = progress.add_task("LoCoMo", total=steps)
        run = measured(memory, conversations, recall, progress, task)
        status = memory.status()
    report = {
        **recall,
        **configuration.settings,
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
