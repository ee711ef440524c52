"""The command that measures recall on a user's own questions: eval."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from memkit.cli.handles import Command, Place, placed
from memkit.cli.output import console, notices, printable, progress, show
from memkit.errors import InvalidInput
from memkit.interchange.lines import json_text

if TYPE_CHECKING:
    from memkit.engine import Progress
    from memkit.evaluation import Comparison, Configuration, CrossValidation, Evaluation
    from memkit.evaluation.measuring import Material
    from memkit.evaluation.reports import Report, Table

_SIDE = "NAME=VALUE"
_REPORTS = "Reports"
Settings = list[str] | None


@placed
def eval_(
    place: Place,
    data: Annotated[Path, typer.Argument(metavar="DATA", help="JSON lines: questions.")],
    memories: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Memories for a throw-away store: export or JSON lines."),
    ] = None,
    a: Annotated[
        Settings, typer.Option("--a", metavar=_SIDE, help="Settings of one side; repeatable.")
    ] = None,
    b: Annotated[
        Settings, typer.Option("--b", metavar=_SIDE, help="Settings of the other; repeatable.")
    ] = None,
    candidate: Annotated[
        Settings,
        typer.Option(metavar=_SIDE, help="Choose among these by cross-validation; repeatable."),
    ] = None,
    measure: Annotated[
        str, typer.Option(help="The measure to choose by, and to call questions better by.")
    ] = "ndcg@10",
    folds: Annotated[int, typer.Option(help="Folds of the cross-validation.")] = 5,
    sessions: Annotated[
        str | None,
        typer.Option(metavar="FIELD", help="Measure sessions too, such as conversation_id."),
    ] = None,
    limit: Annotated[int | None, typer.Option(help="Hits to a question.")] = None,
    moved: Annotated[int, typer.Option(min=0, help="List so many questions that moved.")] = 10,
    json_: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="All figures.", rich_help_panel=_REPORTS),
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The tables.", rich_help_panel=_REPORTS)
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Tables and plots.", rich_help_panel=_REPORTS),
    ] = None,
) -> None:
    """Measure recall on your own questions; with --a and --b compare two configurations."""
    from memkit.evaluation import compare, cross_validate
    from memkit.evaluation.measuring import read_material
    from memkit.evaluation.reports import Report, tables

    configurations = _configurations(a, b, candidate, limit)
    targets = [path for path in (json_, markdown, html) if path is not None]
    _check_targets(targets)
    material = read_material(data, memories)
    done = tuple(
        _measured(place, material, sessions, one, name)
        for one, name in zip(configurations, _names(len(configurations)), strict=True)
    )
    comparison: Comparison | None = None
    validation: CrossValidation | None = None
    if candidate:
        by_name = {each.name: each for each in done}
        validation = cross_validate(by_name, measure, folds=folds)
    elif len(done) > 1:
        comparison = compare(*done, by=measure)
    report = Report(data.name, done, comparison, validation, moved)
    for table in tables(report):
        _show(table)
    notices(report.notices)
    _write(report, json_, markdown, html)
    for path in targets:
        show(f"written to {path}")


def _configurations(a: Settings, b: Settings, candidates: Settings, limit: int | None) -> list[
    Configuration
]:  # fmt: skip
    from memkit.evaluation import Configuration

    common = [] if limit is None else [f"limit={limit}"]
    if candidates:
        if a or b:
            raise InvalidInput("give --a and --b, or candidates, not both")
        if len(set(candidates)) != len(candidates) or len(candidates) < 2:
            raise InvalidInput(
                "give two candidates or more, each once: --candidate dense_weight=0.3"
            )
        return [Configuration.parse([each, *common]) for each in candidates]
    sides = [a or []] if b is None else [a or [], b]
    return [Configuration.parse([*each, *common]) for each in sides]


def _names(count: int) -> Sequence[str]:
    return [""] if count == 1 else [f"{number} of {count}: " for number in range(1, count + 1)]


def _measured(
    place: Place, material: Material, sessions: str | None, configuration: Configuration, name: str
) -> Evaluation:
    from memkit.evaluation.measuring import measure

    def watch(step: str) -> AbstractContextManager[Progress | None]:
        return progress(f"{name}{step}", quiet=False)

    return measure(material, configuration, place=place, sessions=sessions, watch=watch)


def _check_targets(paths: Sequence[Path]) -> None:
    """Refuse what could not be written, before anything is measured."""
    for path in paths:
        if not path.absolute().parent.is_dir() or path.is_dir():
            raise InvalidInput(f"{path} cannot be written: its folder is missing, or it is one")


def _write(report: Report, json_: Path | None, markdown: Path | None, html: Path | None) -> None:
    from memkit.evaluation.reports import as_document, as_html, as_markdown

    makers: list[tuple[Path | None, Callable[[Report], str]]] = [
        (json_, lambda told: json_text(as_document(told)) + "\n"),
        (markdown, as_markdown),
        (html, as_html),
    ]
    for path, make in makers:
        if path is None:
            continue
        text = make(report)
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise InvalidInput(f"{path} cannot be written: {error.strerror}") from error


def _show(table: Table) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table as Grid
    from rich.text import Text

    grid = Grid(title=table.title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for at, name in enumerate(table.columns):
        words = at < table.text_columns
        grid.add_column(Text(name), justify="left" if words else "right", overflow="fold")
    for row in table.rows:
        grid.add_row(*(Text(printable(cell).replace("\n", " ")) for cell in row))
    console().print(grid)
    if table.note:
        show(table.note, style="dim")


COMMANDS: dict[str, Command] = {"eval": eval_}
