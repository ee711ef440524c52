"""Reports show the figures, load nothing, and nothing that comes from data is more than text."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest

from memkit.evaluation import Evaluation, compare, cross_validate
from memkit.evaluation.reports import Report, as_document, as_html, as_markdown
from tests.evaluation.samples import evaluation

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)> \"' | [a](javascript:b) {{ 7 * 7 }}"


def report_of(name: str = "one", query: str = "what?") -> Report:
    ranks = {query: 2, **{f"q{number}": 1 + number % 7 for number in range(30)}}
    a = evaluation(ranks, name=name, unanswerable=[0.3, None])
    b = evaluation(dict.fromkeys(ranks, 1), name=f"other {name}", unanswerable=[0.2, 0.1])
    return Report(f"{name}.jsonl", (a, b), compare(a, b))


class Page(HTMLParser):
    """The elements, attributes and texts of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_what_comes_from_data_is_inert_in_html() -> None:
    page = Page(as_html(report_of(EVIL, EVIL)))

    assert "script" not in page.tags
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    # It is all there, as text.
    assert any(text == EVIL for text in page.texts)
    assert f"Evaluation of {EVIL}.jsonl" in page.texts


def test_html_loads_nothing_from_elsewhere_and_forbids_scripts() -> None:
    page = Page(as_html(report_of()))

    addresses = [value for name, value in page.attributes if name in ("src", "href")]
    assert len(addresses) == 4
    for address in addresses:
        head, _, content = str(address).partition(",")
        assert head == "data:image/svg+xml;base64"
        svg = base64.b64decode(content).decode()
        assert "<script" not in svg
        assert re.search(r'href="(?!#)', svg) is None
    assert not {"link", "iframe", "object", "script"} & page.tags
    policies = [value for _, value in page.attributes if str(value).startswith("default-src")]
    assert policies == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]


def test_the_same_report_gives_the_same_page() -> None:
    report = report_of()

    assert as_html(report) == as_html(report)


def test_what_comes_from_data_is_text_in_markdown() -> None:
    text = as_markdown(report_of(EVIL, f"first\n\n# second {EVIL}"))

    assert "<" not in text
    assert "\n# second" not in text
    assert re.search(r"(?<!\\)\[a", text) is None
    for line in text.splitlines():
        if line.startswith("|") and "---" not in line:
            assert len(re.findall(r"(?<!\\)\|", line)) in {5, 6, 7, 10, 11}


def test_the_tables_hold_the_figures() -> None:
    report = report_of()
    text = as_markdown(report)

    assert report.comparison is not None
    change = report.comparison.differences["all"]["any@1"]
    assert f"+{100 * change.mean:.1f} (" in text
    assert "## Better under B, by ndcg@10: 26" in text
    assert "Worse under B" not in text
    assert "## Questions that nothing answers" in text


def test_the_document_is_json_with_every_question() -> None:
    document = json.loads(json.dumps(as_document(report_of(query=EVIL))))

    first, second = document["evaluations"]
    assert first["measures"]["all"]["any@1"]["count"] == 31
    assert first["answers"][0]["query"] == EVIL
    assert first["answers"][0]["rank"] == 2
    assert second["unanswerable"]["nothing"] == 0
    assert document["comparison"]["groups"] == 31


def test_a_report_on_cross_validation_says_what_was_held_out() -> None:
    one, two = evaluation({"a": 1, "b": 3, "c": 1}), evaluation({"a": 2, "b": 2, "c": 2})
    chosen = cross_validate({"one": one, "two": two}, "mrr", folds=3)
    report = Report("data", (one, two), validation=chosen)

    text = as_markdown(report)

    assert "## Cross-validation" in text
    assert f"Held out, mrr is {100 * chosen.held_out:.1f}" in text
    assert as_document(report)["cross_validation"]["choice"] == "one"


@pytest.mark.parametrize(
    "evaluated",
    [evaluation({}, unanswerable=[0.4, None]), evaluation({"a": None})],
    ids=["nothing answerable", "one question"],
)
def test_small_evaluations_have_reports_too(evaluated: Evaluation) -> None:
    report = Report("data", (evaluated,))

    assert "Milliseconds of a recall" in as_html(report)
    assert "Milliseconds of a recall" in as_markdown(report)
    assert as_document(report)["evaluations"]


@pytest.mark.parametrize("missing", ["matplotlib", "jinja2"])
def test_a_missing_package_names_the_extra(missing: str) -> None:
    program = f"""
import sys
sys.modules[{missing!r}] = None
from memkit.errors import MissingDependency
from memkit.evaluation import Answer, Evaluation, Question
from memkit.evaluation.reports import Report, as_html
one = Evaluation("a", (Answer(Question("q", "what?", frozenset("x")), ("x",)),), 10)
try:
    as_html(Report("data", (one,)))
except MissingDependency as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert f'needs {missing}: pip install "agent-memkit[eval]"' in done.stdout


def test_plots_are_not_loaded_before_they_are_drawn() -> None:
    program = "import memkit.evaluation.reports, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert not {"matplotlib", "jinja2"} & set(done.stdout.split())
