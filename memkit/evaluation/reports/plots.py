"""The plots of a report, each an SVG text. They hold our own words alone, nothing from data."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from typing import TYPE_CHECKING

from memkit.errors import MissingDependency
from memkit.evaluation.measures import SESSION
from memkit.evaluation.reports.report import Report
from memkit.evaluation.results import ALL
from memkit.evaluation.summary import RANKS, rank_counts

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SHOWN = (
    "any@1", "any@3", "any@5", "any@10", "all@5", "all@10", "recall@10", "mrr", "ndcg@10",
    f"{SESSION}any@5", f"{SESSION}any@10",
)  # fmt: skip
# Told apart by those who see no red or green, too (Okabe and Ito).
_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00")


def plots(report: Report) -> dict[str, str]:
    """The plots by title: measures, differences (of two), ranks and times.

    Raises:
        MissingDependency: matplotlib is not installed.
    """
    if not report.evaluations[0].answerable:
        return {"Milliseconds of a recall": _drawn(_latency, report)}
    drawn = {"Measures, with 95 % intervals": _drawn(_measures, report)}
    if report.comparison is not None:
        drawn["Differences, B - A, with 95 % intervals"] = _drawn(_differences, report)
    drawn["Rank of the first relevant hit"] = _drawn(_ranks, report)
    drawn["Milliseconds of a recall"] = _drawn(_latency, report)
    return drawn


def _drawn(draw: Callable[[Axes, Report], None], report: Report) -> str:
    try:
        import matplotlib
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependency(
            'an HTML report needs matplotlib: pip install "agent-memkit[eval]"'
        ) from error
    # The same report gives the same file; text is drawn as paths, so that no font is needed.
    style = matplotlib.rc_context(
        {"svg.hashsalt": "memkit", "svg.fonttype": "path", "font.size": 9}
    )
    with style:
        figure = Figure(figsize=(7.2, 3.6), layout="constrained")
        axes = figure.add_subplot()
        axes.spines[["top", "right"]].set_visible(False)
        draw(axes, report)
        text = StringIO()
        FigureCanvasSVG(figure)
        figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()


def _measures(axes: Axes, report: Report) -> None:
    names = [name for name in _SHOWN if name in report.estimates[0][ALL]]
    width = 0.8 / report.count
    for at, (side, found) in enumerate(zip(report.sides, report.estimates, strict=True)):
        own = [found[ALL][name] for name in names]
        means = [100 * each.mean for each in own]
        # A percentile interval may leave the mean out; a bar's whisker cannot.
        errors = [
            [100 * max(0.0, each.mean - each.low) for each in own],
            [100 * max(0.0, each.high - each.mean) for each in own],
        ]
        places = [place + (at - (report.count - 1) / 2) * width for place in range(len(names))]
        axes.bar(
            places, means, width, yerr=errors, capsize=2, label=side,
            color=_colour(at), error_kw={"linewidth": 0.8},
        )  # fmt: skip
    axes.set_xticks(range(len(names)), names, rotation=30, ha="right")
    axes.set_ylim(0, 105)
    axes.set_ylabel("per cent")
    _legend(axes, report)


def _differences(axes: Axes, report: Report) -> None:
    assert report.comparison is not None
    found = report.comparison.differences[ALL]
    names = [name for name in _SHOWN if name in found][::-1]
    for place, name in enumerate(names):
        each = found[name]
        sure = each.low > 0 or each.high < 0
        axes.plot(
            [100 * each.low, 100 * each.high], [place, place],
            color=_colour(0) if sure else "#888888", linewidth=2,
        )  # fmt: skip
        axes.plot([100 * each.mean], [place], "o", color=_colour(0) if sure else "#888888")
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("points; grey: the interval holds zero")


def _ranks(axes: Axes, report: Report) -> None:
    width = 0.8 / report.count
    for at, (side, each) in enumerate(zip(report.sides, report.evaluations, strict=True)):
        counts = rank_counts(each)
        places = [
            place + (at - (report.count - 1) / 2) * width for place in range(1, len(counts) + 1)
        ]
        axes.bar(places, list(counts.values()), width, label=side, color=_colour(at))
    labels = [*map(str, range(1, RANKS + 1)), f"> {RANKS}, none"]
    axes.set_xticks(range(1, RANKS + 2), labels)
    axes.set_xlabel("rank")
    axes.set_ylabel("questions")
    _legend(axes, report)


def _latency(axes: Axes, report: Report) -> None:
    for at, (side, each) in enumerate(zip(report.sides, report.evaluations, strict=True)):
        for values, style, what in (
            ([answer.wall_ms for answer in each.answers], "-", "wall"),
            ([answer.cpu_ms for answer in each.answers], ":", "CPU"),
        ):
            axes.ecdf(values, linestyle=style, color=_colour(at), label=f"{side}, {what}")
    axes.set_xlabel("milliseconds")
    axes.set_ylabel("share of recalls that took no longer")
    axes.set_xlim(left=0)
    axes.legend(frameon=False, loc="lower right")


def _legend(axes: Axes, report: Report) -> None:
    if report.count > 1:
        axes.legend(frameon=False)


def _colour(at: int) -> str:
    return _COLOURS[at % len(_COLOURS)]
