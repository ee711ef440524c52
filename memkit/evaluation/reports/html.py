"""A report as one HTML file that loads nothing and runs nothing."""

from __future__ import annotations

import base64
from importlib.resources import files
from typing import Any

from memkit.errors import MissingDependency
from memkit.evaluation.reports.plots import plots
from memkit.evaluation.reports.report import Report
from memkit.evaluation.reports.tables import tables

_TEMPLATE = "report.html.jinja"


def as_html(report: Report) -> str:
    """The report with its plots, as one page.

    Everything is escaped; plots are images, in which no script runs; and a content security
    policy forbids scripts and every request, should anything get through.

    Raises:
        MissingDependency: jinja2 or matplotlib is not installed.
    """
    page: str = _template().render(
        title=report.title,
        circumstances=report.circumstances,
        notices=report.notices,
        plots={title: _address(svg) for title, svg in plots(report).items()},
        tables=tables(report),
    )
    return page


def _template() -> Any:
    try:
        from jinja2 import Environment, StrictUndefined
    except ImportError as error:
        raise MissingDependency(
            'an HTML report needs jinja2: pip install "agent-memkit[eval]"'
        ) from error
    text = (files("memkit.evaluation.reports") / _TEMPLATE).read_text(encoding="utf-8")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(text)


def _address(svg: str) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
