"""Evaluations made of rankings, without a store behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from memkit.evaluation import Answer, Evaluation, Question


def evaluation(
    ranks: Mapping[str, int | None],
    *,
    name: str = "one",
    groups: Mapping[str, str] | None = None,
    unanswerable: Sequence[float | None] = (),
) -> Evaluation:
    """Questions by query with the rank of their one relevant id, then unanswerable ones with the
    relevance of their best hit.
    """
    answers = []
    for query, rank in ranks.items():
        ranked = [f"x{number}" for number in range(10)]
        if rank is not None:
            ranked.insert(rank - 1, "right")
        question = Question(query, query, frozenset({"right"}), group=(groups or {}).get(query))
        answers.append(Answer(question, tuple(ranked), relevance=0.8, wall_ms=2, cpu_ms=1))
    for number, relevance in enumerate(unanswerable):
        question = Question(f"none{number}", f"nobody knows {number}")
        ranked = [] if relevance is None else ["x"]
        answers.append(Answer(question, tuple(ranked), relevance=relevance, wall_ms=4, cpu_ms=3))
    return Evaluation(name, tuple(answers), 10)
