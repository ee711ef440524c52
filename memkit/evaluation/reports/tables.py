"""The tables of a report, as text: the terminal, Markdown and HTML show the same ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from memkit.evaluation.measures import SESSION
from memkit.evaluation.reports.report import Report
from memkit.evaluation.results import ALL, Difference, Estimate, Move
from memkit.evaluation.summary import latency, unanswerable

#: The measures that a table by category shows.
_BRIEF = ("any@1", "any@5", "any@10", "all@10", "mrr", "ndcg@10", f"{SESSION}any@5")
#: More evaluations than this stand in rows, not in columns.
_BESIDE = 2


@dataclass(frozen=True, slots=True)
class Table:
    """A table of text; all but the first ``text_columns`` columns are numbers."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    text_columns: int = 1


def tables(report: Report) -> list[Table]:
    """The tables of a report, in the order in which they are read."""
    return [table for table in _tables(report) if table.rows]


def _tables(report: Report) -> Iterator[Table]:
    yield _configurations(report)
    if report.comparison is not None:
        yield _differences(report)
    elif report.count <= _BESIDE:
        yield _measures(report)
    yield _categories(report)
    yield _unanswerable(report)
    yield _latency(report)
    if report.comparison is not None:
        by = report.comparison.by
        yield _moves(f"Better under B, by {by}", report.comparison.better, report.moved)
        yield _moves(f"Worse under B, by {by}", report.comparison.worse, report.moved)
    if report.validation is not None:
        yield _candidates(report)
        yield _folds(report)


def _configurations(report: Report) -> Table:
    rows = [
        (
            side,
            each.name,
            each.embedder or "none",
            str(len(each.answerable)),
            str(len(each) - len(each.answerable)),
            str(each.limit),
        )
        for side, each in zip(report.sides, report.evaluations, strict=True)
    ]
    columns = ("", "configuration", "embedder", "answerable", "unanswerable", "hits asked for")
    return Table("What was asked", columns, tuple(rows), text_columns=3)


def _measures(report: Report) -> Table:
    rows = []
    names = report.estimates[0].get(ALL, {}) if report.estimates else {}
    for name in names:
        cells = [_estimate(each[ALL][name]) for each in report.estimates]
        rows.append((name, *cells))
    return Table(
        "Measures",
        ("measure", *report.sides),
        tuple(rows),
        "In per cent, over the answerable questions, with 95 % bootstrap intervals.",
    )


def _differences(report: Report) -> Table:
    assert report.comparison is not None
    a, b = report.estimates
    rows = [
        (name, _estimate(a[ALL][name]), _estimate(b[ALL][name]), *_difference(difference))
        for name, difference in report.comparison.differences[ALL].items()
    ]
    return Table(
        "Measures, side by side",
        ("measure", "A", "B", "B - A", "p"),
        tuple(rows),
        "In per cent, with 95 % intervals. Paired bootstrap of "
        f"{report.comparison.resamples:,} resamples over "
        f"{report.comparison.clusters:,} independent questions or groups; two-sided p-values, "
        "not corrected for looking at many measures.",
    )


def _categories(report: Report) -> Table:
    rows = []
    for name in report.estimates[0] if report.estimates else ():
        for side, found in zip(report.sides, report.estimates, strict=True):
            own = found[name]
            count = next(iter(own.values())).count
            rows.append(
                (name, side, str(count), *(_percent(own[key].mean) for key in _brief(report)))
            )
    return Table(
        "By category", ("category", "", "questions", *_brief(report)), tuple(rows), text_columns=2
    )


def _brief(report: Report) -> tuple[str, ...]:
    known = report.estimates[0].get(ALL, {}) if report.estimates else {}
    return tuple(name for name in _BRIEF if name in known)


def _unanswerable(report: Report) -> Table:
    rows = []
    for side, each in zip(report.sides, report.evaluations, strict=True):
        told = unanswerable(each)
        if told is not None:
            rows.append(
                (
                    side,
                    str(told.count),
                    _percent(told.nothing),
                    _number(told.relevance),
                    _number(told.answerable_relevance),
                    _number(told.separation),
                )
            )
    return Table(
        "Questions that nothing answers",
        (
            "",
            "questions",
            "nothing, %",
            "relevance",
            "of answerable",
            "separation",
        ),
        tuple(rows),
        "Nothing is what they should get. Relevance is the mean of the best hits'. Separation is "
        "the probability that an answerable question's best hit is more relevant "
        "than an unanswerable one's: 0.5 is chance.",
    )


def _latency(report: Report) -> Table:
    rows = []
    for side, each in zip(report.sides, report.evaluations, strict=True):
        took = latency(each)
        figures = (took.wall_p50, took.wall_p95, took.cpu_p50, took.cpu_p95)
        rows.append((side, *(f"{figure:.2f}" for figure in figures)))
    return Table(
        "Milliseconds of a recall",
        ("", "wall p50", "wall p95", "CPU p50", "CPU p95"),
        tuple(rows),
        "Embedding of the query included.",
    )


def _moves(title: str, moves: Sequence[Move], most: int) -> Table:
    rows = [
        (
            move.question.id,
            move.question.query,
            _rank(move.rank_a),
            _rank(move.rank_b),
            f"{100 * move.change:+.1f}",
        )
        for move in moves[:most]
    ]
    left = len(moves) - len(rows)
    return Table(
        f"{title}: {len(moves)}",
        ("id", "query", "rank A", "rank B", "change"),
        tuple(rows),
        f"{left} more are not shown." if left else "",
        text_columns=2,
    )


def _candidates(report: Report) -> Table:
    assert report.validation is not None
    told = report.validation
    rows = [
        (name, _percent(score), "chosen" if name == told.choice else "")
        for name, score in told.scores.items()
    ]
    return Table(
        f"Candidates, by {told.measure}",
        ("configuration", told.measure, ""),
        tuple(rows),
        "In per cent, over all questions: the best of these flatters itself.",
    )


def _folds(report: Report) -> Table:
    assert report.validation is not None
    told = report.validation
    rows = [
        (
            str(number),
            fold.choice,
            str(fold.groups),
            str(fold.count),
            _percent(fold.chosen_score),
            _percent(fold.held_out),
            _percent(fold.first),
        )
        for number, fold in enumerate(told.folds, 1)
    ]
    return Table(
        "Cross-validation",
        (
            "fold",
            "chosen on the others",
            "groups",
            "questions",
            "score there",
            "held out",
            "the first there",
        ),
        tuple(rows),
        f"Held out, {told.measure} is {_percent(told.held_out)}, {100 * told.gain:+.1f} against "
        f"the first candidate; the choice, {told.choice}, has "
        f"{_percent(told.scores[told.choice])} on its own data. "
        f"{_percent(told.agreement)} % of the folds chose it.",
        text_columns=2,
    )


def _estimate(value: Estimate) -> str:
    return f"{_percent(value.mean)} ({_percent(value.low)}..{_percent(value.high)})"


def _difference(value: Difference) -> tuple[str, str]:
    bounds = f"{100 * value.low:+.1f}..{100 * value.high:+.1f}"
    return f"{100 * value.mean:+.1f} ({bounds})", f"{value.p:.4f}"


def _percent(value: float) -> str:
    return f"{100 * value:.1f}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _rank(value: int | None) -> str:
    return "-" if value is None else str(value)
