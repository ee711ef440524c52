"""Two configurations side by side: differences over the same questions, and what moved."""

from __future__ import annotations

from collections.abc import Sequence

from memkit.errors import InvalidInput
from memkit.evaluation.bootstrap import RESAMPLES, SEED, paired
from memkit.evaluation.results import Answer, Comparison, Difference, Evaluation, Move
from memkit.evaluation.summary import by_category, clusters_of, measure_names, table
from memkit.validation import check_count

#: The fewest resamples that a comparison is made with.
RESAMPLES_MIN = 2000
RESAMPLES_MAX = 1_000_000
#: The measure by which a question is called better or worse.
BY = "ndcg@10"


def compare(
    a: Evaluation,
    b: Evaluation,
    *,
    by: str = BY,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Comparison:
    """What configuration B changes against A: each measure's difference, with its interval.

    The bootstrap is paired (each question is compared with itself) and clustered by the
    questions' groups; :mod:`memkit.evaluation.bootstrap` names the sources.

    Args:
        a, b: evaluations of the same questions in the same order.
        by: the measure by which single questions are called better or worse.
        resamples: at least 2,000.
        seed: the same seed gives the same figures.

    Raises:
        InvalidInput: they answer other questions, none can be answered, or there is no
            measure of that name.
    """
    check_count(resamples, "resamples", RESAMPLES_MIN, RESAMPLES_MAX)
    if [one.question for one in a.answers] != [one.question for one in b.answers]:
        raise InvalidInput("the two evaluations answer different questions: evaluate the same ones")
    if not a.answerable:
        raise InvalidInput("no question has relevant ids: there is no ranking to compare")
    names = measure_names((*a.answerable, *b.answerable))
    if by not in names:
        raise InvalidInput(f"there is no such measure: it is one of {', '.join(names)}")
    under_a, under_b = by_category(a.answerable), by_category(b.answerable)
    moves = _moves(a.answerable, b.answerable, by)
    return Comparison(
        a=a,
        b=b,
        differences={
            name: _differences(under_a[name], under_b[name], resamples, seed) for name in under_a
        },
        by=by,
        better=tuple(move for move in moves if move.change > 0),
        worse=tuple(move for move in reversed(moves) if move.change < 0),
        clusters=len(set(clusters_of(a.answerable))),
        resamples=resamples,
    )


def _differences(
    a: Sequence[Answer], b: Sequence[Answer], resamples: int, seed: int
) -> dict[str, Difference]:
    before, after = table(a), table(b)
    test = paired(after - before, clusters_of(a), resamples=resamples, seed=seed)
    return {
        name: Difference(
            a=float(before[:, at].mean()),
            b=float(after[:, at].mean()),
            mean=float(test.mean[at]),
            low=float(test.low[at]),
            high=float(test.high[at]),
            p=float(test.p[at]),
            count=len(a),
        )
        for at, name in enumerate(measure_names(a))
    }


def _moves(a: Sequence[Answer], b: Sequence[Answer], by: str) -> list[Move]:
    """Every question with its change, the greatest gain first."""
    moves = [
        Move(one.question, one.rank, other.rank, other.measures[by] - one.measures[by])
        for one, other in zip(a, b, strict=True)
    ]
    return sorted(moves, key=lambda move: -move.change)
