"""A report as one JSON document: all figures, and every question with its ranking."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from memkit.evaluation.reports.report import Report
from memkit.evaluation.results import Answer, Estimate, Evaluation, Move
from memkit.evaluation.summary import latency, rank_counts, unanswerable


def as_document(report: Report) -> dict[str, Any]:
    """The report as JSON values; shares and scores are in [0, 1], times in milliseconds."""
    document: dict[str, Any] = {
        "data": report.title,
        **report.circumstances,
        "notices": list(report.notices),
        "evaluations": [
            _evaluation(side, each, found)
            for side, each, found in zip(
                report.sides, report.evaluations, report.estimates, strict=True
            )
        ],
    }
    told = report.comparison
    if told is not None:
        document["comparison"] = {
            "differences": {
                category: {name: asdict(value) for name, value in measures.items()}
                for category, measures in told.differences.items()
            },
            "by": told.by,
            "better": [_move(move) for move in told.better],
            "worse": [_move(move) for move in told.worse],
            "groups": told.clusters,
            "resamples": told.resamples,
        }
    if report.validation is not None:
        document["cross_validation"] = {
            **asdict(report.validation),
            "optimism": report.validation.optimism,
        }
    return document


def _evaluation(
    side: str, evaluation: Evaluation, found: Mapping[str, Mapping[str, Estimate]]
) -> dict[str, Any]:
    without = unanswerable(evaluation)
    return {
        "side": side,
        "configuration": evaluation.name,
        "limit": evaluation.limit,
        "embedder": evaluation.embedder,
        "measures": {
            category: {name: asdict(value) for name, value in measures.items()}
            for category, measures in found.items()
        },
        "unanswerable": None if without is None else asdict(without),
        "latency_ms": asdict(latency(evaluation)),
        "ranks": {
            "beyond" if rank is None else str(rank): count
            for rank, count in rank_counts(evaluation).items()
        },
        "answers": [_answer(answer) for answer in evaluation.answers],
    }


def _answer(answer: Answer) -> dict[str, Any]:
    question = answer.question
    return {
        "id": question.id,
        "query": question.query,
        "category": question.category,
        "group": question.group,
        "relevant": sorted(question.relevant),
        "ranked": list(answer.ranked),
        "rank": answer.rank,
        "relevance": answer.relevance,
        "measures": dict(answer.measures),
        "wall_ms": round(answer.wall_ms, 3),
        "cpu_ms": round(answer.cpu_ms, 3),
    }


def _move(move: Move) -> dict[str, Any]:
    return {
        "id": move.question.id,
        "query": move.question.query,
        "rank_a": move.rank_a,
        "rank_b": move.rank_b,
        "change": move.change,
    }
