"""A report as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape

from memkit.evaluation.reports.report import Report
from memkit.evaluation.reports.tables import Table, tables

# What Markdown would take for more than text; also a bare address, and a name with an @ before.
_SPECIAL = re.compile(r"[\\`*_\[\]|~#]|(?<!\w)@|:(?=//)")
_UNSEEN = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]+")


def as_markdown(report: Report) -> str:
    """The report's tables as Markdown; what comes from data is escaped."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    yield f"# Evaluation of {_text(report.title)}"
    yield ""
    yield "; ".join(f"{name} {_text(value)}" for name, value in report.circumstances.items())
    for notice in report.notices:
        yield ""
        yield f"> Note: {_text(notice)}"
    for table in tables(report):
        yield ""
        yield from _table(table)


def _table(table: Table) -> Iterator[str]:
    yield f"## {_text(table.title)}"
    yield ""
    yield _row(table.columns)
    yield (
        "|"
        + "|".join("---" if at < table.text_columns else "---:" for at in range(len(table.columns)))
        + "|"
    )
    for row in table.rows:
        yield _row(row)
    if table.note:
        yield ""
        yield _text(table.note)


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(map(_text, cells)) + " |"


def _text(text: str) -> str:
    """Text on one line, in which nothing is markup."""
    line = escape(_UNSEEN.sub(" ", text).strip(), quote=False)
    return _SPECIAL.sub(r"\\\g<0>", line)
