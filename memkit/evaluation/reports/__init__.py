"""Reports of an evaluation: JSON, Markdown and one self-contained HTML file."""

from memkit.evaluation.reports.document import as_document
from memkit.evaluation.reports.html import as_html
from memkit.evaluation.reports.markdown import as_markdown
from memkit.evaluation.reports.report import Report
from memkit.evaluation.reports.tables import Table, tables

__all__ = ["Report", "Table", "as_document", "as_html", "as_markdown", "tables"]
